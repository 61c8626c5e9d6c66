// The wire, seen from outside: a relay that counts bytes and reads what was negotiated.
"use strict";
const { once } = require("node:events");
const net = require("node:net");

// What one side may remember: `bits` of window, and whether it outlives a message.
const terms = (bits, takeover) => ({ bits, takeover });

const within = (a, b) => terms(Math.min(a.bits, b.bits), a.takeover && b.takeover);

// Whether a repeated message of so many bytes refers to itself; zlib wants 262 to spare.
const remembers = ({ bits, takeover }, size) => takeover && size + 262 <= 1 << bits;

const showTerms = ({ bits, takeover }) => `${bits}${takeover ? "" : " forgetful"}`;

const show = agreed => agreed ? `client ${showTerms(agreed.client)}, server ${showTerms(agreed.server)}` : "nothing";

// What client and server may remember by an answer, undefined without compression; where it is
// silent on the client, the client keeps to what it offered itself.
function answered(header, offered = terms(15, true)) {
  if (!header) return undefined;
  const [name, ...params] = header.split(";").map(part => part.trim());
  const said = new Map(params.map(param => param.split("=")));
  const side = (side, most) => {
    const bits = `${side}_max_window_bits`, alone = `${side}_no_context_takeover`;
    const agreed = terms(Number(said.get(bits) ?? most.bits), !said.has(alone) && most.takeover);
    said.delete(bits);
    said.delete(alone);
    return agreed;
  };
  const agreed = { client: side("client", offered), server: side("server", terms(15, true)) };
  if (name !== "permessage-deflate" || said.size) throw Error(`odd answer: ${header}`);
  return agreed;
}

// Stands before a server: `url` leads through it. lap() gives the bytes that each side sent since the
// last one, behind the handshake; answer() is the server's last Sec-WebSocket-Extensions. Other requests
// (a browser loads its page through it) pass uncounted.
async function relay(url) {
  const port = Number(new URL(url).port);
  let wire = { client: 0, server: 0 };
  let answer;
  const listener = net.createServer(client => {
    const server = net.connect(port, "127.0.0.1");
    let head = "", upgraded = false;
    client.on("data", data => { if (upgraded) wire.client += data.length; });
    server.on("data", data => {
      if (upgraded) {
        wire.server += data.length;
        return;
      }
      head += data.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0 || !head.startsWith("HTTP/1.1 101")) return;
      upgraded = true;
      wire.server += head.length - end - 4;
      answer = /^sec-websocket-extensions: *(.*?) *$/im.exec(head.slice(0, end))?.[1];
    });
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) socket.setNoDelay().on("error", () => { client.destroy(); server.destroy(); });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `ws://127.0.0.1:${listener.address().port}/`,
    lap() {
      const lap = wire;
      wire = { client: 0, server: 0 };
      return lap;
    },
    answer: () => answer,
    close: () => listener.close(),
  };
}

// TLS hides the wire from a relay, which would only be in the way.
const sealed = url => ({ url, sealed: true, lap: () => ({}), close() {} });

const through = async url => url.startsWith("wss:") ? sealed(url) : relay(url);

module.exports = { terms, within, remembers, show, showTerms, answered, through };
