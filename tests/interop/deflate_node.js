// Node's ws and undici against bowstring with compression, both ways:
// deflate_node.js INTEROP_CLIENT MODE=URL…, where a server with --compression MODE is at URL.
//
// undici is a client only; it leaves every choice to the server, and compresses nothing itself.
"use strict";
const { subscribe } = require("node:diagnostics_channel");
const undici = require("undici");
const ws = require("ws");
const { MODES, exercise, makeClient, ourClient, refuses, runAll, servers } = require("./deflate.js");
const { identity } = require("./tls.js");
const { showTerms, terms, within } = require("./wire.js");
const { serve } = require("./ws_server.js");

const OPEN = terms(15, true);
// Over TLS an open mind is enough.
const PEERS = identity ? [OPEN] : [9, 12, 15].flatMap(bits => [terms(bits, true), terms(bits, false)]);

// What peers ask of a mode of ours: whatever it allows, each once, and an open mind.
const wishes = allowed => PEERS.filter(peer => {
  if (peer.bits === 15 && peer.takeover) return true;
  const least = allowed && within(peer, allowed);
  return least && peer.bits === least.bits && peer.takeover === least.takeover;
});

// Without numbers, ws takes any; with one, it refuses whoever offers less.
const options = ({ bits, takeover }) => ({
  threshold: 0,
  serverNoContextTakeover: !takeover || undefined,
  clientNoContextTakeover: !takeover || undefined,
  serverMaxWindowBits: bits < 15 ? bits : undefined,
  clientMaxWindowBits: bits < 15 ? bits : undefined,
});

const both = (allowed, wish) => {
  const agreed = allowed && within(allowed, wish);
  return agreed && { client: agreed, server: agreed };
};

// ---- bowstring is the server

const connect = open => async url => {
  const socket = open(url);
  await new Promise((yes, no) => { socket.onopen = yes; socket.onerror = ({ message }) => no(Error(message)); });
  return { extensions: socket.extensions, ...makeClient(socket) };
};

const openWs = connect(url => new ws.WebSocket(url));

// undici's WebSocket does not say why there is no connection; its channel does.
async function openUndici(url) {
  let why;
  subscribe("undici:client:connectError", ({ error }) => { why = error; });
  return connect(url => new undici.WebSocket(url))(url).catch(error => { throw why ?? error; });
}

// ---- bowstring is the client

async function wsServer(program, mode, limit, agreed) {
  const { server, url } = await serve({ perMessageDeflate: options(limit) });
  server.on("connection", ws => {
    ws.on("message", (data, binary) => ws.send(data, { binary }));
    ws.on("error", error => console.log(`deflate node: ws complains: ${error.message}`)); // and our client will fail
  });
  try {
    return await ourClient(program, url, mode, agreed);
  } finally {
    server.close();
  }
}

function* scenarios([program, ...args]) {
  const ours = servers(args);
  for (const [mode, url] of ours) {
    for (const wish of wishes(MODES[mode])) {
      const agreed = both(MODES[mode], wish);
      const open = connect(url => new ws.WebSocket(url, { perMessageDeflate: options(wish) }));
      yield [`server ${mode}, ws ${showTerms(wish)}`, agreed, () => exercise(url, open, agreed)];
    }
    const agreed = both(MODES[mode], OPEN);
    const open = connect(url => new undici.WebSocket(url));
    yield [`server ${mode}, undici`, agreed, () => exercise(url, open, agreed, Infinity)];
  }
  for (const [mode] of ours) {
    for (const wish of wishes(MODES[mode])) {
      const agreed = both(MODES[mode], wish);
      yield [`client ${mode}, ws ${showTerms(wish)}`, agreed, () => wsServer(program, mode, wish, agreed)];
    }
  }
  yield* refuses("ws", openWs, /certificate/);
  yield* refuses("undici", openUndici, /certificate/);
}

runAll("node", [...scenarios(process.argv.slice(2))]).then(failed => process.exit(failed ? 1 : 0));
