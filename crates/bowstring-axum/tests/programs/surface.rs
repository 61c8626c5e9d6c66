//! What programs do with messages: each conversion, compiled and run with axum's types and with ours.

use axum::Error;
use axum::body::Bytes;

use super::ws::{CloseCode, CloseFrame, Message, Utf8Bytes, close_code};

pub(crate) fn texts() {
    const HELLO: Utf8Bytes = Utf8Bytes::from_static("hello");
    assert_eq!(HELLO, "hello");
    assert_eq!(HELLO, String::from("hello"));
    assert_eq!(HELLO, &String::from("hello"));
    assert_eq!(HELLO, std::borrow::Cow::from("hello"));
    assert_eq!(HELLO, HELLO.clone());
    assert_ne!(HELLO, "hell");
    assert_eq!((HELLO.as_str(), HELLO.len(), &*HELLO), ("hello", 5, "hello"));
    assert_eq!((HELLO.to_string(), format!("{HELLO}!")), ("hello".into(), "hello!".into()));
    assert_eq!(Utf8Bytes::default(), "");
    assert_eq!(Utf8Bytes::from("a"), "a");
    assert_eq!(Utf8Bytes::from(String::from("a")), "a");
    assert_eq!(Utf8Bytes::from(&String::from("a")), "a");
    assert_eq!(Utf8Bytes::try_from(Bytes::from_static(b"\xC3\xA9")).unwrap(), "é");
    assert_eq!(Utf8Bytes::try_from(vec![b'a']).unwrap(), "a");
    let error: std::str::Utf8Error = Utf8Bytes::try_from(vec![b'a', 0xFF]).unwrap_err();
    assert_eq!(error.valid_up_to(), 1);
    assert_eq!(Bytes::from(HELLO), "hello");
    // Methods of `str`, and its `AsRef`.
    assert!(HELLO.starts_with('h') && HELLO.split('l').count() == 3);
    let hello = HELLO;
    let bytes: &[u8] = hello.as_ref();
    assert_eq!(bytes, b"hello");
    fn takes(text: &str) -> usize {
        text.len()
    }
    assert_eq!(takes(&HELLO), 5);
}

pub(crate) fn messages() -> Result<(), Error> {
    let text = String::from("é");
    let made = [
        (Message::from("é"), Message::Text("é".into())),
        (Message::from(String::from("é")), Message::text("é")),
        (Message::text(String::from("é")), Message::text(&text)),
        (Message::text(Utf8Bytes::from_static("é")), Message::text("é")),
        (Message::from(vec![1u8]), Message::Binary(Bytes::from_static(&[1]))),
        (Message::from(&[1u8][..]), Message::binary(vec![1u8])),
        (Message::from(Bytes::from_static(&[1])), Message::binary(&[1u8][..])),
    ];
    for (one, other) in made {
        assert_eq!(one, other);
    }
    let close = |reason: &str| {
        let code: CloseCode = close_code::AWAY;
        Message::Close(Some(CloseFrame { code, reason: reason.into() }))
    };
    let payloads = [
        (Message::text("é"), "é"),
        (Message::binary("é"), "é"),
        (Message::Ping("é".into()), "é"),
        (Message::Pong("é".into()), "é"),
        (close("é"), "é"),
        (Message::Close(None), ""),
    ];
    for (message, text) in payloads {
        assert_eq!(message.to_text()?, text);
        assert_eq!(message.clone().into_text()?, text);
        assert_eq!(message.clone().into_data(), text);
        assert_eq!(Vec::from(message), text.as_bytes());
    }
    for message in [Message::binary(vec![0xFF]), Message::Ping(vec![0xFF].into())] {
        assert!(message.to_text().is_err());
        let error: Error = message.into_text().unwrap_err();
        assert!(error.into_inner().is::<std::str::Utf8Error>());
    }
    Ok(())
}

pub(crate) fn codes() -> [u16; 13] {
    use close_code::*;
    [
        NORMAL,
        AWAY,
        PROTOCOL,
        UNSUPPORTED,
        STATUS,
        ABNORMAL,
        INVALID,
        POLICY,
        SIZE,
        EXTENSION,
        ERROR,
        RESTART,
        AGAIN,
    ]
}
