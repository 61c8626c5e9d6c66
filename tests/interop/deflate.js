// What every client in JavaScript goes through with compression: messages of every length
// come back byte for byte, and each side remembers exactly what was agreed, which shows in what a
// repeated message costs on the wire.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const { spawn } = require("node:child_process");
const { report } = require("./report.js");
const { stranger } = require("./tls.js");
const { answered, remembers, show, terms, through } = require("./wire.js");

const LENGTHS = [0, 1, 125, 126, 65535, 65536, 1 << 20, 4 << 20];
// A repeated message fits a window of 9, 12 or 15 bits; so the last does not fit one of 12.
const REPEATED = [200, 3000, 20000];
const TIMES = 10;

// What a mode of ours allows, to either side.
const MODES = {
  "off": undefined,
  "shared": terms(15, false),
  "window=9": terms(9, true),
  "window=12": terms(12, true),
  "full": terms(15, true),
};

// Needs a browser's interface only, and nothing outside itself: browsers run it in their page.
function makeClient(ws) {
  const KOREAN = new TextEncoder().encode("화살은 시위를 떠났다. 안녕하세요, 🏹! ");
  const random = length => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
    return bytes;
  };
  const kinds = {
    text(length) {
      const rest = length % KOREAN.length;
      return new TextDecoder().decode(KOREAN).repeat((length - rest) / KOREAN.length) + ".".repeat(rest);
    },
    numbers(length) {
      const all = Array.from({ length: length / 8 + 1 }, (_, i) => String(i).padStart(8, "0")).join("");
      return new TextEncoder().encode(all).subarray(0, length);
    },
    random,
    digits: length => Array.from(random(length / 2), byte => byte.toString(16).padStart(2, "0")).join(""),
  };
  const fault = (sent, back) => {
    if (typeof sent === "string") return back === sent ? "" : "another text came back";
    if (!(back instanceof ArrayBuffer)) return "text came back";
    const bytes = new Uint8Array(back);
    if (bytes.length !== sent.length) return `${bytes.length} bytes came back`;
    const at = sent.findIndex((byte, i) => byte !== bytes[i]);
    return at < 0 ? "" : `byte ${at} differs`;
  };
  ws.binaryType = "arraybuffer";
  // Sends a message so many times, each when the last one is back; tells what is wrong.
  const echo = async (kind, length, times) => {
    const sent = kinds[kind](length);
    for (let i = 0; i < times; i++) {
      const back = await new Promise((yes, no) => {
        ws.onmessage = ({ data }) => yes(data);
        ws.onclose = ({ code }) => no(Error(`closed with ${code}`));
        ws.send(sent);
      });
      const wrong = fault(sent, back);
      if (wrong) return wrong;
    }
    return "";
  };
  const close = async () => {
    const closed = new Promise(yes => { ws.onclose = yes; });
    ws.close(4321, "끝");
    const { code, wasClean } = await closed;
    return code === 4321 && wasClean ? "" : `closed with ${code}, ${wasClean ? "" : "not "}clean`;
  };
  return { echo, close };
}

// One connection through everything, over TLS without a look at the wire. `connect(url)` gives `extensions`, as the client sees them, and
// `echo` and `close` as above; the client compresses messages of `least` bytes or more, if any. Gives the
// number of messages.
async function exercise(url, connect, agreed, least = 0) {
  const wire = await through(url);
  try {
    const { extensions, echo, close } = await connect(wire.url);
    // Chromium, Bun and undici show the whole answer, Firefox and ws the name of what was agreed.
    const believed = `the client believes in ${extensions}`;
    if (extensions === "permessage-deflate") assert.ok(agreed, believed);
    else assert.deepEqual(answered(extensions), agreed, believed);
    if (!wire.sealed) assert.deepEqual(answered(wire.answer()), agreed, `answered ${wire.answer()}`);

    const compressing = { client: least < Infinity && agreed?.client, server: agreed?.server };
    let messages = 0, bytes = 0;
    const send = async (kind, length, times = 1) => {
      assert.equal(await echo(kind, length, times), "", `${kind} of ${length} bytes`);
      messages += times;
      bytes += length * times;
    };
    const lap = () => {
      const plain = bytes;
      bytes = 0;
      return Object.entries(wire.lap()).map(([side, made]) => ({ side, made, plain, terms: compressing[side] }));
    };
    lap();
    for (const length of LENGTHS) for (const kind of ["text", "numbers"]) await send(kind, length);
    for (const { side, made, plain, terms } of lap()) {
      assert.ok(terms ? made < plain / 2 : made > plain, `the ${side} made ${made} bytes of ${plain}`);
    }
    for (const length of LENGTHS) await send("random", length);
    lap();
    for (const length of REPEATED) {
      await send("digits", length, TIMES);
      for (const { side, made, plain, terms } of lap()) {
        const remembered = made < 2 * length;
        // Hexadecimal digits shrink by half at the most.
        assert.ok(remembered || made > plain / 2, `the ${side} made ${made} bytes of ${plain}, which cannot be`);
        const expected = terms && remembers(terms, length) && (side === "server" || length >= least);
        assert.equal(remembered, Boolean(expected), `the ${side} made ${made} bytes of ${TIMES} times ${length}`);
      }
    }
    assert.equal(await close(), "", "the end");
    return messages;
  } finally {
    wire.close();
  }
}

// What a client with a page or a program of its own goes through: `evaluate` runs an expression there.
function remoteClient(evaluate) {
  const open = async (url, makeClient) => {
    const ws = new WebSocket(url);
    await new Promise((yes, no) => { ws.onopen = yes; ws.onerror = ({ message }) => no(Error(message || "no connection")); });
    globalThis.client = makeClient(ws);
    return ws.extensions;
  };
  return async url => ({
    extensions: await evaluate(`(${open})(${JSON.stringify(url)}, ${makeClient})`),
    echo: (...what) => evaluate(`client.echo(...${JSON.stringify(what)})`),
    close: () => evaluate("client.close()"),
  });
}

// Over TLS each client must refuse a server that an unknown authority vouches for, with the words `why`.
function* refuses(who, connect, why) {
  if (!stranger) return;
  yield [`a stranger's certificate, ${who}`, undefined, async () => {
    await assert.rejects(connect(stranger), why);
    return 0;
  }];
}

// Our client through a foreign server; without a mode it takes what it gets. Gives the number of messages.
async function ourClient(program, url, mode, agreed) {
  const child = spawn(program, mode === undefined ? [url] : [url, mode], { stdio: ["ignore", "pipe", "inherit"] });
  const kill = () => child.kill();
  process.once("exit", kill);
  let said = "";
  child.stdout.on("data", data => { said += data; });
  const [exit] = await once(child, "close");
  process.off("exit", kill);
  assert.equal(exit, 0, "our client's exit code");
  if (mode !== undefined) {
    const [, answer] = /^answer: (.*)$/m.exec(said);
    assert.deepEqual(answered(answer, MODES[mode]), agreed, `answered ${answer}`);
    const repeated = [...said.matchAll(/^(\d+) times (\d+): (\d+) sent, (\d+) received$/mg)];
    assert.ok(repeated.length >= 3, `our client said ${said}`);
    for (const [times, size, sent, received] of agreed ? repeated.map(line => line.slice(1).map(Number)) : []) {
      for (const [side, made] of [["client", sent], ["server", received]]) {
        assert.equal(made < 2 * size, remembers(agreed[side], size), `the ${side} made ${made} bytes of ${times} times ${size}`);
      }
    }
  }
  return Number(/^(\d+) messages came back/m.exec(said)[1]);
}

// Runs and reports [name, agreed, run]. Gives how many failed.
const runAll = (who, scenarios) =>
  report(`deflate ${who}`, scenarios.map(([name, agreed, run]) => [name, run, `agreed on ${show(agreed)}`]));

// MODE=URL… from the command line; the modes are those to go through.
function servers(args) {
  const urls = args.map(arg => [arg.slice(0, arg.lastIndexOf("=")), arg.slice(arg.lastIndexOf("=") + 1)]);
  assert.ok(urls.length > 0 && urls.every(([mode]) => mode in MODES), `the modes of the servers: ${args}`);
  return urls;
}

module.exports = { MODES, exercise, makeClient, ourClient, refuses, remoteClient, runAll, servers };
