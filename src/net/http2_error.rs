//! What keeps a WebSocket over HTTP/2 from beginning (RFC 8441, RFC 9113).

use std::fmt;

/// Why a WebSocket was not opened over an HTTP/2 connection. The codes are those of RFC 9113 §7.
///
/// ```
/// use bowstring::net::Http2Error;
///
/// // The server did not look at the request, so it can be sent again.
/// assert!(Http2Error::Refused.is_transient());
/// // This server will say the same next time: use HTTP/1.1.
/// assert!(!Http2Error::NotOffered.is_transient());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Http2Error {
    /// The server does not offer WebSockets over HTTP/2: its settings lack `SETTINGS_ENABLE_CONNECT_PROTOCOL`
    /// (RFC 8441 §3). HTTP/1.1 may still work.
    NotOffered,
    /// In TLS the server did not agree to HTTP/2 (ALPN, RFC 7301).
    NotNegotiated,
    /// As many streams are open as the server allows, and none ended in time. Another connection may have room.
    TooManyStreams,
    /// The server takes no more streams on this connection (GOAWAY), or the connection has used up its stream
    /// numbers. Open another connection.
    Draining,
    /// The server did not look at the request (REFUSED_STREAM, RFC 9113 §8.7). It is safe to send it again.
    Refused,
    /// The server reset the stream with this code, instead of answering.
    Reset(u32),
    /// HTTP/2 was violated, by the server or in its opinion by us. This is the code.
    Protocol(u32),
}

impl Http2Error {
    /// Whether the same call may succeed at another time, or on another connection.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::TooManyStreams | Self::Draining | Self::Refused | Self::Reset(_))
    }
}

impl fmt::Display for Http2Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered => {
                f.write_str("the server offers no WebSockets over HTTP/2 (RFC 8441 §3)")
            }
            Self::NotNegotiated => f.write_str("the server did not agree to HTTP/2 (RFC 7301)"),
            Self::TooManyStreams => f.write_str(
                "the server allows no more streams on this connection (RFC 9113 §5.1.2)",
            ),
            Self::Draining => {
                f.write_str("the server takes no more streams on this connection (RFC 9113 §6.8)")
            }
            Self::Refused => f.write_str("the server did not look at the request (RFC 9113 §8.7)"),
            Self::Reset(code) => {
                write!(f, "the server reset the stream with code {code} (RFC 9113 §7)")
            }
            Self::Protocol(code) => {
                write!(f, "HTTP/2 failed with code {code} (RFC 9113 §7)")
            }
        }
    }
}

impl std::error::Error for Http2Error {}
