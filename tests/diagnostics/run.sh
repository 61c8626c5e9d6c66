#!/usr/bin/env bash
# What the compiler says where a type does not fit: the message must name the way out.
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=target/diagnostics
mkdir -p $dir/src
cp Cargo.lock $dir/
cat > $dir/Cargo.toml <<END
[package]
name = "diagnostics"
edition = "2024"

[dependencies]
bowstring = { path = "../.." }
serde_json = "1"
tokio = { version = "1", features = ["io-util"] }
url = "2"

[workspace]
END

# says CODE TEXT…: the code does not compile, and the compiler says all of the texts.
says() {
    local code=$1 said
    shift
    printf '%s\n' "$code" > $dir/src/lib.rs
    if said=$(cargo check --quiet --manifest-path $dir/Cargo.toml --target-dir target 2>&1); then
        printf 'this compiles:\n%s\n' "$code"
        return 1
    fi
    for text; do
        grep -qF "$text" <<< "$said" || { printf 'no %s in:\n%s\n' "$text" "$said"; return 1; }
    done
}

says 'pub async fn f(mut ws: bowstring::WebSocket<tokio::net::TcpStream>, value: serde_json::Value) {
    ws.send(value).await.unwrap();
}' 'is no message that can be sent' 'a JSON value is sent as text: call `.to_string()`'

says 'pub async fn f(mut ws: bowstring::WebSocket<tokio::net::TcpStream>) {
    ws.send(7).await.unwrap();
}' 'is no message that can be sent' 'text is `&str`, `String` or `Utf8Bytes`'

says 'pub fn f(writer: bowstring::net::Writer<tokio::io::Empty>) {}' \
    'cannot be split for two tasks' '`bowstring::net::Locked(stream)` can be split'

says 'pub fn f(ws: bowstring::WebSocket<tokio::io::Join<tokio::io::Empty, tokio::io::Sink>>) {
    let (reader, writer) = ws.split();
}' 'split' 'bowstring::net::Locked(stream)'

says 'pub async fn f(url: url::Url) {
    let (ws, _) = bowstring::connect(url).await.unwrap();
}' 'is no address and no request' 'a `url::Url` is one with the feature `url`; without it call `.as_str()`'

# The order of `futures` is found out: a reader does not send.
says 'pub async fn f(ws: bowstring::WebSocket<tokio::net::TcpStream>) {
    let (writer, mut reader) = ws.split();
    writer.send("hello").await.unwrap();
}' 'no method named `send` found for struct `bowstring::net::Reader'

echo "6 faults, 6 messages that name the way out"
