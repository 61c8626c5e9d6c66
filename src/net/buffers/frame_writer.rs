//! The writing direction: what frames, what waits to be written, and how far it is shut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::backlog::Backlog;
use super::offer::{Offered, WhenFull};
use super::write_buffer::WriteBuffer;
use crate::net::config::Config;
use crate::net::overflow::Overflow;
use crate::proto::{AsEvent, Close, CloseCode, Misuse, Replies, Sender};

/// See the module. The stream itself is lent to each call, because it may be shared with the reading
/// direction.
#[derive(Debug)]
pub(in crate::net) struct FrameWriter {
    pub(in crate::net) sender: Sender,
    pub(in crate::net) write_buffer: WriteBuffer,
    /// In bytes; see the configuration.
    high_water: u32,
    policy: Overflow,
    /// What must wait to be framed, and what was dropped, if anything ever was.
    pub(super) backlog: Option<Box<Backlog>>,
}

impl FrameWriter {
    /// Notes that a caller is told that nothing can be sent any more.
    pub(in crate::net) fn note_refused(&mut self) {
        self.write_buffer.refused = true;
    }

    /// Whether a caller was told so.
    pub(in crate::net) fn has_refused(&self) -> bool {
        self.write_buffer.refused
    }

    pub(in crate::net) fn new(sender: Sender, config: &Config) -> Self {
        let high_water = u32::try_from(config.high_water).unwrap_or(u32::MAX);
        let (write_buffer, policy) = (WriteBuffer::default(), config.overflow);
        Self { sender, write_buffer, high_water, policy, backlog: None }
    }

    /// Frames an event, room or not.
    #[inline]
    pub(in crate::net) fn feed(&mut self, event: impl AsEvent) -> Result<(), Misuse> {
        if self.backlog.is_some() && !event.as_event().is_ping_or_pong() {
            // Nothing overtakes what was sent before it, and no close frame makes it be lost.
            self.frame_backlog(usize::MAX);
        }
        frame(&mut self.sender, &mut self.write_buffer, &event)
    }

    /// What becomes of messages for which there is no room.
    #[inline]
    pub(in crate::net) fn policy(&self) -> Overflow {
        self.policy
    }

    /// Frames an event if there is room; else does what the caller wants then. All calls that send come
    /// through here.
    #[inline]
    pub(in crate::net) fn offer(
        &mut self,
        event: &impl AsEvent,
        when_full: WhenFull,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<Offered, Misuse> {
        if self.is_full() {
            return self.offer_full(event, when_full);
        }
        self.feed_borrowed(event, stream)?;
        Ok(Offered::Queued)
    }

    #[cold]
    fn offer_full(&mut self, event: &impl AsEvent, when_full: WhenFull) -> Result<Offered, Misuse> {
        // §5.5.1, §5.4: that is no want of room, so no policy hides it.
        if self.sender.has_closed() {
            self.feed(event)?;
            return Ok(Offered::Queued);
        }
        let control = event.as_event().is_control();
        if self.sender.is_unfinished() && !control {
            return Err(Misuse::Unfinished);
        }
        match when_full {
            WhenFull::Wait => Ok(Offered::Full),
            _ if control => self.feed(event).map(|()| Offered::Queued),
            _ => self.without_room(event, when_full),
        }
    }

    /// Whether something may be framed; what may not be framed at all is told at once.
    pub(in crate::net) fn has_room(&self) -> Offered {
        let full = self.is_full() && !self.sender.has_closed();
        if full { Offered::Full } else { Offered::Queued }
    }

    /// Frames the next part of a message if there is room.
    pub(in crate::net) fn offer_part(
        &mut self,
        part: impl AsEvent,
        fin: bool,
    ) -> Result<Offered, Misuse> {
        // A part has no policy, because a message cannot do without it.
        if self.has_room() == Offered::Full {
            return Ok(Offered::Full);
        }
        self.feed_part(part, fin).map(|()| Offered::Queued)
    }

    pub(super) fn without_room(
        &mut self,
        event: &impl AsEvent,
        when_full: WhenFull,
    ) -> Result<Offered, Misuse> {
        match when_full {
            WhenFull::Wait | WhenFull::Return => Ok(Offered::Full),
            WhenFull::DropNewest => {
                self.backlog.get_or_insert_default().dropped += 1;
                Ok(Offered::Dropped)
            }
            WhenFull::DropOldest => {
                let limit = self.high_water();
                self.backlog.get_or_insert_default().push(event, limit);
                Ok(Offered::Queued)
            }
            WhenFull::Close(code) => {
                let code = if code.may_be_sent() { code } else { CloseCode::POLICY_VIOLATION };
                self.feed(Close { code, reason: "messages are taken too slowly" })?;
                self.backlog.get_or_insert_default().overflowed = true;
                Ok(Offered::Closing)
            }
        }
    }

    /// Drops everything: nothing can be written any more.
    pub(in crate::net) fn abandon(&mut self) {
        self.write_buffer.abandon();
        self.frame_backlog(0);
    }

    /// What is left to be written.
    pub(in crate::net) fn into_rest(mut self) -> Vec<u8> {
        self.frame_backlog(usize::MAX);
        self.write_buffer.into_rest()
    }

    /// Whether the connection was closed for want of room.
    pub(in crate::net) fn is_overflowed(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.overflowed)
    }

    /// How many messages were dropped for want of room.
    pub(in crate::net) fn dropped(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.dropped)
    }

    /// How many bytes wait to be written, framed or not.
    pub(in crate::net) fn buffered(&self) -> usize {
        self.write_buffer.len() + self.backlog.as_ref().map_or(0, |backlog| backlog.len())
    }

    /// Whether messages wait to be framed.
    pub(in crate::net) fn has_backlog(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.is_empty())
    }

    /// How many messages have waited to be framed.
    pub(in crate::net) fn backlogged(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.pushed())
    }

    /// Whether one of the first so many waits still, and not for the end of a message in parts.
    pub(in crate::net) fn holds_backlog(&self, backlogged: u64) -> bool {
        !self.sender.is_unfinished()
            && self.backlog.as_ref().is_some_and(|backlog| backlog.holds(backlogged))
    }

    /// Frames messages of the backlog until `limit` bytes are framed. Whether there were any that could be.
    fn frame_backlog(&mut self, limit: usize) -> bool {
        let Self { sender, write_buffer, backlog, .. } = self;
        let Some(backlog) = backlog.as_mut().filter(|backlog| !backlog.is_empty()) else {
            return false;
        };
        if write_buffer.is_broken() || sender.has_closed() {
            backlog.clear();
            return false;
        }
        if sender.is_unfinished() {
            // §5.4: they come after the message that is under way in parts.
            return false;
        }
        while write_buffer.len() <= limit
            && let Some(message) = backlog.pop()
        {
            let framed = frame(sender, write_buffer, &message);
            debug_assert_eq!(framed, Ok(()), "a message, and nothing in its way");
        }
        true
    }

    /// Frames an event, and writes it at once if it is large, so that it is not copied.
    #[inline]
    pub(in crate::net) fn feed_borrowed(
        &mut self,
        event: &impl AsEvent,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<(), Misuse> {
        if self.has_backlog() || event.as_prepared().is_some() {
            return self.feed(event);
        }
        let payload = self.sender.feed_borrowed(event, self.write_buffer.buffer())?;
        if !event.as_event().is_control() {
            self.write_buffer.sent.message();
        }
        if !payload.is_empty() && self.write_buffer.write_apart(payload, stream) {
            self.sender.note_written();
        }
        Ok(())
    }

    /// Frames a part of a message.
    pub(in crate::net) fn feed_part(
        &mut self,
        part: impl AsEvent,
        fin: bool,
    ) -> Result<(), Misuse> {
        let control = part.as_event().is_control();
        if self.backlog.is_some() && !part.as_event().is_ping_or_pong() {
            self.frame_backlog(usize::MAX);
        }
        self.sender.feed_part(part, fin, self.write_buffer.buffer())?;
        if fin && !control {
            self.write_buffer.sent.message();
        }
        Ok(())
    }

    /// Frames what is owed to the peer, as far as there is room.
    #[inline]
    pub(in crate::net) fn queue_replies(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.sender.queue_replies(replies, self.write_buffer.buffer());
        }
    }

    /// Whether so much waits that nothing should be added. What waits for the end of a message in parts
    /// must not keep that from coming.
    pub(in crate::net) fn is_full(&self) -> bool {
        self.write_buffer.len() > self.high_water()
            || self.has_backlog() && !self.sender.is_unfinished()
    }

    /// How much may be read, so that what waits stays near the mark even where all of it is answered
    /// with as much and the peer takes nothing.
    #[inline]
    pub(in crate::net) fn room(&self) -> usize {
        self.most().saturating_sub(self.write_buffer.len()).max(SLACK)
    }

    /// The same while nothing waits.
    #[inline]
    pub(in crate::net) fn most(&self) -> usize {
        self.high_water().saturating_add(SLACK)
    }

    /// See [`Config::high_water`](crate::net::Config::high_water).
    #[inline]
    pub(in crate::net) fn high_water(&self) -> usize {
        self.high_water as usize
    }

    /// Whether the stream took bytes that had to wait, since this was last asked.
    pub(in crate::net) fn took_bytes(&mut self) -> bool {
        self.write_buffer.take_progress()
    }

    /// Writes and flushes what is framed.
    #[inline]
    pub(in crate::net) fn poll_write(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.write_buffer.is_clear() {
            return Poll::Ready(Ok(()));
        }
        loop {
            let waited = self.write_buffer.len();
            let polled = self.write_buffer.poll_write(stream.as_mut(), cx);
            if self.write_buffer.len() < waited {
                self.sender.note_written();
            }
            // What was waiting for room comes next; if the stream takes no more, it waits on there.
            if !self.frame_backlog(self.high_water()) || polled.is_pending() {
                return polled;
            }
        }
    }

    /// Writes what is framed, then shuts the stream down; errors end it too.
    pub(in crate::net) fn poll_shutdown(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.write_buffer.is_shut() {
            // What cannot be written, or shut down, is as shut as it gets.
            let _ = ready!(self.poll_write(stream.as_mut(), cx));
            let _ = ready!(stream.poll_shutdown(cx));
            self.write_buffer.shut();
        }
        Poll::Ready(())
    }
}

/// Frames an event; what is large and the same for many is not copied.
#[inline]
fn frame(
    sender: &mut Sender,
    write_buffer: &mut WriteBuffer,
    event: &impl AsEvent,
) -> Result<(), Misuse> {
    match event.as_prepared().map(|prepared| sender.feed_shared(prepared)).transpose()? {
        Some(Some(shared)) => write_buffer.put(shared),
        _ => sender.feed(event, write_buffer.buffer())?,
    }
    if !event.as_event().is_control() {
        write_buffer.sent.message();
    }
    Ok(())
}

/// So that a message as long as the mark is read at once, header and all, and reading never stops short
/// of a control frame.
const SLACK: usize = 2 << 10;
