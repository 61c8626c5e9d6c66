//! An opening handshake as bytes (RFC 6455 §1.3, §4).

/// The key in the example of §1.3.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A legal request for this host, with further header lines, each of which ends in `\r\n`.
pub fn request_to(host: &str, lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// A legal request for `localhost`, with further header lines.
pub fn request(lines: &str) -> Vec<u8> {
    request_to("localhost", lines).into_bytes()
}
