//! How a server is configured: limits, origins, deadlines, and how it ends.

use std::time::Duration;

use crate::handshake::Origins;
use crate::net::{Config, close_frame};
use crate::proto::{CloseCode, CloseFrame};

/// How many connections a server takes.
///
/// ```
/// use bowstring::server::ServerLimits;
///
/// let mut limits = ServerLimits::default();
/// limits.connections = 10_000;
/// limits.per_address = Some(20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open connections: those that have finished the opening handshake. While there are as many,
    /// every further opening handshake is answered with 503. Default 100,000.
    ///
    /// The system's limit on open files is often lower. While that is reached, nothing is accepted.
    pub connections: usize,
    /// Connections whose opening handshake is under way, beside those that are open. What comes
    /// beyond waits to be accepted. Default 8,192.
    ///
    /// Each costs about 8 KiB, or 18 KiB within a TLS handshake. What the peer sends comes on top: its
    /// head twice, and up to 16 KiB after it. With the default [`head`](crate::Config::head) that is
    /// 48 KiB at most. A peer that sends as much of a TLS handshake as rustls takes costs 72 KiB. Each
    /// listener may have accepted one more, which waits for the others.
    ///
    /// As many again, but no more than 1,024, may be on their way to a refusal. Beyond that, a
    /// connection for which there is no room ends without an answer. Others that are refused keep
    /// their place among the handshakes until they have gone.
    pub handshakes: usize,
    /// Connections from one IP address, open or not yet. What comes beyond is answered with 429,
    /// plain requests too. Default: no limit. All clients of a proxy, or of a large office, share one
    /// address, and with IPv6 one household has many.
    pub per_address: Option<usize>,
    /// Plain HTTP requests that the hook may answer at the same time while the server is full, so
    /// that a health check or metrics stay readable. Those beyond get 503. Default 64.
    ///
    /// A server that is not full has no such limit: there plain requests count as handshakes.
    pub plain_requests: usize,
}

/// All that is set on a [`Server`](super::Server) and that each connection may need.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) limits: ServerLimits,
    pub(super) origins: Origins,
    /// What connections are told when it drains.
    pub(super) drain_close: CloseFrame,
    /// How long draining may take.
    pub(super) drain_within: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { connections: 100_000, handshakes: 8_192, per_address: None, plain_requests: 64 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            config: Config::default(),
            limits: ServerLimits::default(),
            origins: Origins::default(),
            drain_close: close_frame(CloseCode::GOING_AWAY, "the server is going down"),
            drain_within: Duration::from_secs(10),
        }
    }
}
