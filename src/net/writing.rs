//! The writing direction: what frames, what waits to be written, and how far it is shut.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::outbox::Outbox;
use crate::proto::{AsEvent, Misuse, Replies, Sender};

/// See the module. The stream itself is lent to each call, for it may be shared with the reading
/// direction or not.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) sender: Sender,
    pub(super) outbox: Outbox,
    high_water: usize,
}

impl Writing {
    pub(super) fn new(sender: Sender, high_water: usize) -> Self {
        Self { sender, outbox: Outbox::default(), high_water }
    }

    /// Frames an event.
    #[inline]
    pub(super) fn send(&mut self, event: impl AsEvent) -> Result<(), Misuse> {
        self.sender.send(event, self.outbox.buffer())
    }

    /// Frames an event, and writes it at once if it is large, lest it be copied.
    #[inline]
    pub(super) fn send_apart(
        &mut self,
        event: &impl AsEvent,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<(), Misuse> {
        let payload = self.sender.send_apart(event, self.outbox.buffer())?;
        if !payload.is_empty() && self.outbox.write_apart(payload, stream) {
            self.sender.wrote();
        }
        Ok(())
    }

    /// Frames a part of a message.
    pub(super) fn send_part(&mut self, part: impl AsEvent, fin: bool) -> Result<(), Misuse> {
        self.sender.send_part(part, fin, self.outbox.buffer())
    }

    /// Frames what is owed to the peer, as far as there is room.
    #[inline]
    pub(super) fn settle(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.sender.settle(replies, self.outbox.buffer());
        }
    }

    /// Whether so much waits that nothing should be added.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.len() > self.high_water
    }

    /// Whether the stream took bytes that had to wait, since this was last asked.
    pub(super) fn took_bytes(&mut self) -> bool {
        std::mem::take(&mut self.outbox.took)
    }

    /// Writes and flushes what is framed.
    #[inline]
    pub(super) fn poll_write(
        &mut self,
        stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.outbox.is_clear() {
            return Poll::Ready(Ok(()));
        }
        let waited = self.outbox.len();
        let polled = self.outbox.poll_write(stream, cx);
        if self.outbox.len() < waited {
            self.sender.wrote();
        }
        polled
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
