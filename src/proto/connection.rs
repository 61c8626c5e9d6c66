//! A connection: both halves and one deadline (§5–§8), as a state machine without I/O.

use std::time::Instant;

use super::as_event::AsEvent;
use super::close::State;
use super::config::ProtocolConfig;
use super::deadline::{Due, Expired};
use super::error::{Misuse, Violation};
use super::lifecycle::{Ending, Lifecycle};
use super::message::{Event, Message, Part};
use super::role::Role;
use super::send::Sender;

/// A connection after its opening handshake, without I/O: you bring bytes and the time.
///
/// ```
/// use std::time::Instant;
/// use bowstring::proto::{Connection, Event, ProtocolConfig, Role};
///
/// let mut connection = Connection::new(Role::Server, &ProtocolConfig::default(), Instant::now());
/// let mut out = Vec::new();
/// // A client's ping, and then its text "hi": frames of a client are masked (§5.3).
/// let mut bytes = *b"\x89\x80\0\0\0\0\x81\x82\0\0\0\0hi";
/// let mut input = &mut bytes[..];
/// assert_eq!(connection.recv(&mut input, &mut out), Ok(Some(Event::Ping(b""))));
/// assert_eq!(connection.recv(&mut input, &mut out), Ok(Some(Event::Text("hi"))));
/// connection.feed("hello", &mut out).unwrap();
/// assert_eq!(out, b"\x8A\0\x81\x05hello");
/// ```
///
/// # How to drive it
///
/// You own the socket, the buffers and the clock. Repeat these steps:
///
/// 1. Read bytes, and call [`note_received`](Self::note_received). At the end of TCP call
///    [`handle_eof`](Self::handle_eof).
/// 2. Call [`recv`](Self::recv) until it gives `None`. Keep the few bytes that it leaves. Answer events with
///    [`feed`](Self::feed).
/// 3. Write what was appended to `out`. If it had to wait for room, call
///    [`note_written`](Self::note_written).
/// 4. If [`should_end_transport`](Self::should_end_transport) says so, end TCP: shut down the writing direction,
///    and read to the end (§7.1.1).
/// 5. Wait for bytes, for room to write if `out` is not empty, or for the time of
///    [`poll_timeout`](Self::poll_timeout). At that time call [`handle_timeout`](Self::handle_timeout).
///
/// No call blocks or reads a clock. Memory is allocated for `out` and for the message that is being received,
/// and for nothing else. The guide "Your own event loop" has a whole program.
#[derive(Debug)]
pub struct Connection {
    lifecycle: Lifecycle,
    sender: Sender,
}

impl Connection {
    /// The connection of an endpoint that plays `role`, open since `now`.
    pub fn new(role: Role, config: &ProtocolConfig, now: Instant) -> Self {
        Self {
            lifecycle: Lifecycle::new(role, config, now),
            sender: Sender::new(role).with_compression(config.compression.as_ref()),
        }
    }

    /// Takes the next event off the front of `input`, which advances past it. Appends to `out` what is owed for
    /// the events before.
    ///
    /// `None` means that more bytes are needed. Keep what is left of `input` then (at most 130 bytes), and put it
    /// before what comes next. Payloads are unmasked in place.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke. The close frame that tells the peer is in `out` (§7.1.7). Every further call
    /// gives the same error.
    #[inline]
    pub fn recv<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Violation> {
        self.queue_replies(out);
        let Self { lifecycle, sender } = self;
        lifecycle.receiver_mut().recv(input).inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Like [`recv`](Self::recv), but gives owned messages. A long one is not copied.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    #[inline]
    pub fn recv_message(
        &mut self,
        input: &mut &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Message>, Violation> {
        self.queue_replies(out);
        let Self { lifecycle, sender } = self;
        lifecycle
            .receiver_mut()
            .recv_message(input)
            .inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Like [`recv`](Self::recv), but gives messages in pieces as they arrive: see
    /// [`Receiver::recv_part`](super::Receiver::recv_part).
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_part<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Part<'a>>, Violation> {
        self.queue_replies(out);
        let Self { lifecycle, sender } = self;
        lifecycle
            .receiver_mut()
            .recv_part(input)
            .inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Notes that bytes were received.
    pub const fn note_received(&mut self) {
        self.lifecycle.note_received();
    }

    /// Notes the end of TCP (§7.1.4).
    pub fn handle_eof(&mut self) {
        self.lifecycle.handle_eof();
    }

    /// Appends a whole message or a control frame to `out`; see [`Sender::feed`].
    ///
    /// # Errors
    ///
    /// What would break the protocol; nothing is appended.
    #[inline]
    pub fn feed(&mut self, event: impl AsEvent, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.sender.feed(event, out)
    }

    /// Appends the next part of a message to `out`; see [`Sender::feed_part`].
    ///
    /// # Errors
    ///
    /// What would break the protocol; nothing is appended.
    pub fn feed_part(
        &mut self,
        part: impl AsEvent,
        fin: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        self.sender.feed_part(part, fin, out)
    }

    /// Appends to `out` what is owed to the peer, for instance the answer to its close frame. The next
    /// [`recv`](Self::recv) does it, too.
    #[inline]
    pub fn queue_replies(&mut self, out: &mut Vec<u8>) {
        let replies = self.lifecycle.receiver_mut().replies();
        if !replies.is_empty() {
            self.sender.queue_replies(replies, out);
        }
    }

    /// Notes that the transport took bytes of `out` that had to wait, because it was full; see
    /// [`Lifecycle::note_written`].
    pub const fn note_written(&mut self) {
        self.sender.note_written();
        self.lifecycle.note_written();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), given what was received and written up to `now`.
    /// Ask before each wait.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        self.lifecycle.poll_timeout(self.sender.has_closed(), now)
    }

    /// Does what is due at `now`, if anything is: appends a ping to `out`, or gives up. `out` holds
    /// what the transport has not taken yet.
    ///
    /// # Errors
    ///
    /// What the peer did not do in time. The connection is [`Closed`](State::Closed) then. If a pong is missing,
    /// a close frame with 1011 is in `out`, though it will hardly arrive.
    ///
    /// After a closing handshake that both sides finished, a TCP that does not end is no error (§7.1.1).
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Expired> {
        let Self { lifecycle, sender } = self;
        match lifecycle.handle_timeout(sender.has_closed(), !out.is_empty(), now) {
            None => {}
            Some(Due::Ping) => {
                let sent = sender.feed(Event::Ping(&[]), out);
                debug_assert_eq!(sent, Ok(()), "a closing connection has another deadline");
            }
            Some(due @ Due::GiveUp(_)) => {
                if let Some(close) = due.close() {
                    sender.give_up(close, out);
                }
                if let Some(Ending::Timeout(expired)) = lifecycle.ending() {
                    return Err(expired);
                }
            }
        }
        Ok(())
    }

    /// Open, closing or closed: see [the table](super::close).
    pub const fn state(&self) -> State {
        self.lifecycle.state(self.sender.has_closed())
    }

    /// Whether the closing handshake is complete: a close frame was sent and one was received.
    /// If TCP ends before that, the connection was lost, and its code counts as 1006 (§7.1.5).
    pub const fn is_clean(&self) -> bool {
        self.sender.has_closed() && self.lifecycle.receiver().has_closed()
    }

    /// Whether this side should end TCP, once `out` is written: the server after both close frames
    /// (§7.1.1), and either side after a violation (§7.1.7).
    pub const fn should_end_transport(&self) -> bool {
        self.lifecycle.should_end_transport(self.sender.has_closed())
    }

    /// How the connection ends, as soon as that is known: where [`feed`](Self::feed) gives
    /// [`Misuse::Closed`], this tells whether it was the peer that ended it.
    pub fn ending(&self) -> Option<Ending> {
        self.lifecycle.ending()
    }

    /// The rule that the peer broke, if it did.
    pub const fn violation(&self) -> Option<Violation> {
        self.lifecycle.receiver().violation()
    }

    /// Both halves, for two tasks. The one that receives keeps the deadline; what it owes the peer is
    /// framed by [`Sender::queue_replies`].
    pub fn split(self) -> (Lifecycle, Sender) {
        (self.lifecycle, self.sender)
    }
}
