//! A connection: both halves and one deadline (§5–§8), as a state machine without I/O.
//!
//! Whoever drives one owns the socket, the buffers and the clock, and repeats:
//!
//! 1. Read bytes; note it with [`heard`](Connection::heard). At the end of TCP,
//!    [`handle_eof`](Connection::handle_eof).
//! 2. Call [`recv`](Connection::recv) until it gives `None`; keep the few bytes it leaves. Answer
//!    events with [`feed`](Connection::feed).
//! 3. Write what was appended to `out`; if it had to wait for room, note it with
//!    [`wrote`](Connection::wrote).
//! 4. Where [`wants_end`](Connection::wants_end) says so, end TCP: shut down the writing direction,
//!    read to the end (§7.1.1).
//! 5. Wait for bytes, for room to write if `out` is not empty, or until
//!    [`poll_timeout`](Connection::poll_timeout); then it is time for
//!    [`handle_timeout`](Connection::handle_timeout).
//!
//! No call blocks, reads a clock or allocates beyond `out` and the message that is being received.

use std::time::Instant;

use super::as_event::AsEvent;
use super::close::State;
use super::close_code::CloseCode;
use super::config::ProtocolConfig;
use super::deadline::{Deadline, Due, Expired};
use super::error::{Misuse, Violation};
use super::message::{Event, Message, Part};
use super::receive::Receiver;
use super::role::Role;
use super::send::Sender;

/// A connection after its opening handshake.
#[derive(Debug)]
pub struct Connection {
    receiver: Receiver,
    sender: Sender,
    deadline: Deadline,
    server: bool,
    /// TCP has ended, or was given up.
    ended: bool,
}

impl Connection {
    /// The connection of an endpoint that plays `role`, open since `now`.
    pub fn new(role: Role, config: &ProtocolConfig, now: Instant) -> Self {
        let compression = config.compression.as_ref();
        Self {
            receiver: Receiver::new(role, config.limits).with_compression(compression),
            sender: Sender::new(role).with_compression(compression),
            deadline: Deadline::new(config.timeouts, now),
            server: matches!(role, Role::Server),
            ended: false,
        }
    }

    /// Takes the next event off the front of `input`, which advances past it, and appends to `out`
    /// what is owed for the events before.
    ///
    /// `None` means that more bytes are needed; what is left of `input` then (at most 130 bytes) is
    /// the caller's to keep and to put before what comes next. Payloads are unmasked in place.
    ///
    /// # Errors
    ///
    /// The rule that the peer broke. The close frame that tells it so is in `out` (§7.1.7); every
    /// further call gives the same error.
    #[inline]
    pub fn recv<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Event<'a>>, Violation> {
        self.settle(out);
        let Self { receiver, sender, .. } = self;
        receiver.recv(input).inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Like [`recv`](Self::recv), but owned: a long message is handed over without a copy.
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
        self.settle(out);
        let Self { receiver, sender, .. } = self;
        receiver.recv_message(input).inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Like [`recv`](Self::recv), but gives messages in pieces as they arrive; see
    /// [`Receiver::recv_part`].
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv).
    pub fn recv_part<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Part<'a>>, Violation> {
        self.settle(out);
        let Self { receiver, sender, .. } = self;
        receiver.recv_part(input).inspect_err(|violation| sender.fail(*violation, out))
    }

    /// Notes that bytes were received.
    pub const fn heard(&mut self) {
        self.deadline.heard();
    }

    /// Notes the end of TCP (§7.1.4).
    pub const fn handle_eof(&mut self) {
        self.ended = true;
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

    /// Appends to `out` whatever is owed to the peer, for instance the answer to its close frame.
    /// [`recv`](Self::recv) does it too, one call later.
    #[inline]
    pub fn settle(&mut self, out: &mut Vec<u8>) {
        if !self.receiver.replies().is_empty() {
            self.sender.settle(self.receiver.replies(), out);
        }
    }

    /// Notes that the transport took bytes of `out` that had to wait, because it was full; see
    /// [`Deadline::wrote`].
    pub const fn wrote(&mut self) {
        self.sender.wrote();
        self.deadline.wrote();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), given what was heard and written up
    /// to `now`. To be asked before each wait.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        if self.ended { None } else { self.deadline.poll(self.sender.has_closed(), now) }
    }

    /// Does what is due at `now`, if anything is: appends a ping to `out`, or gives up.
    ///
    /// # Errors
    ///
    /// What the peer did not do in time. The connection is [`Closed`](State::Closed) then; for a
    /// missing pong the close frame that says so (1011) is in `out`, though it will hardly arrive.
    /// After a closing handshake that both sides finished, a TCP that does not end is no error
    /// (§7.1.1), just the end.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<u8>) -> Result<(), Expired> {
        if self.ended {
            return Ok(());
        }
        match self.deadline.handle(self.sender.has_closed(), now) {
            None => Ok(()),
            Some(Due::Ping) => {
                let sent = self.sender.feed(Event::Ping(&[]), out);
                debug_assert_eq!(sent, Ok(()), "a closing connection has another deadline");
                Ok(())
            }
            Some(Due::Expired(expired)) => {
                self.ended = true;
                if expired == Expired::Pong {
                    self.sender.give_up(CloseCode::INTERNAL_ERROR, "no answer to a ping", out);
                }
                if self.receiver.is_done() { Ok(()) } else { Err(expired) }
            }
        }
    }

    /// Open, closing or closed: see [the table](super::close).
    pub const fn state(&self) -> State {
        if self.ended {
            State::Closed
        } else if self.sender.has_closed() || self.receiver.is_done() {
            State::Closing
        } else {
            State::Open
        }
    }

    /// Whether the closing handshake is complete: a close frame was sent and one was received.
    /// If TCP ends before that, the connection was lost, and its code counts as 1006 (§7.1.5).
    pub const fn is_clean(&self) -> bool {
        self.sender.has_closed() && self.receiver.has_closed()
    }

    /// Whether this side should end TCP, once `out` is written: the server when both close frames
    /// went their way (§7.1.1), and either side after a violation (§7.1.7).
    pub const fn wants_end(&self) -> bool {
        self.sender.has_closed()
            && (self.receiver.violation().is_some() || self.server && self.receiver.has_closed())
    }

    /// The rule that the peer broke, if it did.
    pub const fn violation(&self) -> Option<Violation> {
        self.receiver.violation()
    }

    /// Both halves and the deadline, for two tasks. What the receiver owes is settled by
    /// [`Sender::settle`]; who waits for bytes keeps the deadline.
    pub fn split(self) -> (Receiver, Sender, Deadline) {
        (self.receiver, self.sender, self.deadline)
    }
}
