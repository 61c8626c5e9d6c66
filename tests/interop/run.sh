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
#   MODES            those of the server's modes to go through; shared must be one
#   INTEROP_CA, INTEROP_CERT, INTEROP_KEY, INTEROP_STRANGER
#                    for wss://, as tls.sh sets them: the certificate of an authority, one that it has issued to
#                    every server, the key to that, and the address of a server that another has issued one to
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

tls=()
if [[ -n ${INTEROP_CA:-} ]]; then
    tls=(--cert "$INTEROP_CERT" --key "$INTEROP_KEY")
    # Whom to trust, for OpenSSL and rustls, for Node and Bun, and for Deno. Browsers and curl are told by their scripts.
    export SSL_CERT_FILE=$INTEROP_CA NODE_EXTRA_CA_CERTS=$INTEROP_CA DENO_CERT=$INTEROP_CA
    [[ ! " ${peers[*]} " =~ \ (browser|firefox)\  ]] || need_debian certutil libnss3-tools
fi

mkdir -p "$work"
read -ra modes <<<"${MODES:-off shared window=9 window=12 full}"
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
urls=()
for mode in "${modes[@]}"; do
    start_server "server-$mode" "$server_program" 127.0.0.1:0 --compression "$mode" "${tls[@]}"
    urls+=("$mode=$url")
    if [[ $mode == shared ]]; then
        usual=$url # what it does unless told otherwise
    fi
done

failed=() outs=()
for peer in "${peers[@]}"; do
    case $peer in
        browser) "$here/browser.sh" chromium "$usual" "${SCREENSHOT:-$work/browser.png}" || failed+=(browser) ;;
        firefox) "$here/browser.sh" firefox "$usual" || failed+=(firefox) ;;
        python | node)
            outs+=("$work/$peer.out")
            "$here/$peer.sh" "$usual" "$client_program" | tee "$work/$peer.out" || failed+=("$peer")
            ;;
        *) ;; # what follows has all of it
    esac
    outs+=("$work/deflate-$peer.out")
    "$here/deflate.sh" "$peer" "$client_program" "${urls[@]}" | tee "$work/deflate-$peer.out" ||
        failed+=("$peer, against every mode of ours")
done

for i in "${!modes[@]}"; do
    name="the server with ${modes[i]}"
    if end_server "${servers[i]}"; then
        say "$name ended with exit code 0"
    else
        failed+=("$name, which $fault")
    fi
done

((${#failed[@]} == 0)) || die "FAILED: $(IFS=';' && printf '%s' "${failed[*]}"); see $work/server-*.err"
total=$(count "${outs[@]}") || die "not every peer said how many failed"
say "all is well: ${peers[*]}: $total"
printf '%s\n' "run: $total, 0 failed" >"$work/run.out"
