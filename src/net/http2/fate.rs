//! What the errors of `h2` mean to a WebSocket. Nothing is decided by a text.

use std::io;

use h2::Reason;

use crate::net::error::Error;
use crate::net::http2_error::Http2Error;

/// Whether this reset ends a stream as the end of TCP would. RFC 8441 §5 has CANCEL stand for a reset of TCP.
/// A server that needs no more of a request sends NO_ERROR (RFC 9113 §8.1), and so does a closed tab. For a WebSocket
/// all of them are an end: its close frames tell whether it was clean.
pub(super) fn is_end(error: &h2::Error) -> bool {
    error.is_reset() && matches!(error.reason(), Some(Reason::CANCEL | Reason::NO_ERROR))
}

/// The error of a stream that is open. The kind of a cut makes it [`Error::Lost`].
pub(super) fn of_stream(error: h2::Error) -> io::Error {
    let kind = match error.get_io() {
        Some(error) => error.kind(),
        None => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, error)
}

/// The same, of a stream whose end is known by the code of its reset alone.
pub(super) fn of_reset(reason: Reason) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason))
}

/// The error of a connection or stream that is being opened.
pub(super) fn of_opening(error: h2::Error) -> Error {
    let code = error.reason();
    let http2 = match code {
        None => {
            return match error.into_io() {
                Some(error) => Error::from_transport(error),
                // What the API does not allow: the numbers of streams are used up.
                None => Http2Error::Draining.into(),
            };
        }
        Some(Reason::REFUSED_STREAM) => Http2Error::Refused,
        Some(Reason::NO_ERROR) if error.is_go_away() => Http2Error::Draining,
        Some(code) if error.is_reset() && error.is_remote() => Http2Error::Reset(code.into()),
        Some(code) => Http2Error::Protocol(code.into()),
    };
    http2.into()
}
