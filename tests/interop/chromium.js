// A headless Chromium, driven over DevTools: start it, open a page, end it.
"use strict";
const path = require("node:path");
const { openLine, withBrowser } = require("./launch.js");
const { trust } = require("./tls.js");

const SAYS = /DevTools listening on (ws:\S+)/;

const options = profile => {
  trust(path.join(profile, ".pki/nssdb"));
  return [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--window-size=1100,760", `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank",
  ];
};

// Just enough of the DevTools protocol: call(method, params) for one page, and what it complains of.
async function openPage(address) {
  const complaints = [];
  const line = await openLine(address, (method, params) => {
    if (method === "Runtime.exceptionThrown") {
      complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Log.entryAdded" && params.entry.level === "error") {
      complaints.push(params.entry.text);
    }
  });
  const { targetId } = await line("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await line("Target.attachToTarget", { targetId, flatten: true });
  const call = (method, params) => line(method, params, { sessionId });
  for (const domain of ["Page", "Runtime", "Log"]) await call(`${domain}.enable`);
  return { call, complaints };
}

// Starts the browser, lends a page of it to `work`, and ends it.
const withPage = (chromium, work) => withBrowser(chromium, options, SAYS, async address => {
  const { call, complaints } = await openPage(address);
  const evaluate = async expression => {
    const { result, exceptionDetails: bad } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (bad) throw Error(bad.exception?.description ?? bad.text);
    return result.value;
  };
  const goto = async url => {
    const { errorText } = await call("Page.navigate", { url });
    if (errorText) throw Error(`${url}: ${errorText}`);
    // The context of the last page may answer once more, or end in between.
    while (!await evaluate(`location.href === ${JSON.stringify(url)} && document.readyState === "complete"`).catch(() => false)) {
      await new Promise(yes => setTimeout(yes, 20));
    }
  };
  const type = async text => {
    await call("Input.insertText", { text });
    const enter = { key: "Enter", code: "Enter", windowsVirtualKeyCode: 13, text: "\r" };
    await call("Input.dispatchKeyEvent", { type: "keyDown", ...enter });
    await call("Input.dispatchKeyEvent", { type: "keyUp", ...enter });
  };
  const screenshot = async () => (await call("Page.captureScreenshot", { format: "png" })).data;
  return work({ evaluate, goto, type, screenshot, complaints });
});

module.exports = { withPage };
