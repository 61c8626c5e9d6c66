//! The settings of a socket.

use std::time::Duration;

use super::compression::{self, Deflate};
use super::overflow::Overflow;
use crate::handshake::{DeflateParams, Extension, HeadLimits};
use crate::proto::{Limits, Timeouts};

/// The settings of a [`WebSocket`](super::WebSocket): limits, deadlines, back-pressure, compression.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = bowstring::Config::default();
/// config.limits.max_message_size = 1024 * 1024;
/// config.timeouts.keep_alive = Some(Duration::from_secs(60));
/// ```
///
/// All defaults are safe on the internet. Which pages may connect to a server is not set here (§10.2): see
/// [`Origins`](crate::handshake::Origins).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is accepted from the peer: by default messages of up to 16 MiB.
    pub limits: Limits,
    /// How long to wait for the peer: by default a ping after 20 s of silence, 20 s for the answer, and 5 s for
    /// the closing handshake.
    ///
    /// These deadlines run while a task polls the socket. A task that waits for something else does not notice
    /// that its peer is gone.
    pub timeouts: Timeouts,
    /// How long each step of the opening handshake may take. Default 10 s.
    ///
    /// For a client it is one step, from looking up the name to the server's answer. The body of a refusal has as
    /// long again. For a server the steps are TLS, reading the request, and writing the answer. After a refusal
    /// the peer has as long again to leave.
    pub handshake_timeout: Duration,
    /// How long the head of the peer's request or response may be. Default 16 KiB and 128 fields.
    pub head: HeadLimits,
    /// How many bytes may wait to be written before there is no room. One message may go beyond it. Default
    /// 64 KiB.
    ///
    /// Without room, [`overflow`](Self::overflow) decides what happens to the next message, and the socket stops
    /// reading. A [split](crate::WebSocket::split) socket goes on reading.
    pub high_water: usize,
    /// What happens to a message for which there is no room. Default: its sender waits.
    pub overflow: Overflow,
    /// Whether the application receives pings and pongs. Pings are answered either way (§5.5.2). Default
    /// `false`. What answers a ping of the connection itself, such as the keep-alive's, is never received.
    pub report_pings: bool,
    /// Whether and how messages are compressed, if the peer agrees (RFC 7692). Default:
    /// [`Memory::Shared`](super::Memory), level 3, from 128 bytes on. Without the feature `deflate` it is always
    /// `None`.
    pub deflate: Option<Deflate>,
}

impl Config {
    /// What a server with these settings answers to the extensions that a client offers: what is agreed on, and the
    /// extension that says so. `None` if messages are not compressed.
    ///
    /// For those who make the answer themselves. [`Incoming`](super::Incoming) and the `Server` do it.
    ///
    /// ```
    /// use bowstring::{Config, handshake::Extension};
    ///
    /// let offered = [Extension::new("permessage-deflate")?];
    /// let (agreed, answer) = Config::default().answer_deflate(&offered).unwrap();
    /// assert!(agreed.server_no_context_takeover);
    /// assert_eq!(answer.name(), "permessage-deflate");
    /// # Ok::<(), bowstring::handshake::BuildError>(())
    /// ```
    pub fn answer_deflate(&self, offered: &[Extension]) -> Option<(DeflateParams, Extension)> {
        compression::answer(self.deflate, offered)
    }
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
