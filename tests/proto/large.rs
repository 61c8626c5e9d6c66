//! Large messages without a copy: the payload apart from its header, and the rest of a frame read
//! direct into its message.

use std::io::Read;

use crate::support::*;
use bowstring::proto::*;
use bytes::BufMut;

#[test]
fn the_header_alone_and_the_payload_apart() {
    let mut server = Sender::new(Role::Server);
    let large = vec![7; 16 << 10];
    for (event, header) in [
        (Event::Binary(&large), bytes![0x82, 126, 16_384u16]),
        (Event::Text(&"w".repeat(16 << 10)), bytes![0x81, 126, 16_384u16]),
    ] {
        let mut out = Vec::new();
        let payload = server.feed_borrowed(&event, &mut out).unwrap();
        assert_eq!((&out, payload.len()), (&header, 16 << 10));
        let mut whole = Vec::new();
        server.feed(event, &mut whole).unwrap();
        assert!(whole == [&out, payload].concat());
    }
    // What is small, masked or no message goes whole.
    let mut out = Vec::new();
    assert_eq!(server.feed_borrowed(&&large[1..], &mut out), Ok(&[][..]));
    assert_eq!(out.len(), 4 + large.len() - 1);
    assert_eq!(server.feed_borrowed(&Event::Ping(b"?"), &mut out), Ok(&[][..]));
    let mut masked = Vec::new();
    assert_eq!(Sender::new(CLIENT).feed_borrowed(&large, &mut masked), Ok(&[][..]));
    assert_eq!(masked.len(), 8 + large.len());
    // And not where it may not be sent.
    server.feed_part("a", false, &mut out).unwrap();
    assert_eq!(server.feed_borrowed(&large, &mut out), Err(Misuse::Unfinished));
    server.feed(Event::Close(None), &mut out).unwrap();
    assert_eq!(server.feed_borrowed(&large, &mut out), Err(Misuse::Closed));
}

/// Receives a stream as a transport gives it: direct where that is offered, else by `block` bytes.
fn receive(receiver: &mut Receiver, mut wire: &[u8], block: usize) -> (Vec<Message>, usize) {
    let (mut heard, mut direct) = (Vec::new(), 0);
    while !wire.is_empty() {
        let read = receiver.direct_buffer().map(|mut room| {
            let len = room.remaining_mut().min(wire.len()).min(block);
            room.put_slice(&wire[..len]);
            len
        });
        let mut input = Vec::new();
        match read {
            Some(len) => {
                receiver.advance_direct(len);
                direct += len;
                wire = &wire[len..];
            }
            None => {
                wire.by_ref().take(block as u64).read_to_end(&mut input).unwrap();
            }
        }
        let mut input = &mut *input;
        while let Some(message) = receiver.recv_message(&mut input).unwrap() {
            heard.push(message);
        }
        assert!(
            input.len() < 130 && (input.is_empty() || wire.is_empty()),
            "blocks end in payloads"
        );
    }
    (heard, direct)
}

#[test]
fn the_rest_of_a_frame_direct_into_its_message() {
    for role in BOTH {
        let data: Vec<u8> = (0..1 << 20).map(|n: u32| ((n * 31) >> 7) as u8).collect();
        let stream =
            [server_frame(FIN | BINARY, &data), server_frame(FIN | BINARY, &data[1..])].concat();
        for block in [20_000, 100_000, 256 << 10] {
            let mut receiver = Receiver::new(role, Limits::default());
            let wire = from_peer_of(role, &stream);
            let (heard, direct) = receive(&mut receiver, &wire, block);
            assert!(heard == [Message::from(data.clone()), Message::from(data[1..].to_vec())]);
            assert!(direct > wire.len() / 2, "{block}: {direct}");
        }
    }
}

/// Only so many spare buffers are lent at a time, by all threads: stalled peers hold no more.
#[test]
fn messages_that_stall_do_not_hold_all_that_is_spare() {
    let data = vec![1; 1 << 20];
    let wire = server_frame(FIN | BINARY, &data);
    let mut stalled = Vec::new();
    for n in 0..40 {
        let mut receiver = Receiver::new(CLIENT, Limits::default());
        let (heard, _) = receive(&mut receiver, &wire, 256 << 10);
        assert!(heard == [Message::from(data.clone())], "{n}");
        drop(heard);
        // The next begins with whatever that one left.
        let mut victim = Receiver::new(CLIENT, Limits::default());
        let mut first = wire[..1000].to_vec();
        assert_eq!(victim.recv(&mut &mut *first), Ok(None));
        stalled.push(victim);
    }
    for mut victim in stalled {
        let mut rest = wire[1000..].to_vec();
        assert_eq!(victim.recv(&mut &mut *rest), Ok(Some(Event::Binary(&data))));
    }
    // A small message in parts is whole, whatever is lent.
    let mut receiver = Receiver::new(CLIENT, Limits::default());
    let mut parts = [server_frame(BINARY, b"a"), server_frame(FIN | CONTINUATION, b"b")].concat();
    let message = receiver.recv_message(&mut &mut *parts).unwrap();
    assert_eq!(message, Some(Message::from(b"ab".to_vec())));
}
