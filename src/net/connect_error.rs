//! Which step of opening a connection failed, and which addresses were tried.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// A step of opening a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpeningStep {
    /// Looking up the host's name.
    Resolve,
    /// Connecting to one of its addresses.
    Connect,
    /// Connecting to a forward proxy and asking it for a tunnel: [`ProxyError::step`](super::ProxyError::step) is
    /// more exact.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// The WebSocket's opening handshake: the request and its answer (§4).
    Handshake,
}

/// None of a host's addresses could be connected to.
///
/// ```no_run
/// use bowstring::Error;
///
/// # async fn example() {
/// if let Err(Error::Connect(error)) = bowstring::connect("ws://example.com/").await {
///     for attempt in error.attempts() {
///         println!("{}: {}", attempt.address, attempt.error);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ConnectError {
    attempts: Vec<ConnectAttempt>,
    timed_out: bool,
}

/// An address that was tried, and how it failed.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectAttempt {
    /// The address.
    pub address: SocketAddr,
    /// Why it could not be connected to. Its kind is [`TimedOut`](io::ErrorKind::TimedOut) if there was no answer
    /// before the deadline.
    pub error: io::Error,
}

impl ConnectError {
    pub(in crate::net) fn new(attempts: Vec<ConnectAttempt>, timed_out: bool) -> Self {
        Self { attempts, timed_out }
    }

    /// The addresses that were tried, in the order in which they failed. There is none if the deadline came
    /// first.
    pub fn attempts(&self) -> &[ConnectAttempt] {
        &self.attempts
    }

    /// Whether the deadline ended it, so that addresses may be left that were not tried.
    pub const fn is_timeout(&self) -> bool {
        self.timed_out
    }

    /// Whether every address was refused: the host is there, and no program listens.
    pub fn is_refused(&self) -> bool {
        self.all(|kind| kind == io::ErrorKind::ConnectionRefused)
    }

    /// Whether the system knows no way to any of the addresses.
    pub fn is_unreachable(&self) -> bool {
        use io::ErrorKind::{HostUnreachable, NetworkDown, NetworkUnreachable};
        self.all(|kind| matches!(kind, HostUnreachable | NetworkUnreachable | NetworkDown))
    }

    fn all(&self, of: impl Fn(io::ErrorKind) -> bool) -> bool {
        !self.timed_out
            && !self.attempts.is_empty()
            && self.attempts.iter().all(|attempt| of(attempt.error.kind()))
    }
}

impl ConnectAttempt {
    pub(in crate::net) fn new(address: SocketAddr, error: io::Error) -> Self {
        Self { address, error }
    }
}

impl fmt::Display for OpeningStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting to the host",
            Self::Proxy => "going through the proxy",
            Self::Tls => "the TLS handshake",
            Self::Handshake => "the opening handshake",
        })
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.timed_out {
            true => "connecting to the host took too long",
            false => "the host could not be connected to",
        })?;
        let mut before = ": ";
        for ConnectAttempt { address, error } in &self.attempts {
            write!(f, "{before}{address}: {error}")?;
            before = "; ";
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.attempts.last().map(|attempt| &attempt.error as _)
    }
}
