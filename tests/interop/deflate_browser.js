// Chromium against bowstring with compression: deflate_browser.js CHROMIUM MODE=URL…, where a server
// with --compression MODE is at URL. It is a client only, and leaves every choice to the server.
"use strict";
const { withPage } = require("./chromium.js");
const { MODES, exercise, makeClient, runAll, servers } = require("./deflate.js");

// Runs inside the page.
const open = async (url, makeClient) => {
  const ws = new WebSocket(url);
  await new Promise((yes, no) => { ws.onopen = yes; ws.onerror = () => no(Error("no connection")); });
  globalThis.client = makeClient(ws);
  return ws.extensions;
};

const [chromium, ...args] = process.argv.slice(2);
withPage(chromium, ({ evaluate }) => {
  const connect = async url => ({
    extensions: await evaluate(`(${open})(${JSON.stringify(url)}, ${makeClient})`),
    echo: (...what) => evaluate(`client.echo(...${JSON.stringify(what)})`),
    close: () => evaluate("client.close()"),
  });
  return runAll("browser", servers(args).map(([mode, url]) => {
    const agreed = MODES[mode] && { client: MODES[mode], server: MODES[mode] };
    return [`server ${mode}, Chromium`, agreed, () => exercise(url, connect, agreed)];
  }));
}).then(failed => process.exit(failed ? 1 : 0), error => {
  console.log(`deflate browser: FAILED  ${error.message}`);
  process.exit(1);
});
