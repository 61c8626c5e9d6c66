#!/usr/bin/env bash
# Builds bowstring's echo server and client, and lets other people's WebSockets talk to them.
#
#   tests/interop/run.sh [python] [node] [browser]      (all three)
#
# Environment:
#   ECHO_SERVER      a server to test instead of target/release/echo-server
#   INTEROP_CLIENT   a client to test instead of target/release/examples/interop-client
#   SCREENSHOT       where the browser's picture goes (tests/interop/.work/browser.png)
. "$(dirname "$0")/lib.sh"
cd "$here/../.."

peers=("$@")
((${#peers[@]})) || peers=(python node browser)
for peer in "${peers[@]}"; do
    [[ $peer =~ ^(python|node|browser)$ ]] || die "usage: run.sh [python] [node] [browser]"
done

target=${CARGO_TARGET_DIR:-target}
server_program=${ECHO_SERVER:-$target/release/echo-server}
client_program=${INTEROP_CLIENT:-$target/release/examples/interop-client}
build=()
[[ -n ${ECHO_SERVER:-} ]] || build+=(--bin echo-server)
[[ -n ${INTEROP_CLIENT:-} ]] || build+=(--example interop-client)
((${#build[@]} == 0)) || cargo build --release "${build[@]}"

mkdir -p "$work"
"$server_program" 127.0.0.1:0 >"$work/server.out" 2>"$work/server.err" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for ((tries = 0; tries < 100; tries++)); do
    grep -q '^listening on ws://' "$work/server.out" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
url=$(sed -n '1s/^listening on //p' "$work/server.out")
[[ -n $url ]] || {
    cat "$work/server.err" >&2
    die "the server did not say 'listening on ws://…' on its first line"
}

failed=()
for peer in "${peers[@]}"; do
    case $peer in
        browser) "$here/browser.sh" "$url" "${SCREENSHOT:-$work/browser.png}" || failed+=(browser) ;;
        *) "$here/$peer.sh" "$url" "$client_program" || failed+=("$peer") ;;
    esac
done

# Asked to end, it ends well, and soon.
kill -TERM "$server" 2>/dev/null || failed+=("the server, which was gone before it was asked to go")
for ((tries = 0; tries < 150; tries++)); do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
if kill -KILL "$server" 2>/dev/null; then
    wait "$server" 2>/dev/null || true
    failed+=("the server, which did not end within 15 s of SIGTERM")
elif wait "$server"; then
    say "the server ended with exit code 0"
else
    failed+=("the server, which ended with exit code $?")
fi

((${#failed[@]} == 0)) || die "FAILED: $(IFS=';' && printf '%s' "${failed[*]}"); see $work/server.err"
say "all is well: ${peers[*]}"
