// A headless Firefox, driven over WebDriver BiDi: start it, open a page, end it. The interface is
// chromium.js's.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { openLine, withBrowser } = require("./launch.js");
const { trust } = require("./tls.js");

const SAYS = /WebDriver BiDi listening on (ws:\S+)/;
const ENTER = "\uE007";

// It would look for updates, experiments and a captive portal, and there is no network to answer.
const QUIET = [
  "app.normandy.enabled", "app.update.auto", "browser.safebrowsing.malware.enabled", "browser.safebrowsing.phishing.enabled",
  "browser.shell.checkDefaultBrowser", "datareporting.policy.dataSubmissionEnabled", "extensions.systemAddon.update.enabled",
  "extensions.update.enabled", "messaging-system.rsexperimentloader.enabled", "network.captive-portal-service.enabled",
  "network.connectivity-service.enabled", "network.dns.disablePrefetch", "toolkit.telemetry.enabled",
];

const options = profile => {
  trust(profile);
  fs.writeFileSync(path.join(profile, "user.js"), QUIET.map(name => `user_pref("${name}", ${name.endsWith("disablePrefetch")});\n`).join(""));
  return ["--headless", "--no-remote", "--width", "1100", "--height", "760", "--profile", profile, "--remote-debugging-port=0", "about:blank"];
};

// Just enough of BiDi: call(method, params), and what the page complains of.
async function openSession(address) {
  const complaints = [];
  const call = await openLine(`${address}/session`, (method, params) => {
    if (method === "log.entryAdded" && params.level === "error") complaints.push(params.text);
  });
  await call("session.new", { capabilities: {} });
  await call("session.subscribe", { events: ["log.entryAdded"] });
  const { contexts: [{ context }] } = await call("browsingContext.getTree");
  return { call, context, complaints };
}

// Starts the browser, lends a page of it to `work`, and ends it.
const withPage = (firefox, work) => withBrowser(firefox, options, SAYS, async address => {
  const { call, context, complaints } = await openSession(address);
  // As JSON, for BiDi's own values are wrapped one by one.
  const evaluate = async expression => {
    const { result, exceptionDetails: bad } = await call("script.evaluate", {
      expression: `(async () => JSON.stringify(await (${expression})))()`, target: { context }, awaitPromise: true,
    });
    if (bad) throw Error(bad.text);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  };
  const goto = url => call("browsingContext.navigate", { context, url, wait: "complete" });
  const type = text => call("input.performActions", {
    context,
    actions: [{ type: "key", id: "keys", actions: [...text, ENTER].flatMap(value => [{ type: "keyDown", value }, { type: "keyUp", value }]) }],
  });
  const screenshot = async () => (await call("browsingContext.captureScreenshot", { context })).data;
  return work({ evaluate, goto, type, screenshot, complaints });
});

module.exports = { withPage };
