// What driving any browser takes: a process with a profile of its own, a line to it on which calls are
// answered by number, and an end that leaves nothing behind.
"use strict";
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { WebSocket } = require("ws");

const ALL = { recursive: true, force: true };

// Starts the browser with what `options` makes of its profile, gives `work` the address that `says` finds in
// its words, and ends it.
async function withBrowser(program, options, says, work) {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "bowstring-browser-"));
  process.on("exit", () => {
    try {
      fs.rmSync(profile, ALL);
    } catch {} // something failed already, and the browser was killed a moment ago
  });
  const browser = spawn(program, options(profile), {
    stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOME: profile, TMPDIR: profile },
  });
  process.on("exit", () => browser.kill("SIGKILL"));
  const result = await work(await address(browser, says));
  const gone = once(browser.removeAllListeners("exit"), "exit");
  browser.kill();
  await Promise.race([gone, new Promise(yes => setTimeout(yes, 5000))]);
  // Its helpers outlive it a little and still write.
  await fs.promises.rm(profile, { ...ALL, maxRetries: 20, retryDelay: 50 });
  return result;
}

const address = (browser, says) => new Promise((yes, no) => {
  let said = "";
  browser.stderr.on("data", data => {
    said += data;
    const found = says.exec(said);
    if (found) yes(found[1]);
  });
  browser.on("error", no);
  browser.on("exit", code => no(Error(`${browser.spawnfile} ended with ${code}: ${said.slice(-500)}`)));
  setTimeout(() => no(Error(`${browser.spawnfile} tells no address: ${said.slice(-500)}`)), 40000).unref();
});

// Gives call(method, params, more), whose answer comes some time; what is said unasked goes to `hear`.
async function openLine(address, hear) {
  const ws = new WebSocket(address, { perMessageDeflate: false, maxPayload: 1 << 28 });
  await once(ws, "open");
  const waiting = new Map();
  let last = 0;
  ws.on("message", data => {
    const { id, result, error, message, method, params } = JSON.parse(data);
    if (!id) return hear(method, params);
    const { yes, no } = waiting.get(id);
    waiting.delete(id);
    // DevTools has an error with a message, BiDi a message beside the error's name.
    error ? no(Error(error.message ?? `${error}: ${message}`)) : yes(result);
  });
  return (method, params = {}, more = {}) => new Promise((yes, no) => {
    waiting.set(++last, { yes, no });
    ws.send(JSON.stringify({ id: last, method, params, ...more }));
  });
}

module.exports = { openLine, withBrowser };
