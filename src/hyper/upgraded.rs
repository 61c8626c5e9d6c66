//! What hyper gives away becomes a transport.
//!
//! hyper boxes the stream that it was given. Where that is TCP, or a [`Transport`] of ours, it is taken out again. Then
//! no box, no lock and no copy stand between the socket and the system. What TLS has agreed on is known, too.

use bytes::Bytes;
use http::Version;
use hyper::rt::{Read, Write};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use super::read_ahead_stream::ReadAheadStream;
use crate::net::Transport;

/// The transport, and what was read after the request.
pub(super) fn into_transport(upgraded: Upgraded, version: Version) -> (Transport, Bytes) {
    if version >= Version::HTTP_2 {
        return (Transport::boxed(ReadAheadStream::new(upgraded)), Bytes::new());
    }
    let upgraded = match take::<TokioIo<TcpStream>>(upgraded) {
        Ok((tcp, early)) => return (corked(tcp.into_inner()), early),
        Err(upgraded) => upgraded,
    };
    match take::<TokioIo<Transport>>(upgraded) {
        Ok((transport, early)) => match transport.into_inner() {
            Transport::Tcp(tcp) => (corked(tcp), early),
            other => (other, early),
        },
        Err(upgraded) => (Transport::boxed(TokioIo::new(upgraded)), Bytes::new()),
    }
}

/// Corking is ours, so Nagle's algorithm is turned off.
fn corked(tcp: TcpStream) -> Transport {
    // Only a socket that is gone already refuses, and that will show soon enough.
    let _ = tcp.set_nodelay(true);
    Transport::from(tcp)
}

/// Takes a stream of this type out of hyper's box.
fn take<T: Read + Write + Unpin + 'static>(upgraded: Upgraded) -> Result<(T, Bytes), Upgraded> {
    // The builder that knows both versions of HTTP puts a type of its own around the stream; hyper's does not.
    match auto::upgrade::downcast(upgraded) {
        Ok(parts) => Ok((parts.io, parts.read_buf)),
        Err(upgraded) => upgraded.downcast().map(|parts| (parts.io, parts.read_buf)),
    }
}
