//! What a socket allows, and how long it waits.
//!
//! Whom a server lets in is not said here: at [`accept`](fn@super::accept) and
//! [`Incoming`](super::Incoming) pages of all sites may connect (§10.2), until the caller asks
//! [`Origins`](crate::handshake::Origins).

use std::time::Duration;

use super::compression::{self, Deflate};
use super::overflow::Overflow;
use crate::handshake::HeadLimits;
use crate::proto::{Limits, Timeouts};

/// How a [`WebSocket`](super::WebSocket) behaves. Every value has a default that is safe to put on
/// the internet. Which sites' pages may connect to a server is no part of it (§10.2): see
/// [`Origins`](crate::handshake::Origins).
///
/// ```
/// let mut config = bowstring::Config::default();
/// config.limits.max_message_size = 1 << 20;
/// config.timeouts.keep_alive = None;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is taken from the peer: messages of up to 16 MiB.
    pub limits: Limits,
    /// How long the peer is waited for: a ping when it is quiet for 20 s, 20 s for its answer, 5 s
    /// for the closing handshake. They run while the socket is being polled: a task that waits for
    /// something else does not notice that its peer is gone.
    pub timeouts: Timeouts,
    /// How long each step of the opening handshake may take. A client's is everything from looking
    /// up the name to the server's answer; a server's are TLS, reading the request, and writing the
    /// answer. A refusal waits as long again for the peer to take it and leave. Default 10 s.
    pub handshake_timeout: Duration,
    /// How long the head of the peer's request or response may be: 16 KiB and 128 fields.
    pub head: HeadLimits,
    /// How many bytes may wait to be written before sending waits, and reading stops (but that of
    /// a [split](crate::WebSocket::split) socket, whose writers wait alone). One message may go beyond
    /// it. Default 64 KiB.
    pub high_water: usize,
    /// What becomes of a message for which there is no room then. Default: sending waits.
    pub overflow: Overflow,
    /// Whether pings and pongs are handed to the application. Pings are answered either way
    /// (§5.5.2). Default `false`.
    pub report_pings: bool,
    /// Whether and how messages are compressed, where the peer agrees (RFC 7692). Default:
    /// [`Memory::Shared`](super::Memory), level 3, from 128 bytes up. Without the feature `deflate`
    /// it is always `None`.
    pub deflate: Option<Deflate>,
}

impl Default for Config {
    fn default() -> Self {
        let keep_alive = Some(Duration::from_secs(20));
        Self {
            limits: Limits::default(),
            timeouts: Timeouts { keep_alive, ..Timeouts::default() },
            handshake_timeout: Duration::from_secs(10),
            head: HeadLimits::default(),
            high_water: 64 << 10,
            overflow: Overflow::Wait,
            report_pings: false,
            deflate: compression::by_default(),
        }
    }
}
