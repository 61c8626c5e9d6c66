//! The errors of messages as JSON.

use std::fmt;

use crate::net::error::Error;
use crate::proto::Message;

/// Why a value was not sent or received as JSON.
///
/// Only with [`Connection`](Self::Connection) has the connection failed. After the others it goes on: nothing was sent,
/// or the message was received whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// The message is not the JSON that was expected.
    Received {
        /// The message.
        message: Message,
        /// What is wrong with it: [`line`](serde_json::Error::line) and [`column`](serde_json::Error::column) say where.
        error: serde_json::Error,
    },
    /// The value has no form in JSON, such as a map whose keys are not text. Nothing was sent.
    Value(serde_json::Error),
    /// The connection failed, or takes no messages any more.
    Connection(Error),
}

impl JsonError {
    /// The message that could not be read, if that is what happened.
    pub fn into_message(self) -> Option<Message> {
        match self {
            Self::Received { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The text itself may be long or secret: it is in the error for those who want it.
            Self::Received { message, error } => {
                let kind = if message.is_text() { "text" } else { "binary" };
                let len = message.len();
                write!(f, "a {kind} message of {len} bytes is not the JSON expected: {error}")
            }
            Self::Value(error) => write!(f, "the value cannot be sent as JSON: {error}"),
            Self::Connection(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Received { error, .. } | Self::Value(error) => Some(error),
            // It is shown as that error is, so its source is that one's.
            Self::Connection(error) => error.source(),
        }
    }
}

impl From<Error> for JsonError {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}
