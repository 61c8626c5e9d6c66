//! What a call that sends asks for, and what it gets.
//!
//! A call says what it wants [`WhenFull`]; `FrameWriter::offer` decides, and says what it has
//! [`Offered`]. How to wait is the caller's business.

use crate::net::error::Error;
use crate::net::overflow::{Outcome, Overflow};
use crate::proto::CloseCode;

/// What a call that sends wants if there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum WhenFull {
    /// The caller waits for room, and offers again; pings, pongs and close frames as well.
    Wait,
    /// The caller wants its message back.
    Return,
    DropNewest,
    DropOldest,
    Close(CloseCode),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(in crate::net) enum Offered {
    /// It is framed, or will be.
    Queued,
    /// There is no room: nothing was done.
    Full,
    /// It was dropped, and counted.
    Dropped,
    /// There was no room, so the connection is being closed.
    Closing,
}

impl WhenFull {
    /// For calls that can wait.
    #[inline]
    pub(in crate::net) fn of(policy: Overflow) -> Self {
        match policy {
            Overflow::Wait => Self::Wait,
            _ => Self::at_once(policy),
        }
    }

    /// For calls that cannot wait.
    pub(in crate::net) fn at_once(policy: Overflow) -> Self {
        match policy {
            Overflow::Wait | Overflow::DropNewest => Self::DropNewest,
            Overflow::DropOldest => Self::DropOldest,
            Overflow::Close(code) => Self::Close(code),
        }
    }
}

impl Offered {
    /// What a caller is told that let a policy decide.
    #[inline]
    pub(in crate::net) fn outcome(self) -> Result<Outcome, Error> {
        match self {
            Self::Queued => Ok(Outcome::Queued),
            Self::Full | Self::Dropped => Ok(Outcome::Dropped),
            Self::Closing => Err(Error::Overflow),
        }
    }
}
