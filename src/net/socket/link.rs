//! What a reading task needs of its transport.
//!
//! The [driver](super::driver) reads, keeps time and ends the connection. It does so in the same way for both kinds
//! of link. An [`OwnedLink`] has the writing direction to itself. A `SplitLink`
//! ([`split_link`](crate::net::split::split_link)) shares it with other tasks.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;

use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::offer::{Offered, WhenFull};
use crate::net::buffers::traffic::Seen;
use crate::proto::{AsEvent, CloseFrame, Event, Misuse, Replies};

/// Both directions of a transport, as the task sees them that reads.
pub(in crate::net) trait Link {
    type Reading: AsyncRead + Unpin;

    /// The reading direction.
    fn reading(&mut self) -> Pin<&mut Self::Reading>;

    /// Frames what is owed to the peer, as far as there is room.
    fn queue_replies(&mut self, replies: &mut Replies);

    /// Notes how the connection ends, for those that send.
    fn note_ending(&mut self, _: &CloseFrame) {}

    /// Frames a ping or a close frame; one that may no longer be sent is dropped.
    fn frame(&mut self, event: Event<'_>);

    /// Gives back memory that was not used since the last call.
    fn rest(&mut self);

    /// Writes what is framed, if that is this task's to do; if it is not, or nothing is, `Ready`.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the writing direction, once everything is written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Whether so much waits to be written that reading should stop.
    fn is_full(&self) -> bool;

    /// How much may be read, given that it may be answered with as much.
    fn room(&self) -> usize;

    /// Whether a close frame was sent. If not, the task is woken when one is.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> bool;

    /// Whether the transport took bytes that had to wait, since this was last asked.
    fn took_bytes(&mut self) -> bool;

    /// Notes that bytes came from the peer.
    fn note_received(&mut self) {}

    /// Whether a writer that waited has given the peer up; then writing fails.
    fn is_given_up(&self) -> bool {
        false
    }

    /// Looks at how writing fares.
    fn look<T>(&self, look: impl FnOnce(&FrameWriter) -> T) -> T;

    /// Notes that a caller is told that nothing can be sent any more.
    fn note_refused(&mut self);

    /// Lets others see what is sent.
    fn show(&mut self, sent: &Seen);

    /// Gives the transport up: nothing is written any more, and tasks that wait to write are told.
    fn abandon(&mut self);
}

/// Polls once, whatever the runtime still grants the task: a transport that has room takes bytes.
pub(in crate::net) fn at_once<T>(
    cx: &mut Context<'_>,
    poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    pin!(unconstrained(poll_fn(poll))).poll(cx)
}

/// Both directions in one task.
#[derive(Debug)]
pub(in crate::net) struct OwnedLink<S> {
    pub(in crate::net) stream: S,
    pub(in crate::net) frame_writer: FrameWriter,
}

impl<S: AsyncWrite + Unpin> OwnedLink<S> {
    /// Frames an event if there is room.
    #[inline]
    pub(in crate::net) fn offer(
        &mut self,
        event: &impl AsEvent,
        when_full: WhenFull,
    ) -> Result<Offered, Misuse> {
        self.frame_writer.offer(event, when_full, Pin::new(&mut self.stream))
    }

    /// Frames an event, room or not.
    #[inline]
    pub(in crate::net) fn feed(&mut self, event: &impl AsEvent) -> Result<(), Misuse> {
        self.frame_writer.feed_borrowed(event, Pin::new(&mut self.stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link for OwnedLink<S> {
    type Reading = S;

    #[inline]
    fn reading(&mut self) -> Pin<&mut S> {
        Pin::new(&mut self.stream)
    }

    #[inline]
    fn queue_replies(&mut self, replies: &mut Replies) {
        self.frame_writer.queue_replies(replies);
    }

    fn frame(&mut self, event: Event<'_>) {
        let _ = self.frame_writer.feed(event);
    }

    fn rest(&mut self) {
        self.frame_writer.sender.rest();
    }

    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.frame_writer.poll_write(Pin::new(&mut self.stream), cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.frame_writer.poll_shutdown(Pin::new(&mut self.stream), cx)
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.frame_writer.is_full()
    }

    #[inline]
    fn room(&self) -> usize {
        self.frame_writer.room()
    }

    #[inline]
    fn poll_closed(&mut self, _: &mut Context<'_>) -> bool {
        self.frame_writer.sender.has_closed()
    }

    #[inline]
    fn took_bytes(&mut self) -> bool {
        self.frame_writer.took_bytes()
    }

    fn look<T>(&self, look: impl FnOnce(&FrameWriter) -> T) -> T {
        look(&self.frame_writer)
    }

    fn note_refused(&mut self) {
        self.frame_writer.note_refused();
    }

    fn show(&mut self, sent: &Seen) {
        self.frame_writer.write_buffer.sent.show(sent);
    }

    fn abandon(&mut self) {
        self.frame_writer.abandon();
    }
}
