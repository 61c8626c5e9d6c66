//! Sockets over a transport that follows a script, and what their peers send.
//!
//! The transport, the frames and the waiting are those of `crates/testing`, which knows nothing of the
//! crate under test.

use bowstring::net::masking_key;
use bowstring::proto::Role;
use bowstring::{Config, WebSocket};
use bowstring_testing::frames;
pub use bowstring_testing::frames::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, TEXT, close_payload, parse_frames,
};
pub use bowstring_testing::io::poll::{Wakes, not_yet, now, poll};
pub use bowstring_testing::io::scripted::{Cut, Op, Peer};
pub use bowstring_testing::io::wait::{in_time, seconds};
pub use bowstring_testing::random::Random;

pub use crate::scripted::{Scripted, scripted};

/// A server's socket after its handshake, with no keep-alive unless `config` says so.
pub fn server(config: &Config) -> (WebSocket<Scripted>, Peer) {
    let (stream, peer) = scripted();
    (WebSocket::from_raw(stream, Role::Server, [], config), peer)
}

pub fn client(config: &Config) -> (WebSocket<Scripted>, Peer) {
    let (stream, peer) = scripted();
    (WebSocket::from_raw(stream, Role::Client(masking_key), [], config), peer)
}

/// A frame's bytes; masked as a client's if `masked`.
pub fn frame(masked: bool, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let first = if fin { FIN | opcode } else { opcode };
    frames::frame(first, masked.then_some(KEY), payload)
}

/// What a client says to a server.
pub fn said(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(true, true, opcode, payload.as_ref())
}

/// What a server says to a client.
pub fn told(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(false, true, opcode, payload.as_ref())
}

/// No timers but those of closing.
pub fn quiet() -> Config {
    let mut config = Config::default();
    config.timeouts.keep_alive = None;
    config
}
