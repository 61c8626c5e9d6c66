#!/usr/bin/env bash
# Other people's WebSockets with compression, as clients of our servers; and those that have a server
# also as servers to our client. Browsers, websocket-client and curl are clients only, and need none of
# ours.
#
#   tests/interop/deflate.sh PEER INTEROP_CLIENT MODE=URL…
#
# Behind each URL is an echo server with --compression MODE: off, shared, window=9, window=12, full.
. "$(dirname "$0")/lib.sh"
(($# > 2)) || die "usage: deflate.sh PEER INTEROP_CLIENT MODE=URL…"
peer=$1 client=$2
shift 2
case $peer in
    python)
        need_python
        run=("$work/venv/bin/python" -B "$here/deflate_python.py" "$client")
        ;;
    node)
        need_node
        run=(node "$here/deflate_node.js" "$client")
        ;;
    browser)
        need_chromium
        need_node
        run=(node "$here/deflate_browser.js" chromium "$chromium")
        ;;
    firefox)
        need_firefox
        need_node
        run=(node "$here/deflate_browser.js" firefox "$firefox")
        ;;
    bun | deno)
        need_node
        run=(node "$here/deflate_runtime.js" "$peer" "$NODE_PATH/.bin/$peer" "$client")
        ;;
    websocket-client | curl)
        need_python
        run=("$work/venv/bin/python" -B "$here/plain_python.py" "$peer")
        ;;
    *) die "no peer $peer" ;;
esac
exec timeout --kill-after=10 180 "${run[@]}" "$@"
