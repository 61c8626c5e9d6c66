//! What a handler returns, and whose fault its error is.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::net::Error;
use crate::proto::Misuse;

/// What a handler returns: nothing, or a [`Result`] whose error is one of these.
///
/// | error | for instance |
/// |---|---|
/// | a type that implements [`std::error::Error`] | [`bowstring::Error`](crate::Error), an enum of yours |
/// | `Box<dyn std::error::Error + Send + Sync>` | what `?` makes of any error |
/// | `anyhow::Error`, `eyre::Report` | |
/// | `String`, `&'static str` | |
///
/// ```
/// use bowstring::server::ServerConnection;
///
/// async fn sum(mut connection: ServerConnection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
///     let mut sum = 0;
///     while let Some(message) = connection.recv().await? {
///         if let Some(text) = message.as_text() {
///             sum += text.parse::<i64>()?;
///             connection.send(sum.to_string()).await?;
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// # Whose fault an error is
///
/// The peer is told 1011, "the server failed", and nothing else. With the feature `tracing` the log has
/// the error. [`Report::handlers_failed`](super::Report::handlers_failed) counts it, unless it is the
/// peer's doing. It is the peer's doing in these cases:
///
/// - The connection had failed: the transport failed, or the peer broke a rule or a deadline.
/// - The peer has closed the connection, or was closed because it took messages too slowly, and the
///   handler could not send any more. The error tells: it, or an error in its
///   [`source`](std::error::Error::source) chain, is a [`bowstring::Error`](crate::Error) or a
///   [`Misuse`]. For types that hide what they wrap, the connection tells: it has refused to send.
/// - The server drains.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler's output",
    note = "a handler returns `()` or a `Result`",
    note = "the error of the `Result` is a type that implements `std::error::Error + Send + Sync`, a \
            `Box<dyn std::error::Error + Send + Sync>`, an `anyhow::Error`, or a `String`"
)]
pub trait HandlerOutcome {
    /// The error, if it is one.
    fn failure(self) -> Option<Box<dyn StdError + Send + Sync>>;
}

impl HandlerOutcome for () {
    fn failure(self) -> Option<Box<dyn StdError + Send + Sync>> {
        None
    }
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> HandlerOutcome for Result<T, E> {
    fn failure(self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.err().map(Into::into)
    }
}

/// How a handler failed.
pub(super) enum Failure {
    /// What its error says, and whether that is the end of a connection: the handler's own, or another.
    Error {
        text: String,
        is_end: bool,
    },
    Panic,
}

/// All that is asked of the error is asked here, and it is dropped: any of this may panic.
impl From<Box<dyn StdError + Send + Sync>> for Failure {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self::Error { text, is_end: chain(&*error).any(is_end) }
    }
}

impl Failure {
    /// Whether it says that a connection has ended.
    pub(super) fn is_end_of_connection(&self) -> bool {
        matches!(self, Self::Error { is_end: true, .. })
    }
}

/// An error and what caused it: shown as `this: because of this: because of this`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { text, .. } => f.write_str(text),
            Self::Panic => f.write_str("it panicked"),
        }
    }
}

/// An error and its causes.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// What an [`io::Error`] wraps is its cause too, though its `source` skips it.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => error.source(),
    }
}

fn is_end(error: &(dyn StdError + 'static)) -> bool {
    match error.downcast_ref::<Error>() {
        Some(Error::Misuse(misuse)) => *misuse == Misuse::Closed,
        Some(error) => matches!(
            error,
            Error::Closed(_) | Error::Overflow | Error::Lost | Error::Timeout(_) | Error::Io(_)
        ),
        None => error.downcast_ref::<Misuse>() == Some(&Misuse::Closed),
    }
}
