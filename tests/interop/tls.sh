#!/usr/bin/env bash
# wss:// both ways with Python's websockets, which has OpenSSL below it: certificates are made here, and
# both sides are told whom to trust by SSL_CERT_FILE, as an operator would.
. "$(dirname "$0")/lib.sh"
need_python
command -v openssl >/dev/null || die "openssl is missing (on Debian: apt-get install openssl)"
root=$here/../..

say "building the echo server and the interop client with TLS"
(cd "$root" && cargo build --quiet --features rustls-tls-native-roots --bin echo-server --example interop-client)
target=$(cd "$root" && cargo metadata --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

scratch=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server"; rm -rf "$scratch"' EXIT

# An authority, and two certificates of it: one for an elliptic curve's key, one for RSA's.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=interop" \
    -addext basicConstraints=critical,CA:TRUE -keyout "$scratch/ca.key" -out "$scratch/ca.pem" 2>/dev/null
for kind in "ec -pkeyopt ec_paramgen_curve:prime256v1" "rsa:2048"; do
    name=${kind%%[: ]*}
    # shellcheck disable=SC2086  # the kind is several words
    openssl req -newkey $kind -nodes -subj "/CN=localhost" -keyout "$scratch/$name.key" -out "$scratch/csr" 2>/dev/null
    openssl x509 -req -in "$scratch/csr" -CA "$scratch/ca.pem" -CAkey "$scratch/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$scratch/$name.pem" 2>/dev/null
done

for name in ec rsa; do
    : >"$scratch/said" # or the address of the last round is read before the server empties it
    "$target/debug/echo-server" 127.0.0.1:0 --cert "$scratch/$name.pem" --key "$scratch/$name.key" >"$scratch/said" &
    server=$!
    until [[ -s $scratch/said ]]; do
        kill -0 "$server" || die "the server ended"
        sleep 0.05
    done
    read -r _ _ url <"$scratch/said"
    say "websockets and bowstring, $name, at $url"
    SSL_CERT_FILE=$scratch/ca.pem timeout --kill-after=10 180 "$work/venv/bin/python" "$here/tls_python.py" \
        "$url" "$scratch/$name.pem" "$scratch/$name.key" "$target/debug/examples/interop-client"
    kill "$server"
    wait "$server"
    server=
done
say "wss:// works with websockets, both ways"
