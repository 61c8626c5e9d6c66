//! A stream of an HTTP/2 connection as a transport.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use h2::SendStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

use super::fate;
use super::inbox::Inbox;
use crate::net::split::halves::Split;

/// How many bytes of a stream wait within `h2` to be written. No more is asked for at once: what the connection's window
/// grants to one stream is kept from the others, whether it is used or not.
pub(super) const SEND_BUFFER: usize = 16 << 10;

/// How many a stream asks for that waits. A task may never come back to use them. Less would go out in frames of a few
/// bytes where many streams wait for one window.
const WAITING: usize = 256;

/// The transport of a WebSocket over HTTP/2: one stream of a [`Session`](super::Session).
///
/// Its two directions share no lock of their own, so `split` costs nothing.
///
/// The peer's END_STREAM is the end of what is read. So is a reset with CANCEL or NO_ERROR, which stands for the end of
/// TCP (RFC 8441 §5). Any other reset, and the loss of the connection, is an error. To shut it down sends END_STREAM;
/// to drop it before that sends a reset with CANCEL.
#[derive(Debug)]
pub struct Http2Stream {
    reading: Http2Read,
    writing: Http2Write,
}

/// The reading direction of an [`Http2Stream`].
#[derive(Debug)]
pub struct Http2Read {
    inbox: Arc<Inbox>,
    _slot: Arc<OwnedSemaphorePermit>,
}

/// The writing direction of an [`Http2Stream`].
#[derive(Debug)]
pub struct Http2Write {
    stream: SendStream<Bytes>,
    state: Writing,
    _slot: Arc<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// END_STREAM was sent.
    Shut,
}

impl Http2Stream {
    pub(super) fn new(
        inbox: Arc<Inbox>,
        writing: SendStream<Bytes>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        let slot = Arc::new(slot);
        Self {
            reading: Http2Read { inbox, _slot: Arc::clone(&slot) },
            writing: Http2Write { stream: writing, state: Writing::Open, _slot: slot },
        }
    }

    /// The number of the stream (RFC 9113 §5.1.1).
    pub fn stream_id(&self) -> u32 {
        self.reading.inbox.stream_id()
    }
}

impl Split for Http2Stream {
    type Read = Http2Read;
    type Write = Http2Write;

    fn split(self) -> (Http2Read, Http2Write) {
        (self.reading, self.writing)
    }
}

impl AsyncRead for Http2Read {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inbox.poll_read(cx, buf)
    }
}

impl Http2Write {
    /// Waits until some of so many bytes can be sent.
    fn poll_capacity(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        if self.state == Writing::Shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let wanted = wanted.min(SEND_BUFFER);
        self.stream.reserve_capacity(wanted);
        loop {
            // It says that there is none after a reset as well: so ask before.
            let capacity = self.stream.capacity();
            if capacity > 0 {
                return Poll::Ready(Ok(capacity.min(wanted)));
            }
            match self.stream.poll_capacity(cx) {
                Poll::Pending => {
                    self.stream.reserve_capacity(wanted.min(WAITING));
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(fate::of_stream(error)));
                }
                Poll::Ready(None) => return Poll::Ready(Err(self.failure(cx))),
            }
        }
    }

    /// Why nothing can be sent any more.
    fn failure(&mut self, cx: &mut Context<'_>) -> io::Error {
        match self.stream.poll_reset(cx) {
            Poll::Ready(Ok(reason)) => fate::of_reset(reason),
            Poll::Ready(Err(error)) => fate::of_stream(error),
            Poll::Pending => io::ErrorKind::BrokenPipe.into(),
        }
    }

    fn send(&mut self, cx: &mut Context<'_>, data: Bytes) -> io::Result<usize> {
        let len = data.len();
        match self.stream.send_data(data, false) {
            Ok(()) => Ok(len),
            Err(_) => Err(self.failure(cx)),
        }
    }
}

impl AsyncWrite for Http2Write {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let len = ready!(this.poll_capacity(cx, bytes.len()))?;
        Poll::Ready(this.send(cx, Bytes::copy_from_slice(&bytes[..len])))
    }

    /// All slices go out in one DATA frame: the header of a large message has none of its own.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        if wanted == 0 {
            return Poll::Ready(Ok(0));
        }
        let len = ready!(this.poll_capacity(cx, wanted))?;
        let mut data = BytesMut::with_capacity(len);
        for slice in slices {
            let rest = len - data.len();
            data.extend_from_slice(&slice[..slice.len().min(rest)]);
        }
        Poll::Ready(this.send(cx, data.freeze()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The task of the connection writes, and does not tell.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.state == Writing::Shut {
            return Poll::Ready(Ok(()));
        }
        this.state = Writing::Shut;
        Poll::Ready(match this.stream.send_data(Bytes::new(), true) {
            Ok(()) => Ok(()),
            Err(_) => Err(this.failure(cx)),
        })
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reading).poll_read(cx, buf)
    }
}

impl AsyncWrite for Http2Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writing).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writing).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.writing.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writing).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writing).poll_shutdown(cx)
    }
}
