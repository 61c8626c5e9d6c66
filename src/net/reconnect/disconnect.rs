//! Why there is no connection, and whether that is worth another attempt.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::config::ReconnectConfig;
use crate::net::error::Error;
use crate::proto::{CloseCode, CloseFrame, Message, Misuse};

/// Why there is no connection: it has ended, or an attempt to make one has failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Disconnect {
    /// The peer closed the connection, with this code and reason. The code is 1005 if its close frame had none
    /// (§7.1.5).
    Closed(CloseFrame),
    /// The connection failed.
    Failed(Error),
    /// No connection was made.
    Attempt(AttemptError),
}

/// Why an attempt failed.
///
/// An [`Error`] of this crate turns into one with `?`. For errors of yours, say whether another attempt may
/// succeed:
///
/// ```
/// use bowstring::net::AttemptError;
///
/// async fn token() -> Result<String, AttemptError> {
///     // A file that may appear later.
///     std::fs::read_to_string("token").map_err(AttemptError::transient)
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// The connection could not be made, or it failed in the hook.
    Connection(Error),
    /// It took longer than [`attempt_timeout`](ReconnectConfig::attempt_timeout).
    TimedOut(Duration),
    /// An error of the application. Another attempt may succeed.
    Transient(Box<dyn StdError + Send + Sync>),
    /// An error of the application. Another attempt cannot succeed.
    Permanent(Box<dyn StdError + Send + Sync>),
}

/// Whether a client comes back, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// After a random pause that grows from attempt to attempt.
    BackOff,
    /// Not before this time is over, and then after such a pause.
    After(Duration),
    /// After a random pause between the two. If the pauses have grown longer than that, after such a pause.
    Between(Duration, Duration),
    /// It does not come back.
    Never,
}

/// Why a client that comes back has ended, or why it did not take a message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReconnectError {
    /// Another attempt cannot help.
    Permanent(Arc<Disconnect>),
    /// As many attempts in a row have failed as [`max_attempts`](ReconnectConfig::max_attempts) allows. This is why
    /// the last one did.
    TooManyAttempts(Arc<Disconnect>),
    /// There was no connection for as long as [`max_time`](ReconnectConfig::max_time) allows. This is why the last
    /// attempt failed.
    TooLong(Arc<Disconnect>),
    /// The client has ended, or is closing: no message is taken any more.
    Ended,
    /// There is no room for the message. Here it is.
    Full(Message),
    /// The message is not legal. It was not taken.
    Misuse(Misuse),
}

impl Disconnect {
    /// The close code of the connection that ended (§7.1.5). `None` if there was none.
    pub fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Closed(close) => Some(close.code),
            Self::Failed(error) => error.close_code(),
            Self::Attempt(_) => None,
        }
    }

    /// Whether another attempt may succeed, as far as this crate knows. Your
    /// [policy](super::client::ReconnectingWebSocket::policy) may say something else.
    ///
    /// It may succeed if the close code or the error is transient: see [`CloseCode::is_transient`] and
    /// [`Error::is_transient`].
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Closed(close) => close.code.is_transient(),
            Self::Failed(error) => error.is_transient(),
            Self::Attempt(error) => error.is_transient(),
        }
    }

    /// Whether the peer is done with the connection, and nothing went wrong: it closed with 1000, or without a code.
    pub(super) fn is_normal(&self) -> bool {
        matches!(
            self,
            Self::Closed(CloseFrame { code: CloseCode::NORMAL | CloseCode::NO_STATUS, .. })
        )
    }

    /// Whether and when to come back, if the application has no policy of its own.
    pub(super) fn retry(&self, config: &ReconnectConfig) -> Retry {
        if !self.is_transient() {
            return Retry::Never;
        }
        let asked = match self {
            Self::Attempt(AttemptError::Connection(error)) => error.retry_after(),
            _ => None,
        };
        match (self.close_code(), asked) {
            (_, Some(asked)) => Retry::After(asked),
            (Some(CloseCode::SERVICE_RESTART), _) => {
                Retry::Between(config.restart_pause.0, config.restart_pause.1)
            }
            (Some(CloseCode::TRY_AGAIN_LATER), _) => {
                Retry::Between(config.overload_pause.0, config.overload_pause.1)
            }
            _ => Retry::BackOff,
        }
    }
}

impl AttemptError {
    /// An error of yours, after which another attempt may succeed.
    pub fn transient(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Transient(error.into())
    }

    /// An error of yours, after which another attempt cannot succeed.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Permanent(error.into())
    }

    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_transient(),
            Self::TimedOut(_) | Self::Transient(_) => true,
            Self::Permanent(_) => false,
        }
    }
}

impl ReconnectError {
    /// Why there is no connection, if that ended the client.
    pub fn disconnect(&self) -> Option<&Disconnect> {
        match self {
            Self::Permanent(last) | Self::TooManyAttempts(last) | Self::TooLong(last) => Some(last),
            Self::Ended | Self::Full(_) | Self::Misuse(_) => None,
        }
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl From<Misuse> for ReconnectError {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(CloseFrame { code, reason }) if reason.is_empty() => {
                write!(f, "the peer closed the connection with {code}")
            }
            Self::Closed(CloseFrame { code, reason }) => {
                write!(f, "the peer closed the connection with {code}: {reason}")
            }
            Self::Failed(error) => error.fmt(f),
            Self::Attempt(error) => error.fmt(f),
        }
    }
}

impl StdError for Disconnect {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Closed(_) => None,
            // They are shown as those are, so their sources are those errors'.
            Self::Failed(error) => error.source(),
            Self::Attempt(error) => error.source(),
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::TimedOut(limit) => write!(f, "the attempt took longer than {limit:?}"),
            Self::Transient(error) | Self::Permanent(error) => error.fmt(f),
        }
    }
}

impl StdError for AttemptError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::TimedOut(_) => None,
            Self::Transient(error) | Self::Permanent(error) => error.source(),
        }
    }
}

impl fmt::Display for ReconnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permanent(last) => last.fmt(f),
            Self::TooManyAttempts(last) => write!(f, "too many attempts have failed: {last}"),
            Self::TooLong(last) => write!(f, "there was no connection for too long: {last}"),
            Self::Ended => f.write_str("the client has ended: it takes no message any more"),
            Self::Full(_) => f.write_str("there is no room for the message"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl StdError for ReconnectError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Permanent(last) => last.source(),
            Self::TooManyAttempts(last) | Self::TooLong(last) => Some(&**last),
            Self::Ended | Self::Full(_) | Self::Misuse(_) => None,
        }
    }
}
