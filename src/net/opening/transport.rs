//! One type for all transports that this crate opens.
//!
//! [`connect`](super::connect) and the server give a `WebSocket<Transport>`, so code for TCP works with a Unix socket
//! and with TLS as well. A stream of the caller keeps its own type.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp;

use super::boxed_tls::BoxedTls;
use crate::net::split::halves::Split;
use crate::net::unix::{self, UnixStream};

/// A stream of bytes in both directions.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transport {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    Unix(UnixStream),
    /// A pipe in memory, for tests: see [`tokio::io::duplex`].
    Memory(DuplexStream),
    /// TLS over another of these.
    Tls(TlsStream),
    /// A stream of another kind: an upgraded connection of hyper, a stream of HTTP/2, the tunnel of a proxy.
    Boxed(BoxedStream),
}

/// A stream of any type: see [`Transport::boxed`].
pub struct BoxedStream {
    // Never locked. It makes the type `Sync`, which streams of others need not be.
    stream: Mutex<Box<dyn Stream>>,
    is_write_vectored: bool,
}

/// What a stream of the caller has to be.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// TLS over another transport, after its handshake; [`Transport::tls`] tells what was agreed on.
#[derive(Debug)]
pub struct TlsStream(BoxedTls<Transport>);

/// The reading direction of a [`Transport`].
#[derive(Debug)]
pub struct TransportRead(ReadSide);

/// The writing direction of a [`Transport`].
///
/// Dropping it shuts that direction down. TLS, a pipe in memory and a boxed stream end when both directions are
/// dropped.
#[derive(Debug)]
pub struct TransportWrite(WriteSide);

#[derive(Debug)]
enum ReadSide {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
    Memory(ReadHalf<DuplexStream>),
    // Both directions need the session's state. A lock guards it, and is held while bytes are moved.
    Tls(ReadHalf<TlsStream>),
    Boxed(ReadHalf<BoxedStream>),
}

#[derive(Debug)]
enum WriteSide {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    Memory(WriteHalf<DuplexStream>),
    Tls(WriteHalf<TlsStream>),
    Boxed(WriteHalf<BoxedStream>),
}

impl Transport {
    /// Whether it is encrypted.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// A stream of any type as a transport. Each read and write is a virtual call.
    pub fn boxed(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let is_write_vectored = stream.is_write_vectored();
        Self::Boxed(BoxedStream { stream: Mutex::new(Box::new(stream)), is_write_vectored })
    }
}

impl BoxedStream {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut dyn Stream> {
        Pin::new(self.get_mut().stream.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut())
    }
}

impl fmt::Debug for BoxedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedStream").finish_non_exhaustive()
    }
}

impl TlsStream {
    pub(crate) const fn new(stream: BoxedTls<Transport>) -> Self {
        Self(stream)
    }

    pub(in crate::net) const fn inner(&self) -> &BoxedTls<Transport> {
        &self.0
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<DuplexStream> for Transport {
    fn from(stream: DuplexStream) -> Self {
        Self::Memory(stream)
    }
}

impl Split for Transport {
    type Read = TransportRead;
    type Write = TransportWrite;

    fn split(self) -> (TransportRead, TransportWrite) {
        let (reading, writing) = match self {
            Self::Tcp(stream) => {
                let (reading, writing) = stream.into_split();
                (ReadSide::Tcp(reading), WriteSide::Tcp(writing))
            }
            Self::Unix(stream) => {
                let (reading, writing) = stream.into_split();
                (ReadSide::Unix(reading), WriteSide::Unix(writing))
            }
            Self::Memory(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                (ReadSide::Memory(reading), WriteSide::Memory(writing))
            }
            Self::Tls(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                (ReadSide::Tls(reading), WriteSide::Tls(writing))
            }
            Self::Boxed(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                (ReadSide::Boxed(reading), WriteSide::Boxed(writing))
            }
        };
        (TransportRead(reading), TransportWrite(writing))
    }
}

/// Does the same with whichever stream it is.
macro_rules! each {
    ($kind:ident, $value:expr, $stream:ident => $call:expr) => {
        match $value {
            $kind::Tcp($stream) => $call,
            $kind::Unix($stream) => $call,
            $kind::Memory($stream) => $call,
            $kind::Tls($stream) => $call,
            $kind::Boxed($stream) => $call,
        }
    };
}

macro_rules! impl_read {
    ($type:ty, $kind:ident, $this:ident => $inner:expr) => {
        impl AsyncRead for $type {
            #[inline]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                each!($kind, $inner, stream => Pin::new(stream).poll_read(cx, buf))
            }
        }
    };
}

macro_rules! impl_write {
    ($type:ty, $kind:ident, $this:ident => $inner:expr, $shared:expr) => {
        impl AsyncWrite for $type {
            #[inline]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                each!($kind, $inner, stream => Pin::new(stream).poll_write(cx, bytes))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self.get_mut();
                each!($kind, $inner, stream => Pin::new(stream).poll_write_vectored(cx, slices))
            }

            fn is_write_vectored(&self) -> bool {
                let $this = self;
                each!($kind, $shared, stream => stream.is_write_vectored())
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                each!($kind, $inner, stream => Pin::new(stream).poll_flush(cx))
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self.get_mut();
                each!($kind, $inner, stream => Pin::new(stream).poll_shutdown(cx))
            }
        }
    };
}

impl_read!(Transport, Transport, this => this);
impl_write!(Transport, Transport, this => this, this);
impl_read!(TransportRead, ReadSide, this => &mut this.0);
impl_write!(TransportWrite, WriteSide, this => &mut this.0, &this.0);

/// A type around one stream reads and writes as that does.
macro_rules! impl_around {
    ($type:ty, $this:ident => $inner:expr, $is_write_vectored:expr) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = self;
                $inner.poll_read(cx, buf)
            }
        }

        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $inner.poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = self;
                $inner.poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                let $this = self;
                $is_write_vectored
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                $inner.poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = self;
                $inner.poll_shutdown(cx)
            }
        }
    };
}

// Of TLS, shutting down sends a close_notify first (RFC 8446 §6.1).
impl_around!(TlsStream, this => Pin::new(&mut this.get_mut().0), this.0.is_write_vectored());
impl_around!(BoxedStream, this => this.stream(), this.is_write_vectored);
