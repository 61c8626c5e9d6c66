// A browser against bowstring with compression: deflate_browser.js chromium|firefox PROGRAM MODE=URL…,
// where a server with --compression MODE is at URL. It is a client only, and leaves every choice to the
// server; but Firefox does not offer a window of its own, so that a server that will not keep one of 15
// bits can only ask for none. It is on the server's own page each time, so that the connection has the
// right origin; a stranger's page it does not even load.
"use strict";
const { MODES, exercise, refuses, remoteClient, runAll, servers } = require("./deflate.js");
const { terms } = require("./wire.js");

const expected = (who, allowed) => {
  if (!allowed) return undefined;
  const windowless = who === "firefox" && allowed.bits < 15;
  return { client: windowless ? terms(15, false) : allowed, server: allowed };
};

const [who, program, ...args] = process.argv.slice(2);
const { withPage } = require(`./${who}.js`);
withPage(program, ({ evaluate, goto }) => {
  const connect = async url => {
    await goto(url.replace(/^ws/, "http"));
    return remoteClient(evaluate)(url);
  };
  const scenarios = servers(args).map(([mode, url]) => {
    const agreed = expected(who, MODES[mode]);
    return [`server ${mode}, ${who}`, agreed, () => exercise(url, connect, agreed)];
  });
  return runAll(who, [...scenarios, ...refuses(who, connect, /CERT_AUTHORITY_INVALID|UNKNOWN_ISSUER/)]);
}).then(failed => process.exit(failed ? 1 : 0), error => {
  console.log(`deflate ${who}: FAILED  ${error.message}`);
  process.exit(1);
});
