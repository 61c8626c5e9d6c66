//! What the reading task of a split socket has: its own direction, and a share of the other. It uses that
//! where it owes the peer something, and where writers have left something to be written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::shared_writer::SharedWriter;
use super::waker_set::News;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::traffic::Seen;
use crate::net::socket::link::Link;
use crate::net::sync::Arc;
use crate::proto::{CloseFrame, Event, Replies};

/// The reading direction, and a share of the writing one.
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

    fn queue_replies(&mut self, replies: &mut Replies) {
        self.shared.with(|frame_writer| frame_writer.queue_replies(replies));
    }

    fn note_ending(&mut self, close: &CloseFrame) {
        self.shared.note_ending(close);
    }

    fn frame(&mut self, event: Event<'_>) {
        let _ = self.shared.frame(event);
    }

    fn rest(&mut self) {
        self.shared.look(|inner| inner.frame_writer.sender.rest());
    }

    /// Only where something is pending: what writers wait for they write themselves. And if writing has
    /// failed, this task learns it here.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // First, so that what becomes pending from here on wakes this task.
        self.shared.waiting.set_reader(cx.waker());
        if self.shared.waiting.has(News::Failed) {
            return Poll::Ready(Err(self.shared.failure()));
        }
        if self.shared.waiting.has(News::Pending) || self.shared.waiting.is_room_awaited() {
            self.shared.poll_write()
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.waiting.set_reader(cx.waker());
        self.shared.poll_shutdown()
    }

    /// Writers wait; the reader never does, or two peers could wait for each other.
    fn is_full(&self) -> bool {
        false
    }

    /// The writers see to what it is answered with. But a reader that is busy elsewhere should not hold
    /// more than one that writes.
    fn room(&self) -> usize {
        self.most
    }

    /// [`poll_write`](Self::poll_write), which comes before, has left this task's waker.
    fn poll_closed(&mut self, _: &mut Context<'_>) -> bool {
        self.shared.waiting.has(News::Closed)
    }

    fn took_bytes(&mut self) -> bool {
        self.shared.waiting.lower(News::Took)
    }

    fn note_received(&mut self) {
        self.shared.heard();
    }

    fn is_given_up(&self) -> bool {
        self.shared.is_given_up()
    }

    fn look<T>(&self, look: impl FnOnce(&FrameWriter) -> T) -> T {
        self.shared.look(|inner| look(&inner.frame_writer))
    }

    fn note_refused(&mut self) {
        self.shared.look(|inner| inner.frame_writer.note_refused());
    }

    fn show(&mut self, sent: &Seen) {
        self.shared.look(|inner| inner.frame_writer.write_buffer.sent.show(sent));
    }

    fn abandon(&mut self) {
        self.shared.abandon();
    }
}
