#!/usr/bin/env bash
# Node's ws as a client of our server, and as a server to our client.
#
#   tests/interop/node.sh ws://HOST:PORT/ [INTEROP_CLIENT]
. "$(dirname "$0")/lib.sh"
(($# == 1 || $# == 2)) || die "usage: node.sh URL [INTEROP_CLIENT]"
need_node
exec timeout --kill-after=10 180 node "$here/node_interop.js" "$@"
