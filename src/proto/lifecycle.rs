//! What decides how long a connection lives: the receiving half, the deadline, and the end of TCP (§7).
//!
//! ```text
//!  open ──▶ a close frame was sent or received ──▶ both were ──▶ TCP is being ended ──▶ ended
//!    │                                                               ▲                    ▲
//!    ├── the peer breaks a rule: it is told (§7.1.7) ────────────────┘                    │
//!    └── TCP ends, or the peer does not answer in time: a loss (§7.1.5) ──────────────────┘
//! ```
//!
//! Every driver asks the same object: [`Connection`](super::Connection) has one beside its
//! [`Sender`](super::Sender), and so have the sockets of the tokio layer. Where two tasks share a
//! connection, the sending half is elsewhere. So each question that depends on it takes an argument:
//! whether our close frame was sent.

use std::time::{Duration, Instant};

use super::close::{Close, State};
use super::close_code::CloseCode;
use super::config::ProtocolConfig;
use super::deadline::{Deadline, Due, Expired, Transport};
use super::error::Violation;
use super::message::CloseFrame;
use super::receive::{End, Receiver};
use super::role::Role;

/// The receiving half of a connection, its deadline, and how it ends. See the
/// [table of states](super::close).
///
/// ```
/// use std::time::Instant;
/// use bowstring::proto::{Connection, Event, ProtocolConfig, Role};
///
/// let now = Instant::now();
/// let connection = Connection::new(Role::Server, &ProtocolConfig::default(), now);
/// // For two tasks: one receives and keeps the time, the other sends.
/// let (mut lifecycle, mut sender) = connection.split();
/// let mut ping = *b"\x89\x80\0\0\0\0";
/// assert_eq!(lifecycle.receiver_mut().recv(&mut &mut ping[..]), Ok(Some(Event::Ping(b""))));
/// let mut out = Vec::new();
/// sender.queue_replies(lifecycle.receiver_mut().replies(), &mut out);
/// assert_eq!(out, b"\x8A\0");
/// ```
#[derive(Debug)]
pub struct Lifecycle {
    receiver: Receiver,
    deadline: Deadline,
}

/// How a connection ends: known as soon as nothing can change it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The peer's close frame came, with this in it (§7.1.2). Nothing else is received after it.
    Closed(Option<CloseFrame>),
    /// The peer broke a rule, and a close frame tells it which (§7.1.7).
    Violation(Violation),
    /// The peer did not do something in time.
    Timeout(Expired),
    /// The transport ended without a close frame of the peer (§7.1.5).
    Lost,
}

impl Ending {
    /// The close code of the connection (§7.1.5): the peer's, 1005 if its close frame had none, the
    /// code that tells it of its violation, else 1006.
    pub fn code(&self) -> CloseCode {
        match self {
            Self::Closed(close) => close.as_ref().map_or(CloseCode::NO_STATUS, |close| close.code),
            Self::Violation(violation) => violation.code(),
            Self::Timeout(_) | Self::Lost => CloseCode::ABNORMAL,
        }
    }

    /// Code and reason: the peer's, or what the peer is told. The code may be 1005 or 1006, which are
    /// never sent.
    pub fn close_frame(&self) -> CloseFrame {
        let reason = match self {
            Self::Closed(Some(close)) => return close.clone(),
            Self::Closed(None) | Self::Lost => Default::default(),
            Self::Violation(violation) => violation.to_string().into(),
            Self::Timeout(expired) => expired.to_string().into(),
        };
        CloseFrame { code: self.code(), reason }
    }

    /// Whether the peer took part in the closing handshake (§7.1.4).
    pub const fn is_clean(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl Lifecycle {
    /// That of an endpoint that plays `role`, open since `now`.
    pub fn new(role: Role, config: &ProtocolConfig, now: Instant) -> Self {
        let compression = config.compression.as_ref();
        Self {
            receiver: Receiver::new(role, config.limits).with_compression(compression),
            deadline: Deadline::new(config.timeouts, now),
        }
    }

    /// The receiving half: bytes in, events out.
    #[inline]
    pub const fn receiver_mut(&mut self) -> &mut Receiver {
        &mut self.receiver
    }

    /// The receiving half, to look at.
    #[inline]
    pub const fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Notes that bytes were received. Any of them shows that the peer lives.
    #[inline]
    pub const fn note_received(&mut self) {
        self.deadline.note_received();
    }

    /// Notes that the transport took bytes that had to wait, because it was full. This shows that the
    /// peer takes bytes, so the time for a pong starts anew. What the transport takes at once shows
    /// nothing and is not noted.
    #[inline]
    pub const fn note_written(&mut self) {
        self.deadline.note_written();
    }

    /// Notes that a ping with this payload is being sent at `now`: the time for its pong starts, and
    /// [`Receiver::take_pong`] tells when a pong with the same payload has come.
    ///
    /// A payload that the peer cannot guess keeps it from answering before it was asked.
    pub fn note_ping(&mut self, payload: [u8; 4], now: Instant) {
        self.receiver.expect_pong(payload);
        self.deadline.note_ping(now);
    }

    /// Whether a ping was sent, and nothing at all has come since.
    pub const fn is_pinged(&self) -> bool {
        self.receiver.awaited_pong().is_some() && self.deadline.is_pinged()
    }

    /// Notes the end of the transport (§7.1.4), be it an end of stream or an error.
    pub const fn handle_eof(&mut self) {
        self.deadline.end(Transport::Ended);
    }

    /// Gives the transport up, because the peer did not do something in time.
    pub const fn give_up(&mut self, expired: Expired) {
        self.deadline.end(Transport::GivenUp(expired));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), given what was received and written up
    /// to `now`. `None`: nothing is timed. To be asked before each wait.
    #[inline]
    pub fn poll_timeout(&mut self, close_sent: bool, now: Instant) -> Option<Instant> {
        self.deadline.poll(close_sent, now)
    }

    /// What is due at `now`, if anything is. `unwritten` is whether bytes wait for room in the
    /// transport.
    ///
    /// If it is [`Due::GiveUp`], the transport is to be ended at once, and [`ending`](Self::ending)
    /// says why. After a closing handshake that both sides finished, a TCP that does not end is no
    /// failure (§7.1.1).
    pub fn handle_timeout(
        &mut self,
        close_sent: bool,
        unwritten: bool,
        now: Instant,
    ) -> Option<Due> {
        let due = match self.deadline.handle(close_sent, now)? {
            // The ping itself did not get out: that the pong is missing says nothing.
            Due::GiveUp(Expired::Pong) if unwritten => Due::GiveUp(Expired::Write),
            due => due,
        };
        if let Due::GiveUp(expired) = due {
            self.give_up(expired);
        }
        Some(due)
    }

    /// How long a peer may do nothing at all before it is given up. `None`: for ever.
    pub fn stall_timeout(&self) -> Option<Duration> {
        self.deadline.stall_timeout()
    }

    /// Open, closing or closed: see [the table](super::close).
    pub const fn state(&self, close_sent: bool) -> State {
        match self.deadline.transport() {
            Transport::Up if close_sent || self.receiver.is_done() => State::Closing,
            Transport::Up => State::Open,
            Transport::Ended | Transport::GivenUp(_) => State::Closed,
        }
    }

    /// Whether this side should end TCP, once everything is written: the server after both close
    /// frames (§7.1.1), and either side after a violation (§7.1.7).
    pub const fn should_end_transport(&self, close_sent: bool) -> bool {
        let received = self.receiver.is_server() && self.receiver.has_closed();
        close_sent && (received || self.receiver.violation().is_some())
    }

    /// How the connection ends. `None` while that is open.
    pub fn ending(&self) -> Option<Ending> {
        Some(match (self.receiver.end(), self.deadline.transport()) {
            // What the peer has said last counts, whatever becomes of the transport.
            (Some(End::Closed(close)), _) => Ending::Closed(close.as_deref().cloned()),
            (Some(End::Failed(violation)), _) => Ending::Violation(*violation),
            (None, Transport::GivenUp(expired)) => Ending::Timeout(expired),
            (None, Transport::Ended) => Ending::Lost,
            (None, Transport::Up) => return None,
        })
    }
}

impl Due {
    /// The close frame with which the peer is given up, if it is worth one.
    pub const fn close(self) -> Option<Close<'static>> {
        let reason = match self {
            Self::GiveUp(Expired::Pong) => "no answer to a ping",
            Self::GiveUp(Expired::Write) => "nothing was read",
            _ => return None,
        };
        Some(Close { code: CloseCode::INTERNAL_ERROR, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Connection;

    /// Every connection has one, and there may be millions.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn what_a_connection_takes_in_bytes() {
        assert!(size_of::<Lifecycle>() <= 208, "{}", size_of::<Lifecycle>());
        assert!(size_of::<Connection>() <= 232, "{}", size_of::<Connection>());
    }
}
