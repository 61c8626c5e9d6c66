// Node's ws against bowstring, both ways: node_interop.js URL [INTEROP_CLIENT]
"use strict";
const assert = require("node:assert/strict");
const { randomBytes } = require("node:crypto");
const { once } = require("node:events");
const { spawn } = require("node:child_process");
const { WebSocket } = require("ws");
const { report } = require("./report.js");
const { serve } = require("./ws_server.js");

const KOREAN = "화살은 시위를 떠났다. 안녕하세요, 🏹!";
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 20, 4 << 20];

let messages = 0; // that came back as they should

async function open(url, options = {}) {
  const ws = new WebSocket(url, options.protocols ?? [], { perMessageDeflate: false, ...options });
  await once(ws, "open");
  return ws;
}

async function echoes(ws, data, what) {
  ws.send(data);
  await comes(ws, data, what);
}

async function comes(ws, data, what) {
  const [got, binary] = await once(ws, "message");
  assert.equal(binary, typeof data !== "string", `${what}: the type of the message`);
  assert.ok(Buffer.from(data).equals(got), `${what}: sent ${Buffer.byteLength(data)} bytes, got ${got.length} that differ`);
  messages++;
}

async function close(ws, code, reason) {
  ws.close(code, reason);
  const [got] = await once(ws, "close");
  return got;
}

// ---- bowstring is the server

const asServer = {
  async messages(url) {
    const ws = await open(url);
    assert.equal(ws.protocol, "", "a subprotocol nobody offered");
    for (const text of ["hello", "", KOREAN, "\0"]) await echoes(ws, text, "text");
    for (const data of [Buffer.from("hello"), Buffer.alloc(0), randomBytes(256)]) await echoes(ws, data, "binary");
    assert.equal(await close(ws, 1000), 1000);
  },

  async sizes(url) {
    const ws = await open(url);
    for (const size of SIZES) {
      await echoes(ws, randomBytes(size), `binary of ${size} bytes`);
      await echoes(ws, "시".repeat(size / 3), `text of about ${size} bytes`);
    }
    assert.equal(await close(ws, 1000), 1000);
  },

  async fragments(url) {
    const ws = await open(url);
    let pongs = 0;
    ws.on("pong", () => pongs++);
    // By bytes, so that the cuts fall inside the characters; a ping goes between any two.
    const bytes = Buffer.from(KOREAN);
    for (let at = 0; at < bytes.length; at++) {
      ws.send(bytes.subarray(at, at + 1), { binary: false, fin: at === bytes.length - 1 });
      ws.ping();
    }
    await comes(ws, KOREAN, "fragments with pings between them");
    await echoes(ws, "after", "text after fragments");
    assert.ok(pongs > 0, "no ping between fragments was answered");
    assert.equal(await close(ws, 1000), 1000);
  },

  async pings(url) {
    const ws = await open(url);
    for (const payload of [Buffer.alloc(0), Buffer.from("x"), randomBytes(125)]) {
      ws.ping(payload);
      const [got] = await once(ws, "pong");
      assert.ok(payload.equals(got), "a pong carries what its ping carried");
    }
    assert.equal(await close(ws, 1000), 1000);
  },

  async offers(url) {
    await assert.rejects(open(url, { protocols: ["chat"] }), /no subprotocol/, "a subprotocol the server does not speak");
    const ws = await open(url, { perMessageDeflate: true });
    await echoes(ws, KOREAN.repeat(100), "text after an offer of compression");
    assert.equal(await close(ws, 1000), 1000);
  },

  async closes(url) {
    for (const [code, reason] of [[1000, ""], [1001, "leaving"], [3000, "시위"], [4999, "r".repeat(123)]]) {
      assert.equal(await close(await open(url), code, reason), code, `the answer to a close with ${code}`);
    }
    // No code at all is answered without one, which ws reports as 1005.
    assert.equal(await close(await open(url)), 1005, "the answer to a close without a code");
  },

  async vanishing(url) {
    (await open(url)).terminate();
    const ws = await open(url);
    await echoes(ws, "still there", "text after another connection vanished");
    assert.equal(await close(ws, 1000), 1000);
  },
};

// ---- bowstring is the client

async function ourClient(program) {
  const { server, url } = await serve({ perMessageDeflate: false });
  let largest = 0, count = 0, pings = 0;
  const codes = [];
  server.on("connection", ws => {
    ws.on("message", (data, binary) => { largest = Math.max(largest, data.length); count++; ws.send(data, { binary }); });
    ws.on("ping", () => pings++);
    ws.on("close", code => codes.push(code));
    ws.on("error", error => codes.push(error.message));
  });
  const child = spawn(program, [url], { stdio: ["ignore", "ignore", "inherit"] });
  process.on("exit", () => child.kill());
  const [exit] = await once(child, "exit");
  server.close();
  await once(server, "close");
  assert.equal(exit, 0, "the client's exit code");
  assert.ok(codes.length > 0 && codes.every(code => code === 1000), `the client closed with ${codes}`);
  assert.ok(pings > 0, "the client sent no ping");
  assert.ok(count >= 2 && largest >= 1 << 20, `a table up to 1 MiB, but ${count} messages, the largest of ${largest} bytes`);
  return count;
}

const [url, program] = process.argv.slice(2);
const scenarios = Object.entries(asServer).map(([name, check]) => [name, async () => {
  const before = messages;
  await check(url);
  return messages - before;
}]);
if (program) scenarios.push(["our client", () => ourClient(program)]);
report("node", scenarios).then(failed => process.exit(failed ? 1 : 0));
