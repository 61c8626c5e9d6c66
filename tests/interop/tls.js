// TLS, as run.sh has set it up: with a certificate and its key in the environment, servers speak it. Whom
// to trust, each client learns by a variable of its own, and browsers by a database in their profile.
"use strict";
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");

const { INTEROP_CA, INTEROP_CERT, INTEROP_KEY, INTEROP_STRANGER } = process.env;
const identity = INTEROP_CERT && { cert: fs.readFileSync(INTEROP_CERT, "utf8"), key: fs.readFileSync(INTEROP_KEY, "utf8") };

// Where a server of ours listens.
const address = port => `${identity ? "wss" : "ws"}://127.0.0.1:${port}/`;

// Makes the directory a database of certificates that trusts the authority.
function trust(directory) {
  if (!INTEROP_CA) return;
  fs.mkdirSync(directory, { recursive: true });
  const certutil = (...args) => execFileSync("certutil", ["-d", `sql:${directory}`, ...args]);
  certutil("-N", "--empty-password");
  certutil("-A", "-n", "interop", "-t", "C,,", "-i", INTEROP_CA);
}

// A server whose certificate comes from an authority that nobody knows, if there is one.
module.exports = { address, identity, stranger: INTEROP_STRANGER, trust };
