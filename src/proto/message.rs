//! What is sent over a connection: lent as an [`Event`], owned as a [`Message`] (§5.5, §5.6).

use std::borrow::Cow;
use std::fmt;
use std::str::Utf8Error;

use bytes::{Bytes, BytesMut};

use super::close::{Close, MAX_REASON};
use super::close_code::CloseCode;
use super::error::Misuse;
use super::utf8_bytes::Utf8Bytes;

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
/// // What takes any kind of data takes both.
/// let text: String = Message::binary("hello").into_text()?.into();
/// assert_eq!(text, "hello");
///
/// let data = Message::from(vec![1, 2, 3]);
/// match data {
///     Message::Binary(data) => assert_eq!(data[..2], [1, 2]),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), bowstring::proto::NotText>(())
/// ```
///
/// `Display` shows the text of a text message, and says of others what they are and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping; the connection answers it by itself (§5.5.2).
    Ping(Bytes),
    /// A pong (§5.5.3).
    Pong(Bytes),
    /// The closing handshake, with its code and reason if it has them (§5.5.1).
    Close(Option<CloseFrame>),
}

/// A message that is no text: [`Message::into_text`] gives it back in this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotText {
    message: Message,
    error: Utf8Error,
}

/// What a close frame says, owned (§5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why the connection ends.
    pub code: CloseCode,
    /// A text for logs, not for users. At most 123 bytes.
    pub reason: Utf8Bytes,
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
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self::Binary(data.into())
    }

    /// A ping. It may have 125 bytes (§5.5).
    pub fn ping(payload: impl Into<Bytes>) -> Self {
        Self::Ping(payload.into())
    }

    /// A pong. It may have 125 bytes (§5.5).
    pub fn pong(payload: impl Into<Bytes>) -> Self {
        Self::Pong(payload.into())
    }

    /// Whether this is a text message.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    pub const fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Whether this is a ping.
    pub const fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Whether this is a pong.
    pub const fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
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

    /// How many bytes the payload has; a close frame's is its reason.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload; a close frame's is its reason. Nothing is copied.
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(close) => close.map_or_else(Bytes::new, |close| close.reason.into_bytes()),
        }
    }

    /// The payload as text, whatever the message is; a close frame's is its reason.
    ///
    /// For those who take text and binary alike. Where they differ, use [`as_text`](Self::as_text).
    ///
    /// # Errors
    ///
    /// Where the payload is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        match self {
            // It is UTF-8 by its type.
            Self::Text(text) => Ok(text),
            _ => str::from_utf8(self.as_bytes()),
        }
    }

    /// The payload as text, whatever the message is; a close frame's is its reason. Nothing is copied.
    ///
    /// # Errors
    ///
    /// The payload is not UTF-8. The error has the message.
    pub fn into_text(self) -> Result<Utf8Bytes, NotText> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Close(close) => Ok(close.map(|close| close.reason).unwrap_or_default()),
            Self::Binary(ref data) | Self::Ping(ref data) | Self::Pong(ref data) => {
                Utf8Bytes::try_from(data.clone()).map_err(|error| NotText { message: self, error })
            }
        }
    }
}

impl NotText {
    /// The message.
    pub fn into_message(self) -> Message {
        self.message
    }

    /// Where it is not UTF-8.
    pub fn utf8_error(&self) -> Utf8Error {
        self.error
    }
}

impl fmt::Display for NotText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} are no text: {}", self.message, self.error)
    }
}

impl std::error::Error for NotText {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Binary(data) => write!(f, "{} bytes of binary data", data.len()),
            Self::Ping(data) => write!(f, "a ping with {} bytes", data.len()),
            Self::Pong(data) => write!(f, "a pong with {} bytes", data.len()),
            Self::Close(None) => f.write_str("a close frame without a code"),
            Self::Close(Some(close)) => write!(f, "a close frame with {close}"),
        }
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.is_empty() {
            true => self.code.fmt(f),
            false => write!(f, "{}: {}", self.code, self.reason),
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
    pub fn new(code: impl Into<CloseCode>, reason: impl Into<Utf8Bytes>) -> Result<Self, Misuse> {
        let close = Self { code: code.into(), reason: reason.into() };
        close.as_close().check()?;
        Ok(close)
    }

    /// The same, but a reason longer than 123 bytes is cut, at the end of a character.
    ///
    /// ```
    /// use bowstring::proto::CloseFrame;
    /// let close = CloseFrame::truncated(1011, &"é".repeat(100)).unwrap();
    /// assert_eq!(close.reason, "é".repeat(61));
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

macro_rules! from {
    ($($variant:ident($payload:ty)),* $(,)?) => {$(
        impl From<$payload> for Message {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload.into())
            }
        }
    )*};
}

from! {
    Text(&str), Text(String), Text(&String), Text(Box<str>), Text(Cow<'_, str>), Text(Utf8Bytes),
    Binary(Vec<u8>), Binary(Box<[u8]>), Binary(Bytes), Binary(BytesMut),
}

impl From<&[u8]> for Message {
    fn from(data: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(data))
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    fn from(data: &[u8; N]) -> Self {
        data[..].into()
    }
}

impl<const N: usize> From<[u8; N]> for Message {
    fn from(data: [u8; N]) -> Self {
        data[..].into()
    }
}

impl From<CloseFrame> for Message {
    fn from(close: CloseFrame) -> Self {
        Self::Close(Some(close))
    }
}

impl From<Close<'_>> for Message {
    fn from(close: Close<'_>) -> Self {
        CloseFrame::from(close).into()
    }
}

/// The payload: see [`Message::into_data`].
impl From<Message> for Bytes {
    fn from(message: Message) -> Self {
        message.into_data()
    }
}

/// The payload: see [`Message::into_data`].
impl From<Message> for Vec<u8> {
    fn from(message: Message) -> Self {
        message.into_data().into()
    }
}
