#!/usr/bin/env bash
# Our server and our client through reverse proxies from Debian: messages of 0 B to 16 MiB, glued and
# split frames, close codes, silence, and the attacks S26 to S28 (which makes S40).
#
#   tests/proxies/run.sh [nginx] [haproxy] [apache] [lighttpd] [caddy]      (all five)
#
# Environment:
#   ECHO_SERVER, INTEROP_CLIENT, AUTOBAHN_CLIENT   programs to test instead of those in target/release
# shellcheck disable=SC2034,SC2154  # lib.sh reads who, and says where things lie
who=proxies
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/../interop/lib.sh"
cd "$here/../.." || exit

names=("$@")
((${#names[@]})) || names=(nginx haproxy apache lighttpd caddy)
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps some of them
for name in "${names[@]}"; do
    case $name in
        nginx) need_debian nginx nginx-light ;;
        apache) need_debian apache2 apache2-bin ;; # without the service
        haproxy | lighttpd | caddy) need_debian "$name" "$name" ;;
        *) die "usage: run.sh [nginx] [haproxy] [apache] [lighttpd] [caddy]" ;;
    esac
done
need_python

target=${CARGO_TARGET_DIR:-target}
programs=("${ECHO_SERVER:-$target/release/echo-server}")
programs+=("${INTEROP_CLIENT:-$target/release/examples/interop-client}")
programs+=("${AUTOBAHN_CLIENT:-$target/release/examples/autobahn-client}")
cargo build --release --bin echo-server --example interop-client --example autobahn-client
for program in "${programs[@]}"; do
    [[ -x $program ]] || die "no program $program"
done

folder=$(mktemp -d)
chmod 755 "$folder" # some proxies change to another user
python=
end() {
    trap '' INT TERM # whoever asked once may ask twice
    [[ -z $python ]] || kill "$python" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
timeout --kill-after=20 400 "$work/venv/bin/python" -B tests/proxies/proxies.py \
    "$folder" "${programs[@]}" "${names[@]}" &
python=$!
if ! wait "$python"; then
    python=
    tail -n 20 "$folder"/*/*.log "$folder"/*/*/log >&2 || true
    die "FAILED"
fi
python=
say "all is well: ${names[*]}"
