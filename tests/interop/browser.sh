#!/usr/bin/env bash
# The echo server's own page in a real browser: Korean text typed into it and 1 MiB of bytes must
# come back identical.
#
#   tests/interop/browser.sh chromium|firefox http[s]://HOST:PORT/ [SCREENSHOT.png]      (ws[s]:// will do)
. "$(dirname "$0")/lib.sh"
if (($# != 2 && $# != 3)) || [[ ! $1 =~ ^(chromium|firefox)$ ]]; then
    die "usage: browser.sh chromium|firefox URL [SCREENSHOT.png]"
fi
page=${2/#ws/http}
"need_$1"
need_node # node 20 has no WebSocket of its own, and DevTools speaks over one
exec timeout --kill-after=10 120 node "$here/browser.js" "$1" "${!1}" "$page" "${3:-$work/$1.png}"
