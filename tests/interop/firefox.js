// A headless Firefox, driven over WebDriver BiDi: start it, open a page, end it. The interface is
// chromium.js's.
"use strict";
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { WebSocket } = require("ws");
const { trust } = require("./tls.js");

const ALL = { recursive: true, force: true };
const ENTER = "\uE007";

// It would look for updates, experiments and a captive portal, and there is no network to answer.
const QUIET = [
  "app.normandy.enabled", "app.update.auto", "browser.safebrowsing.malware.enabled", "browser.safebrowsing.phishing.enabled",
  "browser.shell.checkDefaultBrowser", "datareporting.policy.dataSubmissionEnabled", "extensions.systemAddon.update.enabled",
  "extensions.update.enabled", "messaging-system.rsexperimentloader.enabled", "network.captive-portal-service.enabled",
  "network.connectivity-service.enabled", "network.dns.disablePrefetch", "toolkit.telemetry.enabled",
];

async function startBrowser(firefox, profile) {
  trust(profile);
  fs.writeFileSync(path.join(profile, "user.js"), QUIET.map(name => `user_pref("${name}", ${name.endsWith("disablePrefetch")});\n`).join(""));
  const browser = spawn(firefox, [
    "--headless", "--no-remote", "--width", "1100", "--height", "760", "--profile", profile, "--remote-debugging-port=0", "about:blank",
  ], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: profile, TMPDIR: profile } });
  process.on("exit", () => browser.kill("SIGKILL"));
  const address = await new Promise((yes, no) => {
    let said = "";
    browser.stderr.on("data", data => {
      said += data;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
      if (found) yes(found[1]);
    });
    browser.on("error", no);
    browser.on("exit", code => no(Error(`firefox ended with ${code}: ${said.slice(-500)}`)));
    setTimeout(() => no(Error(`firefox offers no BiDi: ${said.slice(-500)}`)), 40000).unref();
  });
  return { browser, address };
}

// Just enough of BiDi: call(method, params), and what the page complains of.
async function openSession(address) {
  const ws = new WebSocket(`${address}/session`, { perMessageDeflate: false, maxPayload: 1 << 28 });
  await once(ws, "open");
  const waiting = new Map(), complaints = [];
  let last = 0;
  ws.on("message", data => {
    const { id, type, result, error, message, method, params } = JSON.parse(data);
    if (id) {
      const { yes, no } = waiting.get(id);
      waiting.delete(id);
      type === "error" ? no(Error(`${error}: ${message}`)) : yes(result);
    } else if (method === "log.entryAdded" && params.level === "error") {
      complaints.push(params.text);
    }
  });
  const call = (method, params = {}) => new Promise((yes, no) => {
    waiting.set(++last, { yes, no });
    ws.send(JSON.stringify({ id: last, method, params }));
  });
  await call("session.new", { capabilities: {} });
  await call("session.subscribe", { events: ["log.entryAdded"] });
  const { contexts: [{ context }] } = await call("browsingContext.getTree");
  return { call, context, complaints };
}

// Starts the browser, lends a page of it to `work`, and ends it.
async function withPage(firefox, work) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "bowstring-browser-"));
  process.on("exit", () => {
    try {
      fs.rmSync(profile, ALL);
    } catch {} // something failed already, and the browser was killed a moment ago
  });
  const { browser, address } = await startBrowser(firefox, profile);
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
  const result = await work({ evaluate, goto, type, screenshot, complaints });
  const gone = once(browser.removeAllListeners("exit"), "exit");
  browser.kill();
  await Promise.race([gone, new Promise(yes => setTimeout(yes, 5000))]);
  // Its helpers outlive it a little and still write.
  await fs.promises.rm(profile, { ...ALL, maxRetries: 20, retryDelay: 50 });
  return result;
}

module.exports = { withPage };
