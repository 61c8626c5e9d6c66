//! A transport that is read a little at a time.
//!
//! `h2` reads as long as there is something. What it has read is taken out of it in between, so that small frames do not
//! pile up there: see [`inbox`](super::inbox).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are read at most before they are taken out of `h2`. They are 13,000 DATA frames of one byte at most, of
/// which each costs `h2` 120 bytes for a while.
pub(super) const PACE: usize = 128 << 10;

/// How many bytes may be read still. The task that reads is the one that sets it, so no order is needed.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<AtomicUsize>);

/// See the module.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
}

impl Pace {
    pub(super) fn begin(&self) {
        self.0.store(PACE, Ordering::Relaxed);
    }
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S) -> (Self, Pace) {
        let pace = Pace::default();
        pace.begin();
        (Self { stream, pace: pace.clone() }, pace)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let left = this.pace.0.load(Ordering::Relaxed);
        if left == 0 {
            // The task goes on after it has taken what was read.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        this.pace.0.store(left.saturating_sub(read), Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
