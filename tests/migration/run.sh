#!/usr/bin/env bash
# Moves two published programs from tokio-tungstenite to bowstring and runs their own tests, those that need no
# network: tests/migration/run.sh [NAME…].
#
# The edits are rules over names of tokio-tungstenite, most of them those of MIGRATING.md. They carry no text of the
# programs, which cargo downloads; it checks that they are what the checksums here say.
set -euo pipefail
cd "$(dirname "$0")/../.."

root=$PWD work=$PWD/target/migration
(($#)) || set -- kraken-async-rs barter-integration

# download NAME VERSION CHECKSUM: its source in $work/NAME, and again in $work/NAME.before.
download() {
    local name=$1 version=$2 checksum=$3 fetch=$work/fetch-$1 manifest
    rm -rf "$fetch" "${work:?}/$name" "$work/$name.before"
    mkdir -p "$fetch/src"
    touch "$fetch/src/lib.rs"
    cat > "$fetch/Cargo.toml" <<END
[package]
name = "fetch"
edition = "2024"

[dependencies]
$name = "=$version"

[workspace]
END
    cargo fetch --quiet --manifest-path "$fetch/Cargo.toml"
    # Cargo has compared what it downloaded with this.
    grep -A3 "^name = \"$name\"$" "$fetch/Cargo.lock" | grep -q "^checksum = \"$checksum\"$" ||
        { echo "$name $version is not the one that was pinned"; return 1; }
    manifest=$(cargo metadata --format-version 1 --manifest-path "$fetch/Cargo.toml" |
        python3 -c 'import json, sys; print(*(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == sys.argv[1]))' "$name")
    cp -r "$(dirname "$manifest")" "$work/$name.before"
    cp -r "$work/$name.before" "$work/$name"
    # Their lock file does not know bowstring.
    rm -f "$work/$name/Cargo.lock" "$work/$name.before/Cargo.lock"
    printf '\n[workspace]\n' >> "$work/$name/Cargo.toml"
    printf '\n[workspace]\n' >> "$work/$name.before/Cargo.toml"
}

# The names that have another name here. See MIGRATING.md.
names() {
    sed -i -E \
        -e 's/(tokio_tungstenite::)?WebSocketStream<MaybeTlsStream<TcpStream>>/bowstring::WebSocket/' \
        -e 's/tokio_tungstenite::connect_async/bowstring::connect as connect_async/' \
        -e 's/tokio_tungstenite::tungstenite::(Message|Error|Utf8Bytes)/bowstring::\1/' \
        -e '/use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;/d' \
        -e 's/CloseCode::Normal\b/1000.into()/' \
        -e 's/(Error|WsError)::ConnectionClosed;/\1::Lost;/' \
        -e 's/(Error|WsError)::ConnectionClosed\)/\1::Lost)/' \
        -e '/^use tokio::net::TcpStream;$/d' \
        "$@"
}

edit_kraken-async-rs() {
    local client=src/wss/kraken_wss_client.rs
    # Its tests talk to a server that is made of tungstenite, whose messages they use.
    sed -i -E "s|^\[dependencies\.tokio-tungstenite\]|[dependencies.bowstring]\npath = \"$root\"\nfeatures = [\"rustls-tls-native-roots\"]\n[dev-dependencies.tokio-tungstenite]|" Cargo.toml
    local tests
    tests=$(grep -n -m1 'cfg(test)' $client | cut -d: -f1)
    sed -i -E "1,${tests}{
        # A method of the connection itself.
        /^use futures_util::SinkExt;/d
        /^use tokio_tungstenite::\{/d
        s/^use tokio_tungstenite::tungstenite::Message as (\w+);/use bowstring::{Message as \1, connect as connect_async};/
        # The error is that of str and not that of a connection.
        s/from_str\((\w+)\.to_text\(\)\?\)/from_slice(\1.as_bytes())/
        s/WebSocketStream<MaybeTlsStream<TcpStream>>/bowstring::WebSocket/
        /^use tokio::net::TcpStream;/d
    }" $client
    sed -i -E \
        -e '/^    use tokio_tungstenite::tungstenite::Error as \w+;/d' \
        -e 's/\w+::ConnectionClosed;/bowstring::Error::Lost;/' src/wss/errors.rs
    names src/wss/errors.rs
}
test_kraken-async-rs() { cargo test --lib; }

edit_barter-integration() {
    local ws=src/protocol/websocket/mod.rs
    sed -i -E \
        -e 's/^\[dependencies\.tokio-tungstenite\]/[dependencies.bowstring]/' \
        -e '/^\[dependencies\.bowstring\]/,/^$/s|^version = .*|path = "'"$root"'"|' \
        -e 's/"dep:tokio-tungstenite"/"dep:bowstring"/' Cargo.toml
    # There is no Message::Frame.
    sed -i -E \
        -e '/^use tokio_tungstenite::\{/,/^\};/c use bowstring::{CloseFrame, IntoClientRequest, Utf8Bytes, connect as connect_async};' \
        -e '/WsMessage::Frame\(/d' \
        -e 's/^( *frame: )Frame,/\1Bytes,/' \
        -e '/^ *matches!\($/,/^ *\)$/c \    error.is_disconnect()' $ws
    # A method of the connection itself.
    sed -i 's/^use futures::{SinkExt, StreamExt};$/use futures::StreamExt;/' examples/simple_websocket_integration.rs
    names $ws src/error.rs examples/simple_websocket_integration.rs
}
test_barter-integration() { cargo test --lib --example simple_websocket_integration --features full; }

# Version and checksum; how many tests there are, and how many lines may change.
versions() {
    case $1 in
        kraken-async-rs) echo 0.16.0 739c77d03f69f59cc32ecac3abfabe538cdfb24d064ea9fb115e940bb8632daa 203 19 ;;
        barter-integration) echo 0.12.0 beb98d65c33c26d56dc7e1c782bb514fe811d5e263759dd48243bed26841075c 63 47 ;;
        *) echo "no program $1" >&2; return 1 ;;
    esac
}

for name; do
    began=$SECONDS
    read -r version checksum least most <<< "$(versions "$name")"
    download "$name" "$version" "$checksum"
    cd "$work/$name"
    "edit_$name"
    log=$work/$name.log
    CARGO_TARGET_DIR=$work/build RUSTFLAGS="-D unused-imports" "test_$name" > "$log" 2>&1 || { tail -40 "$log"; exit 1; }
    ran=$(awk '/test result: ok/ { for (n = 1; n < NF; n++) if ($(n + 1) ~ /^passed/) sum += $n } END { print sum + 0 }' "$log")
    cd "$work"
    read -r plus minus <<< "$(git diff --no-index --numstat "$name.before" "$name" | awk '!/Cargo.lock/ { plus += $1; minus += $2 } END { print plus, minus }')"
    echo "$name $version: $ran of its own tests pass; +$plus/-$minus lines ($((SECONDS - began)) s)"
    [ "$ran" -ge "$least" ] && [ $((plus + minus)) -le "$most" ]
    cd "$root"
done
