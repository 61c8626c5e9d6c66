//! Messages and their text: what they are made of, and what they become.

use std::borrow::Cow;
use std::collections::HashMap;

use bowstring::bytes::{Bytes, BytesMut};
use bowstring::{Close, CloseCode, CloseFrame, Message, Utf8Bytes};

#[test]
fn messages_are_made_of_what_holds_text_or_bytes() {
    let owned = String::from("text");
    for message in [
        Message::text("text"),
        Message::text(&owned),
        Message::from("text"),
        Message::from(&owned),
        Message::from(owned.clone()),
        Message::from(Box::<str>::from("text")),
        Message::from(Cow::from("text")),
        Message::from(Cow::from(owned.clone())),
        Message::from(Utf8Bytes::from_static("text")),
    ] {
        assert_eq!(message, Message::Text("text".into()));
    }
    for message in [
        Message::binary(&b"data"[..]),
        Message::binary(Bytes::from_static(b"data")),
        Message::from(b"data"),
        Message::from(*b"data"),
        Message::from(&b"data"[..]),
        Message::from(b"data".to_vec()),
        Message::from(Box::<[u8]>::from(*b"data")),
        Message::from(Bytes::from_static(b"data")),
        Message::from(BytesMut::from("data")),
    ] {
        assert_eq!(message, Message::Binary(Bytes::from_static(b"data")));
    }
    let close = Close { code: CloseCode::NORMAL, reason: "bye" };
    let frame = CloseFrame::from(close);
    assert_eq!(Message::from(close), Message::Close(Some(frame.clone())));
    assert_eq!(Message::from(frame.clone()), Message::Close(Some(frame)));
    assert_eq!(Message::ping(&b"?"[..]), Message::Ping(Bytes::from_static(b"?")));
    assert_eq!(Message::pong(vec![]), Message::Pong(Bytes::new()));
}

#[test]
fn messages_become_text_and_bytes() {
    let close = CloseFrame::new(1000, "bye").unwrap();
    for (message, text, shown) in [
        (Message::text("caf\u{e9}"), "caf\u{e9}", "caf\u{e9}"),
        (Message::binary(&b"data"[..]), "data", "4 bytes of binary data"),
        (Message::ping(&b"?"[..]), "?", "a ping with 1 bytes"),
        (Message::pong(&b"!!"[..]), "!!", "a pong with 2 bytes"),
        (Message::Close(None), "", "a close frame without a code"),
        (Message::from(close), "bye", "a close frame with 1000: bye"),
        (Message::text(""), "", ""),
    ] {
        assert_eq!(message.to_string(), shown);
        assert_eq!((message.len(), message.is_empty()), (text.len(), text.is_empty()), "{shown}");
        assert_eq!(message.to_text(), Ok(text));
        assert_eq!(message.clone().into_text().unwrap(), text);
        assert_eq!(message.clone().into_data(), text);
        assert_eq!(Vec::from(message.clone()), text.as_bytes());
        assert_eq!(Bytes::from(message.clone()), text);
        let kinds = [
            message.is_text(),
            message.is_binary(),
            message.is_ping(),
            message.is_pong(),
            message.is_close(),
        ];
        assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{shown}");
    }
}

#[test]
fn what_is_no_text_is_given_back() {
    let message = Message::binary(&b"ab\xff"[..]);
    let error = message.to_text().unwrap_err();
    assert_eq!(error.valid_up_to(), 2);
    let not_text = message.clone().into_text().unwrap_err();
    assert_eq!(not_text.utf8_error(), error);
    let shown = not_text.to_string();
    assert!(shown.contains("3 bytes of binary data") && shown.contains("index 2"), "{shown}");
    assert!(std::error::Error::source(&not_text).is_some());
    assert_eq!(not_text.into_message(), message);
}

#[test]
fn nothing_is_copied_between_text_and_bytes() {
    let bytes = Bytes::from(b"a long text in shared bytes".to_vec());
    let at = bytes.as_ptr();
    let text = Utf8Bytes::try_from(bytes).unwrap();
    assert_eq!(text.as_ptr(), at);
    assert_eq!(text.clone().as_ptr(), at);
    let message = Message::from(text);
    assert_eq!(message.as_bytes().as_ptr(), at);
    let text = message.into_text().unwrap();
    assert_eq!(text.as_ptr(), at);
    assert_eq!(Message::Binary(text.into_bytes()).into_text().unwrap().as_ptr(), at);
    let owned = String::from("a long text in a string of its own");
    let at = owned.as_ptr();
    assert_eq!(Message::from(owned).into_data().as_ptr(), at);
}

#[test]
fn text_is_used_like_a_str() {
    let text = Utf8Bytes::from_static("text");
    let owned = String::from("text");
    assert_eq!(text, "text");
    assert_eq!(text, *"text");
    assert_eq!("text", text);
    assert_eq!(text, owned);
    assert_eq!(owned, text);
    assert_eq!(Cow::from("text"), text);
    let longer = Utf8Bytes::from("texts");
    assert!(text != "texts" && text < longer);
    assert_eq!((text.len(), text.as_str(), &text[1..]), (4, "text", "ext"));
    assert_eq!(format!("{text} {text:?}"), "text \"text\"");
    assert_eq!(String::from(text.clone()), "text");
    assert_eq!(AsRef::<[u8]>::as_ref(&text), b"text");
    assert_eq!(AsRef::<Bytes>::as_ref(&text), "text");
    assert_eq!(AsRef::<str>::as_ref(&text), "text");
    let by_name = HashMap::from([(text, 1)]);
    assert_eq!(by_name.get("text"), Some(&1));
    for bytes in [&b"\xff"[..], b"ab\xc3", b"\xed\xa0\x80"] {
        let expected = std::str::from_utf8(bytes).unwrap_err();
        assert_eq!(Utf8Bytes::try_from(bytes), Err(expected));
        assert_eq!(Utf8Bytes::try_from(bytes.to_vec()), Err(expected));
        assert_eq!(Utf8Bytes::try_from(Bytes::from_static(bytes)), Err(expected));
        assert_eq!(Utf8Bytes::try_from(BytesMut::from(bytes)), Err(expected));
    }
    assert_eq!(Utf8Bytes::new(), Utf8Bytes::default());
}
