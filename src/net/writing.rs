//! The writing direction: what frames, what waits to be written, and how far it is shut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::config::Config;
use super::error::Error;
use super::outbox::Outbox;
use super::overflow::{Backlog, Overflow};
use crate::proto::{AsEvent, Close, CloseCode, Misuse, Replies, Sender};

/// See the module. The stream itself is lent to each call, for it may be shared with the reading
/// direction or not.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) sender: Sender,
    pub(super) outbox: Outbox,
    /// In bytes; see the configuration.
    high_water: u32,
    policy: Overflow,
    /// What must wait to be framed, and what was dropped, if anything ever was.
    backlog: Option<Box<Backlog>>,
}

impl Writing {
    pub(super) fn new(sender: Sender, config: &Config) -> Self {
        let high_water = u32::try_from(config.high_water).unwrap_or(u32::MAX);
        let (outbox, policy) = (Outbox::default(), config.overflow);
        Self { sender, outbox, high_water, policy, backlog: None }
    }

    /// Frames an event.
    #[inline]
    pub(super) fn send(&mut self, event: impl AsEvent) -> Result<(), Misuse> {
        if self.backlog.is_some() && !event.as_event().is_ping_or_pong() {
            // Nothing overtakes what was said before it, and no close frame makes it be lost.
            self.frame_backlog(usize::MAX);
        }
        frame(&mut self.sender, &mut self.outbox, &event)
    }

    /// What becomes of messages for which there is no room.
    pub(super) fn policy(&self) -> Overflow {
        self.policy
    }

    /// Does with an event what a policy says, given that there is no room. `None`: it has to wait.
    #[cold]
    pub(super) fn overflow(
        &mut self,
        event: &impl AsEvent,
        policy: Overflow,
    ) -> Option<Result<(), Error>> {
        if event.as_event().is_control() {
            return Some(self.send(event).map_err(Error::from));
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
    #[cfg(feature = "server")]
    #[cold]
    pub(super) fn queue(&mut self, event: &impl AsEvent, policy: Overflow) -> Result<(), Error> {
        if !self.may_queue() {
            return self.without_room(event, policy);
        }
        self.backlog.get_or_insert_default().push(event, usize::MAX);
        Ok(())
    }

    /// Whether there is room behind a message that is under way in parts.
    #[cfg(feature = "server")]
    pub(super) fn may_queue(&self) -> bool {
        let queued = self.backlog.as_ref().map_or(0, |backlog| backlog.cost());
        self.outbox.len() + queued <= self.high_water()
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
                self.send(close)?;
                self.backlog.get_or_insert_default().overflowed = true;
                return Err(Error::Overflow);
            }
            _ => self.backlog.get_or_insert_default().dropped += 1,
        }
        Ok(())
    }

    /// Drops everything: nothing can be written any more.
    pub(super) fn abandon(&mut self) {
        self.outbox.abandon();
        self.frame_backlog(0);
    }

    /// What is left to be written.
    pub(super) fn into_rest(mut self) -> Vec<u8> {
        self.frame_backlog(usize::MAX);
        self.outbox.into_rest()
    }

    /// Whether the connection was closed for want of room.
    pub(super) fn is_overflowed(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.overflowed)
    }

    /// How many messages were dropped for want of room.
    pub(super) fn dropped(&self) -> u64 {
        self.backlog.as_ref().map_or(0, |backlog| backlog.dropped)
    }

    /// How many bytes wait to be written, framed or not.
    pub(super) fn buffered(&self) -> usize {
        self.outbox.len() + self.backlog.as_ref().map_or(0, |backlog| backlog.len())
    }

    /// Whether messages wait to be framed.
    pub(super) fn has_backlog(&self) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| !backlog.is_empty())
    }

    /// Frames messages of the backlog until `limit` bytes are framed. Whether there were any that could be.
    fn frame_backlog(&mut self, limit: usize) -> bool {
        let Self { sender, outbox, backlog, .. } = self;
        let Some(backlog) = backlog.as_mut().filter(|backlog| !backlog.is_empty()) else {
            return false;
        };
        if outbox.is_broken() || sender.has_closed() {
            backlog.clear();
            return false;
        }
        if sender.is_unfinished() {
            // §5.4: they come behind the message that is under way in parts.
            return false;
        }
        while outbox.len() <= limit
            && let Some(message) = backlog.pop()
        {
            let framed = frame(sender, outbox, &message);
            debug_assert_eq!(framed, Ok(()), "a message, and nothing in its way");
        }
        true
    }

    /// Frames an event, and writes it at once if it is large, lest it be copied.
    #[inline]
    pub(super) fn send_apart(
        &mut self,
        event: &impl AsEvent,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<(), Misuse> {
        if self.backlog.is_some() || event.as_prepared().is_some() {
            return self.send(event);
        }
        let payload = self.sender.send_apart(event, self.outbox.buffer())?;
        if !event.as_event().is_control() {
            self.outbox.sent.message();
        }
        if !payload.is_empty() && self.outbox.write_apart(payload, stream) {
            self.sender.wrote();
        }
        Ok(())
    }

    /// Frames a part of a message.
    pub(super) fn send_part(&mut self, part: impl AsEvent, fin: bool) -> Result<(), Misuse> {
        let control = part.as_event().is_control();
        if self.backlog.is_some() && !part.as_event().is_ping_or_pong() {
            self.frame_backlog(usize::MAX);
        }
        self.sender.send_part(part, fin, self.outbox.buffer())?;
        if fin && !control {
            self.outbox.sent.message();
        }
        Ok(())
    }

    /// Frames what is owed to the peer, as far as there is room.
    #[inline]
    pub(super) fn settle(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.sender.settle(replies, self.outbox.buffer());
        }
    }

    /// Whether so much waits that nothing should be added. What waits for the end of a message in parts
    /// must not keep that from coming.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.len() > self.high_water() || self.has_backlog() && !self.sender.is_unfinished()
    }

    /// How much may be read, so that what waits stays near the mark even where all of it is answered
    /// with as much and the peer takes nothing.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.most().saturating_sub(self.outbox.len()).max(SLACK)
    }

    /// The same while nothing waits.
    #[inline]
    pub(super) fn most(&self) -> usize {
        self.high_water().saturating_add(SLACK)
    }

    /// See [`Config::high_water`](super::Config::high_water).
    #[inline]
    pub(super) fn high_water(&self) -> usize {
        self.high_water as usize
    }

    /// Whether the stream took bytes that had to wait, since this was last asked.
    pub(super) fn took_bytes(&mut self) -> bool {
        std::mem::take(&mut self.outbox.took)
    }

    /// Writes and flushes what is framed.
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.outbox.is_clear() {
            return Poll::Ready(Ok(()));
        }
        loop {
            let waited = self.outbox.len();
            let polled = self.outbox.poll_write(stream.as_mut(), cx);
            if self.outbox.len() < waited {
                self.sender.wrote();
            }
            // What was waiting for room comes next; if the stream takes no more, it waits on there.
            if !self.frame_backlog(self.high_water()) || polled.is_pending() {
                return polled;
            }
        }
    }

    /// Writes what is framed, then shuts the stream down; errors end it too.
    pub(super) fn poll_shutdown(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.outbox.shut {
            // What cannot be written, or shut down, is as shut as it gets.
            let _ = ready!(self.poll_write(stream.as_mut(), cx));
            let _ = ready!(stream.poll_shutdown(cx));
            self.outbox.shut = true;
        }
        Poll::Ready(())
    }
}

/// Frames an event; what is large and the same for many is not copied.
#[inline]
fn frame(sender: &mut Sender, outbox: &mut Outbox, event: &impl AsEvent) -> Result<(), Misuse> {
    match event.as_prepared().map(|prepared| sender.send_shared(prepared)).transpose()? {
        Some(Some(shared)) => outbox.put(shared),
        _ => sender.send(event, outbox.buffer())?,
    }
    if !event.as_event().is_control() {
        outbox.sent.message();
    }
    Ok(())
}

/// So that a message as long as the mark is read at once, header and all, and reading never stops short
/// of a control frame.
const SLACK: usize = 2 << 10;
