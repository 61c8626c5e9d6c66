//! The writing direction: what frames, what waits to be written, and how far it is shut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::backlog::Backlog;
use super::write_buffer::WriteBuffer;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::overflow::Overflow;
use crate::proto::{AsEvent, Close, CloseCode, Misuse, Replies, Sender};

/// See the module. The stream itself is lent to each call, for it may be shared with the reading
/// direction or not.
#[derive(Debug)]
pub(in crate::net) struct FrameWriter {
    pub(in crate::net) sender: Sender,
    pub(in crate::net) write_buffer: WriteBuffer,
    /// In bytes; see the configuration.
    high_water: u32,
    policy: Overflow,
    /// What must wait to be framed, and what was dropped, if anything ever was.
    backlog: Option<Box<Backlog>>,
}

impl FrameWriter {
    pub(in crate::net) fn new(sender: Sender, config: &Config) -> Self {
        let high_water = u32::try_from(config.high_water).unwrap_or(u32::MAX);
        let (write_buffer, policy) = (WriteBuffer::default(), config.overflow);
        Self { sender, write_buffer, high_water, policy, backlog: None }
    }

    /// Frames an event.
    #[inline]
    pub(in crate::net) fn feed(&mut self, event: impl AsEvent) -> Result<(), Misuse> {
        if self.backlog.is_some() && !event.as_event().is_ping_or_pong() {
            // Nothing overtakes what was said before it, and no close frame makes it be lost.
            self.frame_backlog(usize::MAX);
        }
        frame(&mut self.sender, &mut self.write_buffer, &event)
    }

    /// What becomes of messages for which there is no room.
    pub(in crate::net) fn policy(&self) -> Overflow {
        self.policy
    }

    /// Does with an event what a policy says, given that there is no room. `None`: it has to wait.
    #[cold]
    pub(in crate::net) fn overflow(
        &mut self,
        event: &impl AsEvent,
        policy: Overflow,
    ) -> Option<Result<(), Error>> {
        if event.as_event().is_control() {
            return Some(self.feed(event).map_err(Error::from));
        }
        if self.sender.has_closed() {
            return Some(Err(Misuse::Closed.into()));
        }
        if self.sender.is_unfinished() {
            // That is no want of room, and so no business of the policy's.
            return Some(Err(Misuse::Unfinished.into()));
        }
        if policy == Overflow::Wait {
            return None;
        }
        Some(self.without_room(event, policy))
    }

    /// Keeps a message for behind the one that is under way in parts (§5.4), for somebody who knows nothing
    /// of that. Without room the policy decides, which is not to wait.
    #[cold]
    pub(in crate::net) fn queue(
        &mut self,
        event: &impl AsEvent,
        policy: Overflow,
    ) -> Result<(), Error> {
        if !self.may_queue() {
            return self.without_room(event, policy);
        }
        self.backlog.get_or_insert_default().push(event, usize::MAX);
        Ok(())
    }

    /// Whether there is room behind a message that is under way in parts.
    pub(in crate::net) fn may_queue(&self) -> bool {
        let queued = self.backlog.as_ref().map_or(0, |backlog| backlog.cost());
        self.write_buffer.len() + queued <= self.high_water()
    }

    fn without_room(&mut self, event: &impl AsEvent, policy: Overflow) -> Result<(), Error> {
        match policy {
            Overflow::DropOldest => {
                let limit = self.high_water();
                self.backlog.get_or_insert_default().push(event, limit);
            }
            Overflow::Close(code) => {
                let code = if code.may_be_sent() { code } else { CloseCode::POLICY_VIOLATION };
                let close = Close { code, reason: "messages are taken too slowly" };
                self.feed(close)?;
                self.backlog.get_or_insert_default().overflowed = true;
                return Err(Error::Overflow);
            }
            _ => self.backlog.get_or_insert_default().dropped += 1,
        }
        Ok(())
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
            // §5.4: they come behind the message that is under way in parts.
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

    /// Frames an event, and writes it at once if it is large, lest it be copied.
    #[inline]
    pub(in crate::net) fn feed_borrowed(
        &mut self,
        event: &impl AsEvent,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<(), Misuse> {
        if self.backlog.is_some() || event.as_prepared().is_some() {
            return self.feed(event);
        }
        let payload = self.sender.feed_borrowed(event, self.write_buffer.buffer())?;
        if !event.as_event().is_control() {
            self.write_buffer.sent.message();
        }
        if !payload.is_empty() && self.write_buffer.write_apart(payload, stream) {
            self.sender.wrote();
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
    pub(in crate::net) fn settle(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.sender.settle(replies, self.write_buffer.buffer());
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
        std::mem::take(&mut self.write_buffer.took)
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
                self.sender.wrote();
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
        if !self.write_buffer.shut {
            // What cannot be written, or shut down, is as shut as it gets.
            let _ = ready!(self.poll_write(stream.as_mut(), cx));
            let _ = ready!(stream.poll_shutdown(cx));
            self.write_buffer.shut = true;
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
