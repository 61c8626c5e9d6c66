//! Messages as JSON, typed by serde.

pub(in crate::net) mod error;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};

use self::error::JsonError;
use crate::net::socket::websocket::WebSocket;
use crate::net::split::halves::{Reader, Split, Writer};
use crate::proto::{Message, Utf8Bytes};

impl Message {
    /// A text message with this value as JSON.
    ///
    /// # Errors
    ///
    /// The value has no form in JSON, such as a map whose keys are not text.
    pub fn from_json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Into::into)
    }

    /// The value that this message has as JSON. Text and binary messages are read alike.
    ///
    /// # Errors
    ///
    /// [`JsonError::Received`], with the message. A ping, a pong or a close frame is not JSON either.
    pub fn parse_json<T: DeserializeOwned>(self) -> Result<T, JsonError> {
        let parsed = match &self {
            // It was checked to be UTF-8 before.
            Self::Text(text) => serde_json::from_str(text),
            _ => serde_json::from_slice(self.as_bytes()),
        };
        parsed.map_err(|error| JsonError::Received { message: self, error })
    }
}

/// What `recv_json` makes of what `recv` gives: `None` is for asking again.
fn received<T: DeserializeOwned>(message: Message) -> Option<Result<T, JsonError>> {
    (message.is_text() || message.is_binary()).then(|| message.parse_json())
}

fn text<T: Serialize + ?Sized>(value: &T) -> Result<Utf8Bytes, JsonError> {
    serde_json::to_string(value).map(Into::into).map_err(JsonError::Value)
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Sends a value as JSON, in a text message, and writes it now. See [`send`](Self::send).
    ///
    /// ```
    /// # use bowstring::{Config, net::{JsonError, WebSocket, masking_key}, proto::Role};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize, Debug, PartialEq)]
    /// struct Order {
    ///     item: String,
    ///     count: u32,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (near, far) = tokio::io::duplex(1024);
    /// # let config = Config::default();
    /// # let mut client = WebSocket::from_raw(near, Role::Client(masking_key), Vec::new(), &config);
    /// # let mut server = WebSocket::from_raw(far, Role::Server, Vec::new(), &config);
    /// client.send_json(&Order { item: "tea".to_owned(), count: 2 }).await?;
    /// let order: Option<Order> = server.recv_json().await?;
    /// assert_eq!(order, Some(Order { item: "tea".to_owned(), count: 2 }));
    ///
    /// // What is no order is an error. The connection goes on.
    /// client.send("two teas").await?;
    /// match server.recv_json::<Order>().await {
    ///     Err(JsonError::Received { message, error }) => {
    ///         assert_eq!(message.as_text(), Some("two teas"));
    ///         assert_eq!((error.line(), error.column()), (1, 2));
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Value`](JsonError::Value): nothing was sent. [`Connection`](JsonError::Connection): as for
    /// [`send`](Self::send).
    pub async fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), JsonError> {
        let text = text(value)?;
        Ok(self.send(text).await?)
    }

    /// Receives the next message as JSON, whether it is text or binary. `None` means that the connection has ended
    /// with a closing handshake.
    ///
    /// Pings, pongs and the close frame are passed over. To see them, use [`recv`](Self::recv) and
    /// [`Message::parse_json`].
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// [`Received`](JsonError::Received): the message is other JSON, or none. The error has it, and the next call
    /// gets the next message. [`Connection`](JsonError::Connection): as for [`recv`](Self::recv).
    pub async fn recv_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, JsonError> {
        while let Some(message) = self.recv().await? {
            if let Some(parsed) = received(message) {
                return parsed.map(Some);
            }
        }
        Ok(None)
    }
}

impl<S: Split> Reader<S> {
    /// Receives the next message as JSON: see [`WebSocket::recv_json`].
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no message is lost.
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::recv_json`].
    pub async fn recv_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, JsonError> {
        while let Some(message) = self.recv().await? {
            if let Some(parsed) = received(message) {
                return parsed.map(Some);
            }
        }
        Ok(None)
    }
}

impl<S: Split> Writer<S> {
    /// Sends a value as JSON, in a text message: see [`WebSocket::send_json`].
    ///
    /// # Errors
    ///
    /// As for [`WebSocket::send_json`].
    pub async fn send_json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), JsonError> {
        let text = text(value)?;
        Ok(self.send(text).await?)
    }
}
