//! What other tasks have of a client that comes back.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::disconnect::ReconnectError;
use super::shared::{ReconnectState, Shared, Taken};
use crate::proto::{CloseCode, CloseFrame, Message, Misuse};

/// Access to a [`ReconnectingWebSocket`](super::client::ReconnectingWebSocket) for other tasks: they send, close it, and
/// watch its state. Clones are cheap.
///
/// ```no_run
/// use bowstring::net::ReconnectingWebSocket;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = ReconnectingWebSocket::new("ws://127.0.0.1:9001/")?;
/// let handle = client.handle();
/// tokio::spawn(async move { handle.send("hello").await });
/// while let Some(message) = client.recv().await? {
///     println!("{message:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ReconnectHandle(pub(super) Arc<Shared>);

impl ReconnectHandle {
    /// Gives the client a message to send. It waits only if there is no room: see
    /// [`ReconnectingWebSocket::send`](super::client::ReconnectingWebSocket::send).
    ///
    /// The task that receives writes it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the message is not sent.
    ///
    /// # Errors
    ///
    /// [`Ended`](ReconnectError::Ended) or [`Misuse`](ReconnectError::Misuse).
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), ReconnectError> {
        let mut message = message.into();
        loop {
            // Told of what happens from here on.
            let room = self.0.room.notified();
            match self.0.offer(message)? {
                Taken::Yes => return Ok(()),
                Taken::Full(back) => message = back,
            }
            room.await;
        }
    }

    /// Gives the client a message to send, if there is room. Never waits.
    ///
    /// # Errors
    ///
    /// [`Full`](ReconnectError::Full) if there is no room, with the message. Else as for [`send`](Self::send).
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), ReconnectError> {
        match self.0.offer(message.into())? {
            Taken::Yes => Ok(()),
            Taken::Full(message) => Err(ReconnectError::Full(message)),
        }
    }

    /// Closes the connection for good (§7.1.2), after what was sent. Returns at once.
    ///
    /// Without a connection the client ends at once. The task that receives gets what still comes, then `None`.
    ///
    /// # Errors
    ///
    /// The code must not be sent (§7.4), or the reason is longer than 123 bytes. Nothing happens then.
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Misuse> {
        self.0.close(CloseFrame::new(code, reason)?);
        Ok(())
    }

    /// Ends the pause before the next attempt: for when the network is back. Without a pause it does nothing.
    pub fn retry_now(&self) {
        self.0.retry_now();
    }

    /// How the client is connected.
    pub fn state(&self) -> ReconnectState {
        self.0.state.borrow().clone()
    }

    /// The same for a task that waits for changes. It sees the newest state, and not each one.
    pub fn watch(&self) -> watch::Receiver<ReconnectState> {
        self.0.state.subscribe()
    }
}

/// Without the messages, which may be secret.
impl fmt::Debug for ReconnectHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}
