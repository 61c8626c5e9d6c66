//! Transports of other crates, for two tasks.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};

use super::halves::Split;

/// A transport of another crate, so that a [`WebSocket`](crate::net::WebSocket) over it can be
/// [split](crate::net::WebSocket::split).
///
/// You cannot implement [`Split`] for a type of another crate; this does it. The two directions take turns
/// with a lock.
///
/// ```
/// # use bowstring::{Config, WebSocket, net::Locked, proto::Role};
/// # use tokio::io::{AsyncRead, AsyncWrite};
/// # fn of<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(upgraded: S) {
/// let ws = WebSocket::from_raw(Locked(upgraded), Role::Server, [], &Config::default());
/// let (reader, writer) = ws.split();
/// # }
/// ```
#[derive(Debug)]
pub struct Locked<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Split for Locked<S> {
    type Read = ReadHalf<S>;
    type Write = WriteHalf<S>;

    fn split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        tokio::io::split(self.0)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Locked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Locked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
