//! Messages for many, framed for one of them.

use std::pin::Pin;

use tokio::io::AsyncWrite;

use super::frame_writer::FrameWriter;
use super::offer::{Offered, WhenFull};
use crate::proto::{AsEvent, Misuse};

impl FrameWriter {
    /// Offers an event for one who knows nothing of a message that may be under way in parts (§5.4): what
    /// is published meanwhile waits for its end.
    #[inline]
    pub(in crate::net) fn offer_published(
        &mut self,
        event: &impl AsEvent,
        when_full: WhenFull,
        stream: Pin<&mut impl AsyncWrite>,
    ) -> Result<Offered, Misuse> {
        if !self.sender.is_unfinished() {
            return self.offer(event, when_full, stream);
        }
        if !self.may_queue() {
            return self.without_room(event, when_full);
        }
        self.backlog.get_or_insert_default().push(event, usize::MAX);
        Ok(Offered::Queued)
    }

    /// Whether what is published now finds no room.
    #[inline]
    pub(in crate::net) fn is_full_for_published(&self) -> bool {
        if self.sender.is_unfinished() { !self.may_queue() } else { self.is_full() }
    }

    /// Whether more waits than half of what may.
    #[inline]
    pub(in crate::net) fn is_half_full(&self) -> bool {
        self.write_buffer.len() > self.high_water() / 2
    }

    /// Whether there is room after a message that is under way in parts.
    fn may_queue(&self) -> bool {
        let queued = self.backlog.as_ref().map_or(0, |backlog| backlog.cost());
        self.write_buffer.len() + queued <= self.high_water()
    }
}
