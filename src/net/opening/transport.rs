//! What a connection goes over, where this crate has opened it: one type for all of them.
//!
//! [`connect`](super::connect) and the [server](crate::server) give a `WebSocket<Transport>`, so that
//! what is written for TCP serves a Unix socket as well. Whoever brings a stream of their own keeps
//! its type.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::tcp;
#[cfg(unix)]
use tokio::net::unix;

use crate::net::split::halves::Split;

/// A stream of bytes in both directions.
#[derive(Debug)]
#[non_exhaustive]
pub enum Transport {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix domain socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// A pipe in memory, for tests: see [`tokio::io::duplex`].
    Memory(DuplexStream),
    /// TLS over another of these.
    #[cfg(feature = "rustls-tls")]
    Tls(TlsStream),
}

/// TLS over another transport, after its handshake; [`Transport::tls`] tells what was agreed on.
#[cfg(feature = "rustls-tls")]
#[derive(Debug)]
pub struct TlsStream(Box<tokio_rustls::TlsStream<Transport>>);

/// The reading direction of a [`Transport`].
#[derive(Debug)]
pub struct TransportRead(ReadSide);

/// The writing direction of a [`Transport`].
///
/// Dropping it shuts that direction down. TLS and a pipe in memory end when both directions are dropped.
#[derive(Debug)]
pub struct TransportWrite(WriteSide);

#[derive(Debug)]
enum ReadSide {
    Tcp(tcp::OwnedReadHalf),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf),
    Memory(ReadHalf<DuplexStream>),
    // Both directions need the session's state. It is behind a lock, which is held while bytes are moved.
    #[cfg(feature = "rustls-tls")]
    Tls(ReadHalf<TlsStream>),
}

#[derive(Debug)]
enum WriteSide {
    Tcp(tcp::OwnedWriteHalf),
    #[cfg(unix)]
    Unix(unix::OwnedWriteHalf),
    Memory(WriteHalf<DuplexStream>),
    #[cfg(feature = "rustls-tls")]
    Tls(WriteHalf<TlsStream>),
}

impl Transport {
    /// Whether it is encrypted.
    pub fn is_tls(&self) -> bool {
        match self {
            #[cfg(feature = "rustls-tls")]
            Self::Tls(_) => true,
            _ => false,
        }
    }
}

#[cfg(feature = "rustls-tls")]
impl TlsStream {
    pub(crate) fn new(stream: impl Into<tokio_rustls::TlsStream<Transport>>) -> Self {
        Self(Box::new(stream.into()))
    }

    pub(in crate::net) fn session(&self) -> &tokio_rustls::TlsStream<Transport> {
        &self.0
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
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
            #[cfg(unix)]
            Self::Unix(stream) => {
                let (reading, writing) = stream.into_split();
                (ReadSide::Unix(reading), WriteSide::Unix(writing))
            }
            Self::Memory(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                (ReadSide::Memory(reading), WriteSide::Memory(writing))
            }
            #[cfg(feature = "rustls-tls")]
            Self::Tls(stream) => {
                let (reading, writing) = tokio::io::split(stream);
                (ReadSide::Tls(reading), WriteSide::Tls(writing))
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
            #[cfg(unix)]
            $kind::Unix($stream) => $call,
            $kind::Memory($stream) => $call,
            #[cfg(feature = "rustls-tls")]
            $kind::Tls($stream) => $call,
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

#[cfg(feature = "rustls-tls")]
impl AsyncRead for TlsStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_read(cx, buf)
    }
}

#[cfg(feature = "rustls-tls")]
impl AsyncWrite for TlsStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_flush(cx)
    }

    /// Sends a close_notify first (RFC 8446 §6.1).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_shutdown(cx)
    }
}
