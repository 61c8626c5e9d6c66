// A browser on the site of crates/bowstring-axum/examples/site.rs: http2.js chromium|firefox PROGRAM URL
// The page and its WebSockets come by one connection; what the server has seen is http2.sh's to check.
"use strict";
const assert = require("node:assert/strict");

const KOREAN = "화살은 시위를 떠났다. 🏹 ".repeat(400);
const SOCKETS = 5;

// Runs inside the page: several sockets at once, each with text and 1 MiB of bytes, closed with a code of its own.
const ECHOES = async (text, sockets) => {
  const one = async number => {
    const ws = new WebSocket(location.href.replace(/^http/, "ws") + "ws", ["echo", "other"]);
    ws.binaryType = "arraybuffer";
    const next = () => new Promise((yes, no) => {
      ws.onmessage = ({ data }) => yes(data);
      ws.onclose = ({ code }) => no(Error(`closed with ${code} before the echo came`));
      setTimeout(no, 20000, Error("no echo within 20 s"));
    });
    await new Promise((yes, no) => {
      ws.onopen = yes;
      ws.onclose = ({ code }) => no(Error(`not opened: ${code}`));
    });
    if (ws.protocol !== "echo") return `the subprotocol is ${ws.protocol}`;
    if (ws.extensions !== "" && !ws.extensions.startsWith("permessage-deflate")) return `extensions: ${ws.extensions}`;
    ws.send(text);
    if (await next() !== text) return "another text came back";
    const sent = new Uint8Array(1 << 20);
    for (let at = 0; at < sent.length; at += 65536) crypto.getRandomValues(sent.subarray(at, at + 65536));
    ws.send(sent);
    const got = new Uint8Array(await next());
    if (got.length !== sent.length || sent.some((byte, i) => byte !== got[i])) return "other bytes came back";
    const closed = new Promise(yes => { ws.onclose = yes; });
    ws.close(4000 + number, "끝");
    const { code, wasClean } = await closed;
    return code === 4000 + number && wasClean ? "well" : `closed with ${code}, ${wasClean ? "" : "not "}clean`;
  };
  return Promise.all(Array.from({ length: sockets }, (_, number) => one(number)));
};

async function visit({ evaluate, goto, complaints }, who, url) {
  await goto(url);
  assert.equal(await evaluate(`fetch("text").then(answer => answer.text())`), "a text\n");
  const results = await evaluate(`(${ECHOES})(${JSON.stringify(KOREAN)}, ${SOCKETS})`);
  assert.deepEqual(results, Array(SOCKETS).fill("well"));
  // Again, when the connection has been idle and others have closed.
  assert.deepEqual(await evaluate(`(${ECHOES})("once more ".repeat(50), 1)`), ["well"]);
  console.log(`${who}: ok      ${SOCKETS + 1} WebSockets, with text, 1 MiB of bytes and a close code each`);
  assert.deepEqual(complaints, [], "the browser's complaints");
}

const [who, program, url] = process.argv.slice(2);
const { withPage } = require(`./${who}.js`);
withPage(program, page => visit(page, who, url.replace(/^ws/, "http"))).then(() => process.exit(0), error => {
  console.log(`${who}: FAILED  ${error.message}`);
  process.exit(1);
});
