//! Many messages at once: one read, many events, one write.

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::link::OwnedLink;
use super::reported::Reported;
use super::websocket::WebSocket;
use crate::net::buffers::read_buffer::ReadBuffer;
use crate::net::buffers::traffic::Count;
use crate::net::error::Error;
use crate::proto::{AsEvent, Event, Misuse, Part, Receiver};

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Waits for bytes, and gives the events in them and a way to answer. `None` means that the connection has
    /// ended with a closing handshake (§7.1.4).
    ///
    /// This is the fastest way to receive and send: nothing is allocated for a message, and all answers to one
    /// read are written with one write.
    ///
    /// ```no_run
    /// # async fn echo(mut ws: bowstring::WebSocket<tokio::net::TcpStream>) -> Result<(), bowstring::Error> {
    /// while let Some((mut events, mut outgoing)) = ws.batch().await? {
    ///     while let Some(event) = events.next() {
    ///         outgoing.feed(event)?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Go on until `None`: the answer to a close frame goes out with the next batch.
    ///
    /// A batch may be empty, if the bytes were part of a longer message. A batch ends after a ping or a pong, so
    /// that the pong goes out before the answers to what follows (§5.5.2).
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no event is lost. What a dropped [`Events`] still held comes with the next batch.
    ///
    /// # Errors
    ///
    /// How the connection failed, once; then `None`. If the peer breaks a rule, [`Events`] ends. The next batch
    /// tells the peer and gives the error.
    pub async fn batch(&mut self) -> Result<Option<(Events<'_>, Outgoing<'_, S>)>, Error> {
        if !poll_fn(|cx| self.driver.poll_ready(cx)).await? {
            return Ok(None);
        }
        let Driver { lifecycle, input, report_pings, received, link, .. } = &mut self.driver;
        let events = Events::of(lifecycle.receiver_mut(), input, *report_pings, received);
        Ok(Some((events, Outgoing { link })))
    }
}

/// The events of one batch, lent one at a time; see [`WebSocket::batch`].
#[derive(Debug)]
pub struct Events<'a> {
    receiver: &'a mut Receiver,
    input: &'a mut ReadBuffer,
    reported: Reported,
    received: &'a mut Count,
    /// A pong is owed, and goes first: the next batch has the rest.
    pinged: bool,
}

impl<'a> Events<'a> {
    pub(in crate::net) fn new<L>(driver: &'a mut Driver<L>) -> Self {
        let Driver { lifecycle, input, report_pings, received, .. } = driver;
        Self::of(lifecycle.receiver_mut(), input, *report_pings, received)
    }

    fn of(
        receiver: &'a mut Receiver,
        input: &'a mut ReadBuffer,
        report_pings: bool,
        received: &'a mut Count,
    ) -> Self {
        let reported = Reported::new(report_pings, receiver);
        Self { receiver, input, reported, received, pinged: false }
    }
}

impl Events<'_> {
    /// The next event. `None` at the end of the batch.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    #[inline]
    pub fn next(&mut self) -> Option<Event<'_>> {
        let Self { receiver, input, reported, received, pinged } = self;
        if *pinged {
            return None;
        }
        // A violation is kept by the receiver, for the next batch to report.
        let event = input.take(|bytes| receiver.recv(bytes)).unwrap_or_default()?;
        *pinged = event.is_ping_or_pong();
        if !event.is_control() {
            received.message();
        }
        (!*pinged || reported.has(&event)).then_some(event)
    }

    /// The next piece of a message as it arrived, or a control frame. `None` at the end of the batch.
    ///
    /// So a long message passes without being joined in memory. The limits on its length still apply. Receive
    /// a message either whole or in parts: see [`Receiver::recv_part`](crate::proto::Receiver::recv_part).
    pub fn next_part(&mut self) -> Option<Part<'_>> {
        let Self { receiver, input, reported, received, pinged } = self;
        if *pinged {
            return None;
        }
        let part = input.take(|bytes| receiver.recv_part(bytes)).unwrap_or_default()?;
        *pinged = part.event.is_ping_or_pong();
        if part.fin && !part.event.is_control() {
            received.message();
        }
        (!*pinged || reported.has(&part.event)).then_some(part)
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        self.input.pause();
    }
}

/// Frames the answers to a batch; see [`WebSocket::batch`].
///
/// They are written when the next batch has to wait. An answer too large to be copied is written at once, as
/// far as the transport takes it.
#[derive(Debug)]
pub struct Outgoing<'a, S> {
    link: &'a mut OwnedLink<S>,
}

impl<S: AsyncWrite + Unpin> Outgoing<'_, S> {
    /// Frames a message, a ping, a pong or a close frame.
    ///
    /// It never waits, so the answers to one batch have no bound. The next batch reads nothing until less than
    /// [`high_water`](crate::net::Config::high_water) bytes are left to write.
    ///
    /// # Errors
    ///
    /// What the protocol does not allow. Nothing was framed then.
    #[inline]
    pub fn feed(&mut self, event: impl AsEvent) -> Result<(), Misuse> {
        self.link.feed(&event)
    }

    /// Frames the next part of a message (§5.4). `fin` ends the message.
    ///
    /// # Errors
    ///
    /// As for [`feed`](Self::feed), and if text and binary are mixed.
    pub fn feed_part(&mut self, part: impl AsEvent, fin: bool) -> Result<(), Misuse> {
        self.link.frame_writer.feed_part(part, fin)
    }
}
