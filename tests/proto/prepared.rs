//! Messages that are framed once and sent to many.

use bowstring::proto::*;

/// What a sender makes of it.
fn sent(sender: &mut Sender, event: impl AsEvent) -> Vec<u8> {
    let mut out = Vec::new();
    sender.feed(event, &mut out).unwrap();
    out
}

fn server() -> Sender {
    Sender::new(Role::Server)
}

#[test]
fn the_same_bytes_as_the_message_itself() {
    for len in [0, 1, 125, 126, 65_535, 65_536] {
        let text = "w".repeat(len);
        let prepared = Prepared::text(&text);
        assert_eq!(sent(&mut server(), &prepared), sent(&mut server(), &*text));
        assert_eq!(prepared.message(), &Message::from(&*text));
        assert_eq!(prepared.as_event(), Event::Text(&text));
        let prepared = Prepared::binary(text.as_bytes());
        assert_eq!(sent(&mut server(), &prepared), sent(&mut server(), text.as_bytes()));
        assert_eq!(prepared.message(), &Message::binary(text.into_bytes()));
    }
}

/// §5.3: a client picks a fresh key for each frame, whatever is in it.
#[test]
fn a_client_masks_each_anew() {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let mut client = Sender::new(Role::Client(|| [NEXT.fetch_add(1, Ordering::Relaxed); 4]));
    let prepared = Prepared::binary(&[0; 3]);
    assert_eq!(sent(&mut client, &prepared), [0x82, 0x83, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(sent(&mut client, prepared.clone()), [0x82, 0x83, 2, 2, 2, 2, 2, 2, 2]);
}

#[test]
fn as_a_part_it_is_a_message_like_any_other() {
    let (mut sender, mut out) = (server(), Vec::new());
    sender.feed_part(Prepared::text("a"), false, &mut out).unwrap();
    // §5.4: no other message in between.
    assert_eq!(sender.feed(Prepared::text("b"), &mut out), Err(Misuse::Unfinished));
    assert_eq!(sender.feed_part(Prepared::binary(b"c"), true, &mut out), Err(Misuse::KindChanged));
    assert!(sender.is_unfinished());
    sender.feed_part(Prepared::text("d"), true, &mut out).unwrap();
    assert!(!sender.is_unfinished());
    assert_eq!(out, [0x01, 1, b'a', 0x80, 1, b'd']);
    // Behind a close frame nothing can end it.
    sender.feed_part("e", false, &mut out).unwrap();
    sender.feed(Event::Close(None), &mut out).unwrap();
    assert!(!sender.is_unfinished());
}

#[test]
fn shown_as_what_they_are() {
    assert_eq!(format!("{:?}", Prepared::text("news")), r#"Prepared(Text("news"))"#);
    assert_eq!(format!("{:?}", Role::Server), "Server");
    assert!(format!("{:?}", Role::Client(|| [0; 4])).starts_with("Client"));
}

#[test]
fn not_behind_a_close_frame() {
    for (mut sender, close) in [
        (server(), &[0x88, 0][..]),
        (Sender::new(Role::Client(|| [1, 2, 3, 4])), &[0x88, 0x80, 1, 2, 3, 4]),
    ] {
        let mut out = Vec::new();
        sender.feed(Event::Close(None), &mut out).unwrap();
        assert_eq!(sender.feed(Prepared::text("late"), &mut out), Err(Misuse::Closed));
        assert_eq!(out, close);
    }
}

/// What is large and the same for all can be written from one place.
#[test]
fn a_large_frame_is_shared() {
    let large = Prepared::binary(&vec![7; 16 << 10]);
    let one = server().feed_shared(&large).unwrap().unwrap();
    let other = server().feed_shared(&large).unwrap().unwrap();
    assert_eq!(one.as_ptr(), other.as_ptr());
    assert_eq!(one, sent(&mut server(), &large));
    // What is small is not worth it; a client masks; and not where it may not be sent.
    assert_eq!(server().feed_shared(&Prepared::binary(&vec![7; (16 << 10) - 1])), Ok(None));
    assert_eq!(Sender::new(Role::Client(|| [1; 4])).feed_shared(&large), Ok(None));
    let (mut sender, mut out) = (server(), Vec::new());
    sender.feed_part("a", false, &mut out).unwrap();
    assert_eq!(sender.feed_shared(&large), Err(Misuse::Unfinished));
    sender.feed(Event::Close(None), &mut out).unwrap();
    assert_eq!(sender.feed_shared(&large), Err(Misuse::Closed));
}
