#!/usr/bin/env bash
# Our client through forward proxies from Debian: squid, tinyproxy, dante and microsocks. With ws and wss,
# with and without passwords, and what each of them refuses.
#
#   tests/proxies/forward.sh [squid] [tinyproxy] [dante] [microsocks]      (all four)
#
# shellcheck disable=SC2034,SC2154  # lib.sh reads who, and says where things lie
who=forward-proxies
# shellcheck source=tests/interop/lib.sh
. "$(dirname "$0")/../interop/lib.sh"
cd "$here/../.." || exit

names=("$@")
((${#names[@]})) || names=(squid tinyproxy dante microsocks)
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps some of them
for name in "${names[@]}"; do
    case $name in
        dante) need_debian danted dante-server ;;
        squid | tinyproxy | microsocks) need_debian "$name" "$name" ;;
        *) die "usage: forward.sh [squid] [tinyproxy] [dante] [microsocks]" ;;
    esac
done
need_debian openssl openssl

cargo build --features rustls-tls-native-roots --bin echo-server --example through-a-proxy
target=${CARGO_TARGET_DIR:-target}/debug

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
timeout --kill-after=20 300 python3 -B tests/proxies/forward.py \
    "$folder" "$target/echo-server" "$target/examples/through-a-proxy" "${names[@]}" &
python=$!
if ! wait "$python"; then
    python=
    tail -n 20 "$folder"/*/log >&2 || true
    die "FAILED"
fi
python=
say "all is well: ${names[*]}"
