//! What the reading task of a split socket has: its own direction, and a hand on the shared one that it
//! uses only where it owes the peer something, or where writers who do not wait have left something to
//! be written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::shared_writer::SharedWriter;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::traffic::Seen;
use crate::net::socket::link::Link;
use crate::proto::{Event, Replies};

/// The reading direction, and a hand on the writing one.
pub(in crate::net) struct SplitLink<R, W> {
    reading: R,
    shared: Arc<SharedWriter<W>>,
    /// How much may be read at a time, in bytes.
    most: usize,
}

impl<R, W: AsyncWrite + Unpin + Send + 'static> SplitLink<R, W> {
    pub(in crate::net) fn new(
        reading: R,
        stream: W,
        frame_writer: FrameWriter,
        stall_timeout: Option<Duration>,
    ) -> Self {
        let most = frame_writer.most();
        Self { reading, shared: SharedWriter::new(stream, frame_writer, stall_timeout), most }
    }

    pub(in crate::net) fn shared(&self) -> &Arc<SharedWriter<W>> {
        &self.shared
    }
}

impl<R, W> Link for SplitLink<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Reading = R;

    fn reading(&mut self) -> Pin<&mut R> {
        Pin::new(&mut self.reading)
    }

    fn settle(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.shared.with(&mut self.shared.lock(), |inner| inner.frame_writer.settle(replies));
        }
    }

    fn frame(&mut self, event: Event<'_>) {
        let _ = self.shared.frame(event);
    }

    fn rest(&mut self) {
        self.shared.lock().frame_writer.sender.rest();
    }

    /// Only where something is pending: what writers wait for they write themselves.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // First, so that what becomes pending from here on wakes this task.
        self.shared.waiting.set_reader(cx.waker());
        if self.is_given_up() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if self.shared.waiting.pending.load(Ordering::Relaxed) {
            self.shared.poll_write(&mut self.shared.lock(), cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_shutdown(cx)
    }

    /// Writers wait; the reader never does, lest two peers wait for each other.
    fn is_full(&self) -> bool {
        false
    }

    /// What it is answered with is for the writers to see to; but a reader that is busy elsewhere should
    /// not hold more than one that writes.
    fn room(&self) -> usize {
        self.most
    }

    /// FrameWriter, which comes before, has left word whom to wake.
    fn poll_closed(&mut self, _: &mut Context<'_>) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    fn took_bytes(&mut self) -> bool {
        self.shared.took.load(Ordering::Relaxed) && self.shared.took.swap(false, Ordering::Relaxed)
    }

    fn heard(&mut self) {
        self.shared.heard();
    }

    fn is_given_up(&self) -> bool {
        self.shared.given_up.load(Ordering::Relaxed)
    }

    fn look<T>(&self, look: impl FnOnce(&FrameWriter) -> T) -> T {
        look(&self.shared.lock().frame_writer)
    }

    fn show(&mut self, sent: &Seen) {
        self.shared.lock().frame_writer.write_buffer.sent.show(sent);
    }

    fn abandon(&mut self) {
        self.shared.abandon();
    }
}
