#!/usr/bin/env bash
# Builds bowstring's echo server and client, and lets other people's WebSockets talk to them: first
# uncompressed, then in each of the server's modes with whatever compression the peer knows.
#
#   tests/interop/run.sh [PEER…]      (all of them)
#
# Peers: python (websockets, aiohttp), node (ws, undici), browser (Chromium), firefox, bun, deno,
# websocket-client, curl.
#
# Environment:
#   ECHO_SERVER      a server to test instead of target/release/echo-server; it is given an address
#                    and --compression MODE
#   INTEROP_CLIENT   a client to test instead of target/release/examples/interop-client
#   SCREENSHOT       where the browser's picture goes (tests/interop/.work/browser.png)
. "$(dirname "$0")/lib.sh"
cd "$here/../.."

peers=("$@")
all=(python node browser firefox bun deno websocket-client curl)
((${#peers[@]})) || peers=("${all[@]}")
for peer in "${peers[@]}"; do
    [[ " ${all[*]} " == *" $peer "* ]] || die "usage: run.sh [PEER…], of ${all[*]}"
done

target=${CARGO_TARGET_DIR:-target}
server_program=${ECHO_SERVER:-$target/release/echo-server}
client_program=${INTEROP_CLIENT:-$target/release/examples/interop-client}
build=()
[[ -n ${ECHO_SERVER:-} ]] || build+=(--bin echo-server)
[[ -n ${INTEROP_CLIENT:-} ]] || build+=(--example interop-client)
((${#build[@]} == 0)) || cargo build --release "${build[@]}"

mkdir -p "$work"
modes=(off shared window=9 window=12 full)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
urls=()
for mode in "${modes[@]}"; do
    out=$work/server-$mode.out
    : >"$out" # or the address of the last run is read before the server empties it
    "$server_program" 127.0.0.1:0 --compression "$mode" >"$out" 2>"$work/server-$mode.err" &
    servers+=($!)
    for ((tries = 0; tries < 100; tries++)); do
        grep -q '^listening on ws://' "$out" && break
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    url=$(sed -n '1s/^listening on //p' "$out")
    [[ -n $url ]] || {
        cat "$work/server-$mode.err" >&2
        die "the server did not say 'listening on ws://…' on its first line"
    }
    urls+=("$mode=$url")
    if [[ $mode == shared ]]; then
        usual=$url # what it does unless told otherwise
    fi
done

failed=()
for peer in "${peers[@]}"; do
    case $peer in
        browser) "$here/browser.sh" chromium "$usual" "${SCREENSHOT:-$work/browser.png}" || failed+=(browser) ;;
        firefox) "$here/browser.sh" firefox "$usual" || failed+=(firefox) ;;
        python | node) "$here/$peer.sh" "$usual" "$client_program" || failed+=("$peer") ;;
        *) ;; # what follows has all of it
    esac
    "$here/deflate.sh" "$peer" "$client_program" "${urls[@]}" | tee "$work/deflate-$peer.out" ||
        failed+=("$peer, against every mode of ours")
done

# Asked to end, they end well, and soon.
for i in "${!modes[@]}"; do
    server=${servers[i]} name="the server with ${modes[i]}"
    kill -TERM "$server" 2>/dev/null || failed+=("$name, which was gone before it was asked to go")
    for ((tries = 0; tries < 150; tries++)); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if kill -KILL "$server" 2>/dev/null; then
        wait "$server" 2>/dev/null || true
        failed+=("$name, which did not end within 15 s of SIGTERM")
    elif wait "$server"; then
        say "$name ended with exit code 0"
    else
        failed+=("$name, which ended with exit code $?")
    fi
done

((${#failed[@]} == 0)) || die "FAILED: $(IFS=';' && printf '%s' "${failed[*]}"); see $work/server-*.err"
# Each ends with "deflate PEER: N scenarios, N messages, 0 failed", or plain instead of deflate.
total=$(for peer in "${peers[@]}"; do tail -n 1 "$work/deflate-$peer.out"; done |
    awk '{ s += $3; m += $5 } END { print s " scenarios, " m " messages" }')
say "all is well: ${peers[*]}: $total"
