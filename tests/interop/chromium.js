// A headless Chromium, driven over DevTools: start it, open a page, end it.
"use strict";
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { WebSocket } = require("ws");
const { trust } = require("./tls.js");

const ALL = { recursive: true, force: true };

async function startBrowser(chromium, profile) {
  trust(path.join(profile, ".pki/nssdb"));
  const browser = spawn(chromium, [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--window-size=1100,760", `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank",
  ], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: profile, TMPDIR: profile } });
  process.on("exit", () => browser.kill("SIGKILL"));
  const address = await new Promise((yes, no) => {
    let said = "";
    browser.stderr.on("data", data => {
      said += data;
      const found = /DevTools listening on (ws:\S+)/.exec(said);
      if (found) yes(found[1]);
    });
    browser.on("error", no);
    browser.on("exit", code => no(Error(`chromium ended with ${code}: ${said.slice(-500)}`)));
    setTimeout(() => no(Error(`chromium offers no DevTools: ${said.slice(-500)}`)), 40000).unref();
  });
  return { browser, address };
}

// Just enough of the DevTools protocol: call(method, params) for one page, and what it complains of.
async function openPage(address) {
  const ws = new WebSocket(address, { perMessageDeflate: false, maxPayload: 1 << 28 });
  await once(ws, "open");
  const waiting = new Map(), complaints = [];
  let id = 0, session;
  ws.on("message", data => {
    const { id, result, error, method, params } = JSON.parse(data);
    if (id) {
      const { yes, no } = waiting.get(id);
      waiting.delete(id);
      error ? no(Error(error.message)) : yes(result);
    } else if (method === "Runtime.exceptionThrown") {
      complaints.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === "Log.entryAdded" && params.entry.level === "error") {
      complaints.push(params.entry.text);
    }
  });
  const call = (method, params = {}) => new Promise((yes, no) => {
    waiting.set(++id, { yes, no });
    ws.send(JSON.stringify({ id, method, params, sessionId: session }));
  });
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  session = (await call("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  for (const domain of ["Page", "Runtime", "Log"]) await call(`${domain}.enable`);
  return { call, complaints };
}

// Starts the browser, lends a page of it to `work`, and ends it.
async function withPage(chromium, work) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "bowstring-browser-"));
  process.on("exit", () => {
    try {
      fs.rmSync(profile, ALL);
    } catch {} // something failed already, and the browser was killed a moment ago
  });
  const { browser, address } = await startBrowser(chromium, profile);
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
  const result = await work({ evaluate, goto, type, screenshot, complaints });
  const gone = once(browser.removeAllListeners("exit"), "exit");
  browser.kill();
  await Promise.race([gone, new Promise(yes => setTimeout(yes, 5000))]);
  // Its helpers outlive it a little and still write.
  await fs.promises.rm(profile, { ...ALL, maxRetries: 20, retryDelay: 50 });
  return result;
}

module.exports = { withPage };
