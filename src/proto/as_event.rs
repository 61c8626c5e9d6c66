//! What the sending methods take: everything that can be sent, by value or by reference.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::close::Close;
use super::message::{CloseFrame, Event, Message};
use super::prepared::Prepared;
use super::utf8_bytes::Utf8Bytes;

/// Everything that can be sent. The sending methods take it by value or by reference.
///
/// `str`, `String` and `Utf8Bytes` are text; `[u8]`, `Vec<u8>` and `Bytes` are binary. A value of `serde_json` is sent as
/// text: `ws.send(value.to_string())`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no message that can be sent",
    label = "neither text, nor bytes, nor a message",
    note = "text is `&str`, `String` or `Utf8Bytes`; binary data is `&[u8]`, `Vec<u8>` or `Bytes`",
    note = "a JSON value is sent as text: call `.to_string()`"
)]
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

macro_rules! as_event {
    ($($variant:ident($payload:ty)),* $(,)?) => {$(
        impl AsEvent for $payload {
            fn as_event(&self) -> Event<'_> {
                Event::$variant(self)
            }
        }
    )*};
}

as_event! {
    Text(str), Text(String), Text(Box<str>), Text(Arc<str>), Text(Cow<'_, str>), Text(Utf8Bytes),
    Binary([u8]), Binary(Vec<u8>), Binary(Box<[u8]>), Binary(Arc<[u8]>), Binary(Bytes), Binary(BytesMut),
}

impl AsEvent for CloseFrame {
    fn as_event(&self) -> Event<'_> {
        Event::Close(Some(self.as_close()))
    }
}

impl<const N: usize> AsEvent for [u8; N] {
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
            Utf8Bytes::from_static("text").as_event(),
            b"data"[..].as_event(),
            b"data".as_event(),
            b"data".to_vec().as_event(),
            Bytes::from_static(b"data").as_event(),
            BytesMut::from("data").as_event(),
            Box::<str>::from("text").as_event(),
            Box::<[u8]>::from(*b"data").as_event(),
            Arc::<str>::from("text").as_event(),
            Arc::<[u8]>::from(*b"data").as_event(),
            Cow::from("text").as_event(),
            CloseFrame::from(close).as_event(),
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
