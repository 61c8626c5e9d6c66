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
//! clock is only noted; [`Deadline::poll`], called before the driver waits, turns it into a time.
//! No clock is read per message.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use super::config::Timeouts;

/// The deadline of a connection: when the driver must come back whatever the network does.
#[derive(Debug)]
pub struct Deadline {
    keep_alive: Millis,
    pong: Millis,
    close: Millis,
    phase: Phase,
    /// When it ends; `None` is never.
    at: Option<Instant>,
    /// Bytes were received, or written that had to wait, since the last look at the clock.
    heard: bool,
    wrote: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A ping is due, if the peer stays quiet.
    Quiet,
    /// It is given up, if it stays quiet still.
    Pinged,
    /// It is given up, whatever else arrives.
    Closing,
}

/// What the peer did not do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expired {
    /// Nothing came back for a ping (§5.5.2): the peer is gone, or takes no bytes.
    Pong,
    /// The closing handshake did not end (§7.1.1).
    Close,
}

/// What a deadline that has come calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a ping.
    Ping,
    /// Give up.
    Expired(Expired),
}

impl Deadline {
    /// Begins at `now`.
    pub fn new(timeouts: Timeouts, now: Instant) -> Self {
        let keep_alive = timeouts.keep_alive.map_or(Millis(u32::MAX), Millis::new);
        Self {
            keep_alive,
            pong: Millis::new(timeouts.pong),
            close: Millis::new(timeouts.close),
            phase: Phase::Quiet,
            at: keep_alive.from(now),
            heard: false,
            wrote: false,
        }
    }

    /// How long a peer may do nothing at all before it is given up: quiet, and then without an answer
    /// to a ping. `None`: for ever.
    pub fn stall_timeout(&self) -> Option<Duration> {
        let Self { keep_alive, pong, .. } = self;
        [keep_alive, pong].into_iter().map(|time| time.duration()).sum()
    }

    /// Notes that bytes were received. Any of them shows that the peer lives.
    pub const fn heard(&mut self) {
        self.heard = true;
    }

    /// Notes that the transport took bytes that had to wait, because it was full. That it has room
    /// again shows that the peer takes bytes, so the time for a pong runs from there: it starts when
    /// the ping has really gone. What the transport takes at once shows nothing and is not noted.
    pub const fn wrote(&mut self) {
        self.wrote = true;
    }

    /// When to call [`handle`](Self::handle), given what happened up to `now`; `closing` is whether
    /// a close frame was sent. `None`: nothing is timed.
    #[inline]
    pub fn poll(&mut self, closing: bool, now: Instant) -> Option<Instant> {
        let heard = std::mem::take(&mut self.heard);
        let wrote = std::mem::take(&mut self.wrote);
        (self.phase, self.at) = match self.phase {
            Phase::Closing => (Phase::Closing, self.at),
            _ if closing => (Phase::Closing, self.close.from(now)),
            Phase::Quiet | Phase::Pinged if heard => (Phase::Quiet, self.keep_alive.from(now)),
            Phase::Pinged if wrote => (Phase::Pinged, self.pong.from(now)),
            phase => (phase, self.at),
        };
        self.at
    }

    /// What is due at `now`, if anything is.
    pub fn handle(&mut self, closing: bool, now: Instant) -> Option<Due> {
        if self.poll(closing, now)? > now {
            return None;
        }
        Some(match self.phase {
            Phase::Quiet => {
                self.phase = Phase::Pinged;
                self.at = self.pong.from(now);
                Due::Ping
            }
            Phase::Pinged => Due::Expired(Expired::Pong),
            Phase::Closing => Due::Expired(Expired::Close),
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
            Self::Close => "the closing handshake did not end in time (RFC 6455 §7.1.1)",
        })
    }
}

impl Error for Expired {}
