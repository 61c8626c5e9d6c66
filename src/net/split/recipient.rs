//! A connection as one of many that a message goes to.

use tokio::io::AsyncWrite;

use super::halves::{Split, Writer};
use super::shared_writer::SharedWriter;
use crate::net::buffers::offer::WhenFull;
use crate::net::error::Error;
use crate::net::overflow::{Outcome, Overflow};
use crate::net::sync::Arc;
use crate::proto::AsEvent;

/// See the module. It never waits, and is no [`Writer`]: it begins no message in parts.
pub(crate) struct Recipient<W>(Arc<SharedWriter<W>>);

impl<S: Split> Writer<S> {
    /// This connection as one of many.
    pub(crate) fn recipient(&self) -> Recipient<S::Write> {
        Recipient(Arc::clone(self.shared()))
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Recipient<W> {
    /// What becomes of messages for which there is no room.
    pub(crate) fn policy(&self) -> Overflow {
        self.0.policy
    }

    /// Frames a message. In the middle of a message in parts it waits for the end of that. The policy
    /// decides if there is no room, after the transport was asked.
    ///
    /// It is written with [`flush_now`](Self::flush_now), soon; or at once, if more waits than half of what
    /// may. So many messages that are published in a row do not make a good connection look slow.
    pub(crate) fn publish(&self, event: &impl AsEvent, policy: Overflow) -> Result<Outcome, Error> {
        let when_full = WhenFull::at_once(policy);
        let held = &mut self.0.hold();
        if held.inner.frame_writer.is_full_for_published() {
            self.0.write_now(held);
        }
        if held.inner.is_over() {
            // Told to the topic, and not to the task that has the connection. So it is not noted.
            return Err(held.inner.ended());
        }
        let offered = self.0.framing(held, |inner| {
            inner.with_stream(|frame_writer, stream| {
                frame_writer.offer_published(event, when_full, stream)
            })
        });
        if held.inner.frame_writer.is_half_full() {
            self.0.write_now(held);
        }
        offered?.outcome()
    }

    /// Writes what the transport takes now; the reader writes the rest.
    pub(crate) fn flush_now(&self) {
        self.0.write_now(&mut self.0.hold());
    }
}

impl<W> Clone for Recipient<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
