//! What is sent and received, with the names that axum has.

use axum_core::Error;
use bowstring::Utf8Bytes;
use bytes::Bytes;

/// Why a connection ends, as a number (§7.4). [`close_code`](crate::close_code) has those with a name.
pub type CloseCode = u16;

/// What a close frame says (§5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why the connection ends. Codes that stand for something else, such as 1005 and 1006, cannot be sent
    /// (§7.4).
    pub code: CloseCode,
    /// A text for logs, not for users. At most 123 bytes.
    pub reason: Utf8Bytes,
}

/// A message, a ping, a pong or a close frame. Cloning is cheap: clones share the payload.
///
/// ```
/// use bowstring_axum::Message;
///
/// let text = Message::from("hello");
/// assert_eq!(text.to_text()?, "hello");
///
/// match Message::binary(vec![1, 2, 3]) {
///     Message::Binary(data) => assert_eq!(data[..], [1, 2, 3]),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), bowstring_axum::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping with at most 125 bytes. It was answered already, so nothing is left to do (§5.5.2).
    Ping(Bytes),
    /// A pong with at most 125 bytes. It answers a ping of yours, or nothing (§5.5.3). The answers to the pings of
    /// the [keep-alive](bowstring::proto::Timeouts::keep_alive) do not arrive here.
    Pong(Bytes),
    /// The closing handshake, with its code and reason if it has them (§5.5.1).
    ///
    /// If it is received, it was answered already, nothing comes after it, and nothing can be sent any more. If
    /// it is sent, what the peer has still sent arrives, then its close frame.
    Close(Option<CloseFrame>),
}

impl Message {
    /// A text message.
    pub fn text<S: Into<Utf8Bytes>>(text: S) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary<B: Into<Bytes>>(data: B) -> Self {
        Self::Binary(data.into())
    }

    /// The payload in bytes; a close frame's is its reason. Nothing is copied.
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(close) => close.map_or_else(Bytes::new, |close| close.reason.into()),
        }
    }

    /// The payload as text; a close frame's is its reason. Nothing is copied.
    ///
    /// # Errors
    ///
    /// A [`Utf8Error`](std::str::Utf8Error) if the payload is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => {
                data.try_into().map_err(Error::new)
            }
            Self::Close(close) => Ok(close.map_or_else(Utf8Bytes::default, |close| close.reason)),
        }
    }

    /// The payload as text; a close frame's is its reason.
    ///
    /// # Errors
    ///
    /// A [`Utf8Error`](std::str::Utf8Error) if the payload is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => {
                std::str::from_utf8(data).map_err(Error::new)
            }
            Self::Close(close) => Ok(close.as_ref().map_or("", |close| &close.reason)),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::binary(data)
    }
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl From<Message> for Vec<u8> {
    fn from(message: Message) -> Self {
        message.into_data().into()
    }
}

/// How the rest of `bowstring` has it.
impl From<Message> for bowstring::Message {
    #[inline]
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text),
            Message::Binary(data) => Self::Binary(data),
            Message::Ping(payload) => Self::Ping(payload),
            Message::Pong(payload) => Self::Pong(payload),
            Message::Close(close) => Self::Close(close.map(Into::into)),
        }
    }
}

impl From<bowstring::Message> for Message {
    #[inline]
    fn from(message: bowstring::Message) -> Self {
        match message {
            bowstring::Message::Text(text) => Self::Text(text),
            bowstring::Message::Binary(data) => Self::Binary(data),
            bowstring::Message::Ping(payload) => Self::Ping(payload),
            bowstring::Message::Pong(payload) => Self::Pong(payload),
            bowstring::Message::Close(close) => Self::Close(close.map(Into::into)),
        }
    }
}

impl From<CloseFrame> for bowstring::CloseFrame {
    fn from(CloseFrame { code, reason }: CloseFrame) -> Self {
        Self { code: code.into(), reason }
    }
}

impl From<bowstring::CloseFrame> for CloseFrame {
    fn from(bowstring::CloseFrame { code, reason }: bowstring::CloseFrame) -> Self {
        Self { code: code.get(), reason }
    }
}
