//! What is sent over a connection: lent as an [`Event`], owned as a [`Message`] (§5.5, §5.6).

use bytes::Bytes;
use bytestring::ByteString;

use super::close::{Close, MAX_REASON};
use super::close_code::CloseCode;
use super::error::Misuse;

/// A message, a ping, a pong or a close frame, lent from where its bytes lie. It is received and sent.
///
/// ```
/// use bowstring::Event;
///
/// fn answer<'a>(event: Event<'a>) -> Option<Event<'a>> {
///     match event {
///         Event::Text("hello") => Some(Event::Text("hello to you")),
///         Event::Text(_) | Event::Binary(_) => Some(event),
///         // Pings and close frames are answered by the connection.
///         Event::Ping(_) | Event::Pong(_) | Event::Close(_) => None,
///     }
/// }
/// assert_eq!(answer(Event::Text("hello")), Some(Event::Text("hello to you")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping; the connection answers it by itself (§5.5.2).
    Ping(&'a [u8]),
    /// A pong (§5.5.3).
    Pong(&'a [u8]),
    /// The closing handshake, with its code and reason if it has them (§5.5.1).
    Close(Option<Close<'a>>),
}

/// A piece of a message that is received without being gathered, or a whole control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The piece of a message if it is text or binary, else the whole control frame. A piece of text
    /// holds whole characters.
    pub event: Event<'a>,
    /// Whether this ends the message. Always `true` for a control frame.
    pub fin: bool,
}

/// A message, a ping, a pong or a close frame, owned. Cloning is cheap: clones share the payload.
///
/// Text, strings and bytes turn into messages, and the sending methods take them as they are.
///
/// ```
/// use bowstring::Message;
///
/// let text = Message::from("hello");
/// assert_eq!(text.as_text(), Some("hello"));
/// assert_eq!(text.as_bytes(), b"hello");
///
/// let data = Message::from(vec![1, 2, 3]);
/// match data {
///     Message::Binary(data) => assert_eq!(data[..2], [1, 2]),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
    /// A ping; the connection answers it by itself (§5.5.2).
    Ping(Bytes),
    /// A pong (§5.5.3).
    Pong(Bytes),
    /// The closing handshake, with its code and reason if it has them (§5.5.1).
    Close(Option<CloseFrame>),
}

/// What a close frame says, owned (§5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why the connection ends.
    pub code: CloseCode,
    /// A text for logs, not for users. At most 123 bytes.
    pub reason: ByteString,
}

impl Event<'_> {
    /// Whether this is a ping or a pong.
    pub const fn is_ping_or_pong(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Pong(_))
    }

    /// Whether this is a ping, a pong or a close, rather than a message.
    pub const fn is_control(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Pong(_) | Self::Close(_))
    }
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self::Binary(data.into())
    }

    /// Whether this is a text message.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Whether this is a ping or a pong.
    pub const fn is_ping_or_pong(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Pong(_))
    }

    /// Whether this is a close frame.
    pub const fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The text of a text message.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The payload in bytes; a close frame's is its reason.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(close) => close.as_ref().map_or(&[], |close| close.reason.as_bytes()),
        }
    }
}

impl CloseFrame {
    /// A close frame that may be sent.
    ///
    /// ```
    /// use bowstring::proto::CloseFrame;
    /// let close = CloseFrame::new(4000, "the room is closed").unwrap();
    /// assert_eq!(close.code, 4000);
    /// assert!(CloseFrame::new(1006, "").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::InvalidCloseCode`] if the code must not be sent (§7.4);
    /// [`Misuse::LongControl`] if the reason is longer than 123 bytes (§5.5).
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<ByteString>) -> Result<Self, Misuse> {
        let close = Self { code: code.into(), reason: reason.into() };
        close.as_close().check()?;
        Ok(close)
    }

    /// The same, but a reason longer than 123 bytes is cut, at the end of a character.
    ///
    /// ```
    /// use bowstring::proto::CloseFrame;
    /// let close = CloseFrame::truncated(1011, &"é".repeat(100)).unwrap();
    /// assert_eq!(&*close.reason, "é".repeat(61));
    /// ```
    ///
    /// # Errors
    ///
    /// [`Misuse::InvalidCloseCode`] if the code must not be sent (§7.4).
    pub fn truncated(code: impl Into<CloseCode>, reason: &str) -> Result<Self, Misuse> {
        let is_end = |at: &usize| reason.is_char_boundary(*at);
        let end = (0..=reason.len().min(MAX_REASON)).rev().find(is_end).unwrap_or_default();
        Self::new(code, &reason[..end])
    }

    /// The same, lent.
    pub fn as_close(&self) -> Close<'_> {
        Close { code: self.code, reason: &self.reason }
    }
}

impl From<Close<'_>> for CloseFrame {
    fn from(close: Close<'_>) -> Self {
        Self { code: close.code, reason: close.reason.into() }
    }
}

impl From<Event<'_>> for Message {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(data) => Self::Binary(Bytes::copy_from_slice(data)),
            Event::Ping(payload) => Self::Ping(Bytes::copy_from_slice(payload)),
            Event::Pong(payload) => Self::Pong(Bytes::copy_from_slice(payload)),
            Event::Close(close) => Self::Close(close.map(Into::into)),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Vec<u8>> for Message {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data.into())
    }
}

impl From<Bytes> for Message {
    fn from(data: Bytes) -> Self {
        Self::Binary(data)
    }
}
