#!/usr/bin/env bash
# wss:// both ways: run.sh's peers, each with the TLS it has (OpenSSL, BoringSSL, NSS, rustls), in the mode
# that servers have unless told otherwise; compression's own business is run.sh's. The certificates are
# made here, and whoever is a client must verify them, as must be seen when it refuses a stranger's.
#
#   tests/interop/tls.sh [PEER…]      (all of them)
. "$(dirname "$0")/lib.sh"
cd "$here/../.."
need_debian openssl openssl
# Before anything is told to trust nobody else.
need_python
need_node

say "building the echo server and the interop client with TLS"
cargo build --quiet --features rustls-tls,rustls-tls-native-roots --bin echo-server --example interop-client
target=${CARGO_TARGET_DIR:-target}/debug
client=$target/examples/interop-client

scratch=$(mktemp -d)
servers=()
trap 'kill "${servers[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ec=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
rsa=(-newkey rsa:2048)

# authority NAME: makes a key and a certificate to issue others with.
authority() {
    openssl req -x509 "${ec[@]}" -nodes -days 2 -subj "/CN=$1" -addext basicConstraints=critical,CA:TRUE \
        -keyout "$scratch/$1.key" -out "$scratch/$1.pem" 2>/dev/null
}

# issue AUTHORITY NAME KIND…: makes a key and a certificate of this machine.
issue() {
    local authority=$scratch/$1 name=$scratch/$2
    shift 2
    openssl req "$@" -nodes -subj "/CN=localhost" -keyout "$name.key" -out "$scratch/csr" 2>/dev/null
    openssl x509 -req -in "$scratch/csr" -CA "$authority.pem" -CAkey "$authority.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$name.pem" 2>/dev/null
}

# serve NAME: the echo server with the certificate of that name.
serve() { start_server "tls-$1" "$target/echo-server" 127.0.0.1:0 --cert "$scratch/$1.pem" --key "$scratch/$1.key"; }

authority known
authority unknown
issue known ec "${ec[@]}"
issue known rsa "${rsa[@]}"
issue unknown stranger "${ec[@]}"

serve stranger
export INTEROP_STRANGER=$url INTEROP_CA=$scratch/known.pem

# Our own client refuses it too, and that is all that is wrong with it.
SSL_CERT_FILE=$scratch/unknown.pem "$client" "$INTEROP_STRANGER" >/dev/null || die "the stranger's server is no server"
if SSL_CERT_FILE=$INTEROP_CA "$client" "$INTEROP_STRANGER" >/dev/null 2>"$work/stranger.err"; then
    die "our client trusts a stranger"
fi
grep -q 'not issued by a trusted authority' "$work/stranger.err" || die "our client said $(<"$work/stranger.err")"
say "our client refuses a stranger's certificate"

# Either kind of key by itself, with each version of TLS and both sorts of host.
for name in ec rsa; do
    serve "$name"
    SSL_CERT_FILE=$INTEROP_CA timeout --kill-after=10 180 "$work/venv/bin/python" -B "$here/tls_python.py" \
        "$name" "$url" "$scratch/$name.pem" "$scratch/$name.key" "$client" | tee "$work/tls-$name.out"
done

INTEROP_CERT=$scratch/ec.pem INTEROP_KEY=$scratch/ec.key MODES=shared \
    ECHO_SERVER=$target/echo-server INTEROP_CLIENT=$client "$here/run.sh" "$@"

for server in "${servers[@]}"; do
    end_server "$server" || die "a server with TLS $fault"
done
total=$(count "$work/tls-ec.out" "$work/tls-rsa.out" "$work/run.out") || die "not everybody said how many failed"
say "all is well over TLS: $total"
