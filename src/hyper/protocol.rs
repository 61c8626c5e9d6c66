//! The `:protocol` of a request over HTTP/2 (RFC 8441 §4). `protocol_off.rs` stands in for it in builds without the
//! feature `http2`.

use http::Extensions;
use hyper::ext::Protocol;

/// As hyper has noted it.
pub(super) fn of(extensions: &Extensions) -> Option<&str> {
    extensions.get::<Protocol>().map(Protocol::as_str)
}
