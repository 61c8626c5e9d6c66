//! Time as an argument: the one deadline of a connection.
//!
//! ```text
//!            quiet for `keep_alive`        written late
//!   Quiet ──────────────────────────▶ Pinged ───────▶ nothing for `pong` ──▶ Expired::Pong
//!     ▲ ◀──── any byte received ────────┘
//!     └──── a close frame was sent ──▶ Closing ─────▶ `close` later ───────▶ Expired::Close
//! ```
//!
//! The phases exclude each other, so there is one deadline. What happens between two looks at the
//! clock is only noted. [`Deadline::poll`], which is called before the driver waits, turns it into a
//! time. So no clock is read per message.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use super::config::Timeouts;

/// The deadline of a connection: when the driver must come back whatever the network does.
#[derive(Debug)]
pub(super) struct Deadline {
    keep_alive: Millis,
    pong: Millis,
    close: Millis,
    phase: Phase,
    /// When it ends; `None` is never.
    at: Option<Instant>,
    /// Bytes were received, or written that had to wait, since the last look at the clock.
    received: bool,
    written: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A ping is due, if the peer stays quiet.
    Quiet,
    /// It is given up, if it stays quiet still.
    Pinged,
    /// It is given up, whatever else arrives.
    Closing,
    /// The transport is no more: nothing is timed. Never `Up`.
    Over(Transport),
}

/// How far the transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Up,
    /// It has ended.
    Ended,
    /// It was given up, because of this.
    GivenUp(Expired),
}

/// What the peer did not do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expired {
    /// Nothing came back for a ping (§5.5.2): the peer is gone.
    Pong,
    /// Bytes wait to be written, and the transport took none of them for as long as a pong may take:
    /// the peer does not read. If this side did not read either, because its task was sending, both
    /// may have waited for each other; see "Limits and hazards".
    Write,
    /// The closing handshake did not end (§7.1.1).
    Close,
}

/// What a deadline that has come calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a ping (§5.5.2).
    Ping,
    /// End the transport at once, because of this. [`close`](Self::close) has the close frame.
    GiveUp(Expired),
}

impl Deadline {
    /// Begins at `now`.
    pub(super) fn new(timeouts: Timeouts, now: Instant) -> Self {
        let keep_alive = timeouts.keep_alive.map_or(Millis(u32::MAX), Millis::new);
        Self {
            keep_alive,
            pong: Millis::new(timeouts.pong),
            close: Millis::new(timeouts.close),
            phase: Phase::Quiet,
            at: keep_alive.from(now),
            received: false,
            written: false,
        }
    }

    /// How long a peer may do nothing at all before it is given up: quiet, and then without an answer
    /// to a ping. `None`: for ever.
    pub(super) fn stall_timeout(&self) -> Option<Duration> {
        let Self { keep_alive, pong, .. } = self;
        [keep_alive, pong].into_iter().map(|time| time.duration()).sum()
    }

    /// Notes that bytes were received. Any of them shows that the peer lives.
    pub(super) const fn note_received(&mut self) {
        self.received = true;
    }

    /// Notes that the transport took bytes that had to wait. The time for a pong runs from there: it
    /// starts when the ping has really gone.
    pub(super) const fn note_written(&mut self) {
        self.written = true;
    }

    /// Notes that a ping goes out at `now`, though none was due: the time for its pong starts, unless
    /// another ping waits for one already.
    pub(super) fn note_ping(&mut self, now: Instant) {
        if let Phase::Quiet = self.phase {
            self.phase = Phase::Pinged;
            self.at = self.pong.from(now);
            // What came before the ping is no answer to it.
            self.received = false;
        }
    }

    /// Whether a ping waits for any sign of life.
    pub(super) const fn is_pinged(&self) -> bool {
        matches!(self.phase, Phase::Pinged) && !self.received
    }

    /// Notes that the transport is no more, and how that came. The first time counts.
    pub(super) const fn end(&mut self, transport: Transport) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.phase = Phase::Over(transport);
            self.at = None;
        }
    }

    /// How far the transport is.
    pub(super) const fn transport(&self) -> Transport {
        match self.phase {
            Phase::Over(transport) => transport,
            Phase::Quiet | Phase::Pinged | Phase::Closing => Transport::Up,
        }
    }

    /// When to call [`handle`](Self::handle), given what happened up to `now`; `closing` is whether
    /// a close frame was sent. `None`: nothing is timed.
    #[inline]
    pub(super) fn poll(&mut self, closing: bool, now: Instant) -> Option<Instant> {
        let received = std::mem::take(&mut self.received);
        let written = std::mem::take(&mut self.written);
        let (phase, at) = match self.phase {
            Phase::Quiet | Phase::Pinged if closing => (Phase::Closing, self.close.from(now)),
            Phase::Quiet | Phase::Pinged if received => (Phase::Quiet, self.keep_alive.from(now)),
            Phase::Pinged if written => (Phase::Pinged, self.pong.from(now)),
            _ => return self.at,
        };
        (self.phase, self.at) = (phase, at);
        at
    }

    /// What is due at `now`, if anything is.
    pub(super) fn handle(&mut self, closing: bool, now: Instant) -> Option<Due> {
        if self.poll(closing, now)? > now {
            return None;
        }
        Some(match self.phase {
            Phase::Quiet => {
                self.phase = Phase::Pinged;
                self.at = self.pong.from(now);
                Due::Ping
            }
            Phase::Pinged => Due::GiveUp(Expired::Pong),
            Phase::Closing => Due::GiveUp(Expired::Close),
            Phase::Over(_) => return None,
        })
    }
}

/// A time in milliseconds, rounded up: every connection keeps three, and none is finer than a timer.
/// From 49 days on it is never.
#[derive(Clone, Copy, Debug)]
struct Millis(u32);

impl Millis {
    fn new(time: Duration) -> Self {
        Self(u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX))
    }

    fn duration(self) -> Option<Duration> {
        (self.0 < u32::MAX).then(|| Duration::from_millis(self.0.into()))
    }

    fn from(self, now: Instant) -> Option<Instant> {
        self.duration().map(|time| now + time)
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pong => "nothing came back for a ping in time (RFC 6455 §5.5.2)",
            Self::Write => "the peer took no bytes in time: it does not read (RFC 6455 §5.5.2)",
            Self::Close => "the closing handshake did not end in time (RFC 6455 §7.1.1)",
        })
    }
}

impl Error for Expired {}
