//! What hyper gives away becomes a transport.
//!
//! hyper boxes the stream that it was given. Where that is TCP it is taken out again: then no box, no lock and no
//! copy stand between the socket and the system.

use bytes::Bytes;
use http::Version;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::http2_stream::Http2Stream;
use crate::net::Transport;

/// The transport, and what was read after the request.
pub(super) fn into_transport(upgraded: Upgraded, version: Version) -> (Transport, Bytes) {
    if version >= Version::HTTP_2 {
        return (Transport::boxed(Http2Stream::new(upgraded)), Bytes::new());
    }
    let tcp = |io: TokioIo<TcpStream>, early| {
        let tcp = io.into_inner();
        // Corking is ours. Only a socket that is gone already refuses, and that will show soon enough.
        let _ = tcp.set_nodelay(true);
        (Transport::from(tcp), early)
    };
    // The builder that knows both versions of HTTP puts a type of its own around the stream; hyper's does not.
    let upgraded = match auto::upgrade::downcast(upgraded) {
        Ok(parts) => return tcp(parts.io, parts.read_buf),
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast() {
        Ok(parts) => tcp(parts.io, parts.read_buf),
        Err(upgraded) => (Transport::boxed(TokioIo::new(upgraded)), Bytes::new()),
    }
}
