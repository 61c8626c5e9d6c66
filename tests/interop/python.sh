#!/usr/bin/env bash
# Python's websockets as a client of our server, and as a server to our client.
#
#   tests/interop/python.sh ws://HOST:PORT/ [INTEROP_CLIENT]
. "$(dirname "$0")/lib.sh"
(($# == 1 || $# == 2)) || die "usage: python.sh URL [INTEROP_CLIENT]"
need_python
exec timeout --kill-after=10 180 "$work/venv/bin/python" -B "$here/python_interop.py" "$@"
