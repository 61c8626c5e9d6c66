// A browser on the echo server's own page: browser.js chromium|firefox PROGRAM PAGE SCREENSHOT
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");

const KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹!";

// Runs inside the page: 1 MiB of random bytes on a connection of its own, compared where it arrives.
const BINARY = async () => {
  const sent = new Uint8Array(1 << 20);
  for (let at = 0; at < sent.length; at += 65536) crypto.getRandomValues(sent.subarray(at, at + 65536));
  const ws = new WebSocket(location.href.replace(/^http/, "ws"));
  ws.binaryType = "arraybuffer";
  const back = await new Promise((yes, no) => {
    ws.onopen = () => ws.send(sent);
    ws.onmessage = ({ data }) => yes(data);
    ws.onclose = ({ code }) => no(Error(`closed with ${code} before the echo came`));
    setTimeout(no, 20000, Error("no echo within 20 s"));
  });
  if (!(back instanceof ArrayBuffer)) return "the echo is text";
  const got = new Uint8Array(back);
  if (got.length !== sent.length) return `${got.length} bytes came back`;
  const at = sent.findIndex((byte, i) => byte !== got[i]);
  if (at >= 0) return `byte ${at} differs`;
  const closed = new Promise(yes => { ws.onclose = yes; });
  ws.close(4321, "끝");
  const { code, wasClean } = await closed;
  return code === 4321 && wasClean ? "identical" : `closed with ${code}, ${wasClean ? "" : "not "}clean`;
};

async function visit({ evaluate, goto, type, screenshot, complaints }, who, url, picture) {
  const until = async (expression, what) => {
    for (let tries = 0; tries < 200; tries++) {
      if (await evaluate(expression)) return;
      await new Promise(yes => setTimeout(yes, 50));
    }
    throw Error(`${what} did not happen within 10 s; the page says: ${await evaluate("document.body?.innerText.slice(0, 500)")}`);
  };
  const lastOf = way => evaluate(`[...document.querySelectorAll("#rows tr.${way}")].at(-1)?.querySelector(".body").textContent`);

  await goto(url);
  await until(`document.querySelector("#state")?.dataset.state === "open"`, "an open connection");

  // As a person would: the focus is in the message already.
  await type(KOREAN);
  await until(`document.querySelector("#rows tr.received")`, "an echo of what was typed");
  assert.equal(await lastOf("sent"), KOREAN, "what the page sent");
  assert.equal(await lastOf("received"), KOREAN, "what came back");
  assert.match(await evaluate(`document.querySelector("#rows tr.received .trip").textContent`), / ms$/, "the round trip");
  console.log(`${who}: ok      Korean text, typed into the page`);

  assert.equal(await evaluate(`(${BINARY})()`), "identical", "1 MiB of binary");
  console.log(`${who}: ok      1 MiB of binary, and a clean close with 4321`);

  fs.writeFileSync(picture, Buffer.from(await screenshot(), "base64"));
  console.log(`${who}: a picture is in ${picture}`);
  assert.deepEqual(complaints, [], "the browser's complaints");
}

const [who, program, url, picture] = process.argv.slice(2);
const { withPage } = require(`./${who}.js`);
withPage(program, page => visit(page, who, url, picture)).then(() => process.exit(0), error => {
  console.log(`${who}: FAILED  ${error.message}`);
  process.exit(1);
});
