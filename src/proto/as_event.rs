//! What the sending methods take: everything that can be sent, by value or by reference.

use bytes::Bytes;
use bytestring::ByteString;

use super::close::Close;
use super::message::{CloseFrame, Event, Message};
use super::prepared::Prepared;

/// Everything that can be sent. The sending methods take it by value or by reference.
///
/// `str`, `String` and `ByteString` are text; `[u8]`, `Vec<u8>` and `Bytes` are binary.
pub trait AsEvent {
    /// The event, lent.
    fn as_event(&self) -> Event<'_>;

    /// The prepared message, if this is one: its frames were made before.
    fn as_prepared(&self) -> Option<&Prepared> {
        None
    }
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

impl AsEvent for Prepared {
    fn as_event(&self) -> Event<'_> {
        self.message().as_event()
    }

    fn as_prepared(&self) -> Option<&Prepared> {
        Some(self)
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

    fn as_prepared(&self) -> Option<&Prepared> {
        (**self).as_prepared()
    }
}

#[cfg(test)]
mod tests {
    use super::super::close_code::CloseCode;
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
