#!/usr/bin/env bash
# The echo server's own page in a real browser: Korean text typed into it and 1 MiB of bytes must
# come back identical.
#
#   tests/interop/browser.sh http://HOST:PORT/ [SCREENSHOT.png]      (ws:// will do)
. "$(dirname "$0")/lib.sh"
(($# == 1 || $# == 2)) || die "usage: browser.sh URL [SCREENSHOT.png]"
page=${1/#ws/http}
need_chromium
need_node # node 20 has no WebSocket of its own, and DevTools speaks over one
exec timeout --kill-after=10 120 node "$here/browser.js" "$chromium" "$page" "${2:-$work/browser.png}"
