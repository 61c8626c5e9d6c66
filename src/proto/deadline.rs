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
use std::time::Instant;

use super::config::Timeouts;

/// The deadline of a connection: when the driver must come back whatever the network does.
#[derive(Debug)]
pub struct Deadline {
    timeouts: Timeouts,
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
        let at = timeouts.keep_alive.and_then(|after| now.checked_add(after));
        Self { timeouts, phase: Phase::Quiet, at, heard: false, wrote: false }
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
    pub fn poll(&mut self, closing: bool, now: Instant) -> Option<Instant> {
        let heard = std::mem::take(&mut self.heard);
        let wrote = std::mem::take(&mut self.wrote);
        let Timeouts { keep_alive, pong, close } = self.timeouts;
        (self.phase, self.at) = match self.phase {
            Phase::Closing => (Phase::Closing, self.at),
            _ if closing => (Phase::Closing, Some(later(now, close))),
            Phase::Quiet | Phase::Pinged if heard => {
                (Phase::Quiet, keep_alive.and_then(|after| now.checked_add(after)))
            }
            Phase::Pinged if wrote => (Phase::Pinged, Some(later(now, pong))),
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
                self.at = Some(later(now, self.timeouts.pong));
                Due::Ping
            }
            Phase::Pinged => Due::Expired(Expired::Pong),
            Phase::Closing => Due::Expired(Expired::Close),
        })
    }
}

/// `now + after`; an addition that overflows means never, for which a century stands.
fn later(now: Instant, after: std::time::Duration) -> Instant {
    const CENTURY: std::time::Duration = std::time::Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(after.min(CENTURY)).unwrap_or(now)
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
