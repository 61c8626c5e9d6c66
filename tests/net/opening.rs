//! The opening handshake over a transport, both ends.

use bowstring::handshake::ClientRequest;

pub const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n";

pub fn request() -> ClientRequest {
    ClientRequest::new("ws://example.com/chat".parse().unwrap()).protocol("chat")
}
