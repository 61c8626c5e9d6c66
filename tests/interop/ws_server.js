// A server of Node's ws, encrypted if run.sh says so.
"use strict";
const { once } = require("node:events");
const http = require("node:http");
const https = require("node:https");
const { WebSocketServer } = require("ws");
const { address, identity } = require("./tls.js");

// Gives it and where it listens. It is always given the server below: one that it makes itself says that it is
// closed, it may be, before its connections say how they were.
async function serve(options) {
  const below = identity ? https.createServer(identity) : http.createServer();
  const server = new WebSocketServer({ ...options, server: below });
  server.on("close", () => below.close()); // it leaves alone what it was given
  below.listen(0, "127.0.0.1");
  await once(below, "listening");
  return { server, url: address(below.address().port) };
}

module.exports = { serve };
