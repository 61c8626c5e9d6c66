#!/usr/bin/env bash
# WebSockets of browsers over HTTP/2: Chromium and Firefox load a page over TLS, and its WebSockets come by the same
# connection, as extended CONNECTs (RFC 8441). That is read from what the server has seen: a site of axum with
# bowstring-axum.
#
#   tests/interop/http2.sh [chromium] [firefox]      (both)
. "$(dirname "$0")/lib.sh"
cd "$here/../.."
browsers=("$@")
((${#browsers[@]})) || browsers=(chromium firefox)
for browser in "${browsers[@]}"; do
    [[ $browser =~ ^(chromium|firefox)$ ]] || die "usage: http2.sh [chromium] [firefox]"
    "need_$browser"
done
need_node # node 20 has no WebSocket of its own, and DevTools speaks over one
need_debian openssl openssl
need_debian certutil libnss3-tools

say "building the site"
cargo build --quiet -p bowstring-axum --example site
site=${CARGO_TARGET_DIR:-target}/debug/examples/site

mkdir -p "$work"
scratch=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${ec[@]}" -days 2 -subj /CN=authority -addext basicConstraints=critical,CA:TRUE \
    -keyout "$scratch/ca.key" -out "$scratch/ca.pem" 2>/dev/null
openssl req "${ec[@]}" -subj /CN=localhost -keyout "$scratch/key.pem" -out "$scratch/csr" 2>/dev/null
openssl x509 -req -in "$scratch/csr" -CA "$scratch/ca.pem" -CAkey "$scratch/ca.key" -CAcreateserial -days 2 \
    -extfile <(echo subjectAltName=DNS:localhost,IP:127.0.0.1) -out "$scratch/chain.pem" 2>/dev/null
export INTEROP_CA=$scratch/ca.pem

for browser in "${browsers[@]}"; do
    start_server "http2-$browser" "$site" "$scratch/chain.pem" "$scratch/key.pem"
    timeout --kill-after=10 120 node "$here/http2.js" "$browser" "${!browser}" "$url"
    end_server "${servers[-1]}" || die "the site $fault"
    unset 'servers[-1]'

    # What came: `2 HTTP/2.0 CONNECT websocket /ws`, the number of the connection first.
    seen=$work/http2-$browser.out
    page=$(awk '$5 == "/" { print $1; exit }' "$seen")
    sockets=$(awk -v page="$page" '$1 == page && $2 == "HTTP/2.0" && $3 == "CONNECT" && $4 == "websocket" && $5 == "/ws"' "$seen" | wc -l)
    others=$(awk -v page="$page" '$5 == "/ws" && $1 != page' "$seen" | wc -l)
    closed=$(awk '$2 == "HTTP/2.0" && $3 == "ended" && $4 == "echo" && $5 == "compressed" && $6 ~ /^400[0-4]$/' "$seen" | wc -l)
    if ((sockets != 6 || others != 0 || closed != 6)); then
        cat "$seen" >&2
        die "$browser: $sockets of 6 WebSockets came by the connection of the page, $others by others, $closed ended as they should"
    fi
    grep -q 'open: 0, closed: 6, failed: 0' "$seen" || die "the server's report: $(tail -n 1 "$seen")"
    say "$browser: the page and its 6 WebSockets came by one connection of HTTP/2"
done
