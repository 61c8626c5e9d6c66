// Bun and Deno against bowstring, both ways: deflate_runtime.js bun|deno PROGRAM INTEROP_CLIENT MODE=URL…,
// where a server with --compression MODE is at URL.
//
// Deno compresses nothing, in either role. Bun's client leaves every choice to the server. Its server is
// told for each direction how much it may remember: nothing ("shared"), anything ("dedicated"), or so
// much; what it compresses itself then gets the smallest window that this is enough for.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const { createInterface } = require("node:readline");
const { spawn } = require("node:child_process");
const { MODES, exercise, ourClient, refuses, remoteClient, runAll, servers } = require("./deflate.js");
const { address, identity } = require("./tls.js");
const { terms, within } = require("./wire.js");

const [who, runtime, program, ...args] = process.argv.slice(2);
const ours = servers(args);

// The shortest message that Bun's client compresses.
const BUN_LEAST = 1024;

// Lends `work` a process of the runtime that evaluates expressions.
async function withProcess(work) {
  const options = who === "deno" ? ["run", "--quiet", "--no-config", "--allow-net=127.0.0.1"] : [];
  const child = spawn(runtime, [...options, `${__dirname}/evaluate.mjs`], { stdio: ["pipe", "pipe", "inherit"] });
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const evaluate = async expression => {
    child.stdin.write(`${JSON.stringify(expression)}\n`);
    const { value: line, done } = await lines.next();
    if (done) throw Error(`${who} ended`);
    const { value, error } = JSON.parse(line);
    if (error !== undefined) throw Error(error);
    return value;
  };
  try {
    return await work(evaluate);
  } finally {
    const gone = once(child, "exit");
    kill();
    await gone;
    process.off("exit", kill);
  }
}

// ---- bowstring is the client; each gives the port

const bunServer = (tls, perMessageDeflate) => Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls,
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response("no upgrade", { status: 400 }),
  websocket: {
    perMessageDeflate, maxPayloadLength: 16 << 20, backpressureLimit: 64 << 20,
    message(ws, data) { ws.send(data, Boolean(perMessageDeflate)); },
  },
}).port;

const denoServer = tls => new Promise(yes => {
  Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => yes(port), ...tls }, request => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
});

const asServer = (make, setting, mode, agreed) => () => withProcess(async evaluate => {
  const port = await evaluate(`(${make})(${JSON.stringify(identity)}, ${JSON.stringify(setting)})`);
  return ourClient(program, address(port), mode, agreed);
});

const both = (allowed, limit) => {
  const agreed = within(allowed, limit);
  return { client: agreed, server: agreed };
};

// Those of the modes that are to be gone through.
const wanted = modes => modes.filter(mode => ours.some(([given]) => given === mode));

function* bunAsServer() {
  for (const mode of wanted(["off"])) yield ["client off, Bun that would", undefined, asServer(bunServer, true, mode, undefined)];
  yield ["client that would, Bun that will not", undefined, asServer(bunServer, false, undefined, undefined)];
  const dedicated = { compress: "dedicated", decompress: "dedicated" };
  for (const mode of wanted(["shared", "window=9", "window=12", "full"])) {
    const agreed = both(MODES[mode], terms(15, true));
    yield [`client ${mode}, Bun dedicated`, agreed, asServer(bunServer, dedicated, mode, agreed)];
  }
  // To less than 15 bits it answers nothing, without windows of its own.
  for (const mode of wanted(["shared", "full"])) {
    const agreed = both(MODES[mode], terms(15, false));
    yield [`client ${mode}, Bun shared`, agreed, asServer(bunServer, true, mode, agreed)];
  }
  const some = { compress: "4KB", decompress: "4KB" };
  for (const mode of wanted(["window=9", "window=12", "full"])) {
    const agreed = { client: within(MODES[mode], terms(12, true)), server: terms(9, true) };
    yield [`client ${mode}, Bun 4KB`, agreed, asServer(bunServer, some, mode, agreed)];
  }
}

function* denoAsServer() {
  for (const mode of wanted(["off"])) yield ["client off, Deno", undefined, asServer(denoServer, undefined, mode, undefined)];
  yield ["client that would, Deno", undefined, asServer(denoServer, undefined, undefined, undefined)];
}

// ---- bowstring is the server

function* asClient() {
  for (const [mode, url] of ours) {
    const agreed = who === "bun" && MODES[mode] ? { client: MODES[mode], server: MODES[mode] } : undefined;
    yield [`server ${mode}, ${who}`, agreed, () => withProcess(evaluate => exercise(url, remoteClient(evaluate), agreed, BUN_LEAST))];
  }
  // Deno tells how its second try went, with HTTP/2, which our server does not speak.
  const why = who === "bun" ? /certificate/ : /NoApplicationProtocol/;
  yield* refuses(who, url => withProcess(evaluate => remoteClient(evaluate)(url)), why);
}

assert.ok(["bun", "deno"].includes(who), `no runtime ${who}`);
const scenarios = [...asClient(), ...(who === "bun" ? bunAsServer() : denoAsServer())];
runAll(who, scenarios).then(failed => process.exit(failed ? 1 : 0));
