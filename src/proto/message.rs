//! What is said over a connection: lent as an [`Event`], owned as a [`Message`] (§5.5, §5.6).

use bytes::Bytes;
use bytestring::ByteString;

use super::close::{Close, CloseCode};

/// One thing said, lent from wherever it lies. The same type is received and sent.
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

/// A piece of something said: of a message that is received or sent without being gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The piece: of a message if it is text or binary, else the whole of a control frame. A
    /// piece of text holds whole characters.
    pub event: Event<'a>,
    /// Whether this ends what was said.
    pub fin: bool,
}

/// One thing said, owned. Cloning is cheap: payloads are shared.
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
    /// Why.
    pub code: CloseCode,
    /// For whoever debugs it. At most 123 bytes.
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

/// Whatever can be said: what the sending methods take, by value or by reference.
pub trait AsEvent {
    /// The same, lent.
    fn as_event(&self) -> Event<'_>;
}

impl AsEvent for Event<'_> {
    fn as_event(&self) -> Event<'_> {
        *self
    }
}

impl AsEvent for Message {
    fn as_event(&self) -> Event<'_> {
        match self {
            Self::Text(text) => Event::Text(text),
            Self::Binary(data) => Event::Binary(data),
            Self::Ping(payload) => Event::Ping(payload),
            Self::Pong(payload) => Event::Pong(payload),
            Self::Close(close) => Event::Close(close.as_ref().map(CloseFrame::as_close)),
        }
    }
}

impl AsEvent for Close<'_> {
    fn as_event(&self) -> Event<'_> {
        Event::Close(Some(*self))
    }
}

impl AsEvent for str {
    fn as_event(&self) -> Event<'_> {
        Event::Text(self)
    }
}

impl AsEvent for String {
    fn as_event(&self) -> Event<'_> {
        Event::Text(self)
    }
}

impl AsEvent for ByteString {
    fn as_event(&self) -> Event<'_> {
        Event::Text(self)
    }
}

impl AsEvent for [u8] {
    fn as_event(&self) -> Event<'_> {
        Event::Binary(self)
    }
}

impl<const N: usize> AsEvent for [u8; N] {
    fn as_event(&self) -> Event<'_> {
        Event::Binary(self)
    }
}

impl AsEvent for Vec<u8> {
    fn as_event(&self) -> Event<'_> {
        Event::Binary(self)
    }
}

impl AsEvent for Bytes {
    fn as_event(&self) -> Event<'_> {
        Event::Binary(self)
    }
}

impl<T: AsEvent + ?Sized> AsEvent for &T {
    fn as_event(&self) -> Event<'_> {
        (**self).as_event()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_owned_lent_is_the_same() {
        let close = Close { code: CloseCode::GOING_AWAY, reason: "bye" };
        for event in [
            "text".as_event(),
            String::from("text").as_event(),
            ByteString::from_static("text").as_event(),
            b"data"[..].as_event(),
            b"data".as_event(),
            b"data".to_vec().as_event(),
            Bytes::from_static(b"data").as_event(),
            Event::Ping(b"?"),
            Event::Pong(b"!"),
            Event::Close(None),
            close.as_event(),
        ] {
            let message = Message::from(event);
            assert_eq!(<&Message>::as_event(&&message), event.as_event());
            let payload: &[u8] = match event {
                Event::Text(text) => text.as_bytes(),
                Event::Binary(data) | Event::Ping(data) | Event::Pong(data) => data,
                Event::Close(close) => close.map_or(b"", |close| close.reason.as_bytes()),
            };
            assert_eq!(message.as_bytes(), payload);
            assert_eq!(message.is_text(), matches!(event, Event::Text(_)));
            assert_eq!(message.as_text().is_some(), message.is_text());
            assert_eq!(message.is_binary(), matches!(event, Event::Binary(_)));
            assert_eq!(message.is_close(), matches!(event, Event::Close(_)));
            assert_eq!(event.is_ping_or_pong(), message.is_ping_or_pong());
            assert_eq!(event.is_control(), message.is_ping_or_pong() || message.is_close());
            assert_eq!(event.is_control(), !message.is_text() && !message.is_binary());
        }
        assert_eq!(Message::from("a"), Message::text(String::from("a")));
        assert_eq!(Message::from(String::from("a")), Message::text("a"));
        assert_eq!(Message::from(vec![1]), Message::binary(&b"\x01"[..]));
        assert_eq!(Message::from(Bytes::from_static(b"a")), Message::binary(vec![b'a']));
    }
}
