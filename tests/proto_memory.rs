//! What receiving and sending cost in memory, counted by the allocator: what can be lent is not
//! copied, what must be gathered takes what arrives and not much more, and what repeats allocates
//! nothing.

#![allow(missing_docs)]

mod support;

use allocation_counter::{AllocationInfo, measure};
use bowstring::proto::*;
use bytes::BufMut;
use support::*;

const KIB: usize = 1 << 10;

fn receiver() -> Receiver {
    Receiver::new(CLIENT, Limits::default())
}

/// What is received of a stream that comes in pieces, and what that costs.
fn receive(receiver: &mut Receiver, stream: &[u8], piece: usize) -> (usize, AllocationInfo) {
    let mut stream = stream.to_vec();
    let mut events = 0;
    let cost = measure(|| {
        for piece in stream.chunks_mut(piece) {
            let mut input = piece;
            while receiver.recv(&mut input).unwrap().is_some() {
                events += 1;
            }
        }
    });
    (events, cost)
}

#[test]
fn whole_messages_are_lent_from_where_they_lie() {
    let stream = [
        server_frame(FIN | TEXT, b"text"),
        server_frame(FIN | BINARY, &[7; 70_000]),
        server_frame(FIN | PING, b"?"),
    ];
    let (events, cost) = receive(&mut receiver(), &stream.concat(), usize::MAX);
    assert_eq!(events, 3);
    // The pong that is owed.
    assert!(cost.bytes_total < 20, "{}", cost.bytes_total);
}

#[test]
fn binary_parts_are_lent_from_where_they_lie() {
    let mut stream =
        [server_frame(BINARY, &[7; 70_000]), server_frame(FIN | CONTINUATION, &[8; 70_000])]
            .concat();
    let (range, mut receiver) = (stream.as_ptr_range(), receiver());
    let mut lent = Vec::new();
    for piece in stream.chunks_mut(10_000) {
        let mut input = piece;
        while let Some(Part { event, fin }) = receiver.recv_part(&mut input).unwrap() {
            let Event::Binary(data) = event else { panic!("{event:?}") };
            assert!(range.contains(&data.as_ptr()));
            lent.push((data.len(), fin));
        }
    }
    // A part for each piece of a frame; none is empty, and only the last ends the message.
    assert_eq!(lent.iter().map(|(len, _)| len).sum::<usize>(), 140_000);
    assert!(lent.iter().all(|(len, fin)| *len > 0 && *fin == (*len == lent[lent.len() - 1].0)));
    assert_eq!(lent.len(), 16);
}

/// Text in parts comes as whole characters: none that is empty, though half a character may wait.
#[test]
fn text_parts_are_never_empty() {
    let mut stream = server_frame(FIN | TEXT, "활".as_bytes());
    let mut receiver = receiver();
    let mut parts = Vec::new();
    let (front, back) = stream.split_at_mut(3);
    for piece in std::iter::once(front).chain(back.chunks_mut(1)) {
        let mut input = piece;
        while let Some(Part { event, fin }) = receiver.recv_part(&mut input).unwrap() {
            parts.push((Message::from(event), fin));
        }
    }
    assert_eq!(parts, [(Message::text("활"), true)]);
}

/// S07, S08: never more than was declared, nor than twice what has arrived, and moved so seldom that
/// a byte costs no more for many of them.
#[test]
fn what_is_gathered_costs_what_arrives() {
    // What is larger this thread keeps for the next message, and is lent from the last.
    let mut stream = server_frame(FIN | BINARY, &[7; 60_000]);
    for piece in [100, 7000, 40_000] {
        let mut receiver = receiver();
        let (mut arrived, mut kept, mut moved) = (0, 0, 0);
        for piece in stream[..60_000].chunks_mut(piece) {
            arrived += piece.len() as i64;
            let cost = measure(|| assert_eq!(receiver.recv(&mut &mut *piece), Ok(None)));
            kept += cost.bytes_current;
            moved += cost.bytes_total;
            assert!(kept <= 60_000.min(2 * arrived), "{kept} for {arrived}, by {}", piece.len());
        }
        assert!(moved <= 3 * 60_000, "{moved}");
        let rest = &mut stream[60_000..].to_vec()[..];
        assert_eq!(receiver.recv(&mut &mut *rest), Ok(Some(Event::Binary(&[7; 60_000]))));
    }
}

/// Twice what has arrived: as much again finds room, to the byte.
#[test]
fn what_is_gathered_has_room_for_as_much_again() {
    for opcode in [1, 2] {
        let (mut receiver, mut stream) = (receiver(), server_frame(FIN | opcode, &[b'a'; 9000]));
        let header = stream.len() - 9000;
        let mut from = 0;
        let mut grown = |to: usize| {
            let mut piece = &mut stream[from..header + to];
            from = header + to;
            measure(|| assert_eq!(receiver.recv(&mut piece), Ok(None))).count_total
        };
        assert_eq!([grown(1000), grown(2000), grown(3000), grown(6000)], [1, 1, 0, 1], "{opcode}");
    }
}

/// So much is reserved as is framed.
#[test]
fn what_is_sent_takes_what_it_is() {
    let (mut sender, mut out) = (Sender::new(Role::Server), Vec::new());
    sender.feed(&[7; 10_000][..], &mut out).unwrap();
    assert!(out.capacity() < 10_020, "{}", out.capacity());
}

/// Room to read into is offered from 16 KiB on, as much as has arrived and no more than is to come.
#[test]
fn room_to_read_into() {
    const ENOUGH: usize = 16 * KIB;
    let room_behind = |len: usize, arrived: usize| {
        let mut stream = server_frame(FIN | BINARY, &vec![7; len]);
        stream.truncate(stream.len() - len + arrived);
        let mut receiver = receiver();
        assert_eq!(receiver.recv(&mut &mut *stream), Ok(None));
        receiver.read_straight(|room| room.remaining_mut())
    };
    assert_eq!(room_behind(100_000, ENOUGH - 1), None);
    assert_eq!(room_behind(100_000, ENOUGH), Some(ENOUGH));
    assert_eq!(room_behind(100_000, 30_000), Some(30_000));
    // Where less than 64 KiB is to come, the next frame may be read along with it.
    assert_eq!(room_behind(40_000 + (64 << 10), 40_000), Some(40_000));
    assert_eq!(room_behind(40_000 + (64 << 10) - 1, 40_000), None);
    assert_eq!(room_behind(150_000, 80_000), Some(70_000));
    // Not for text, which must be looked at, and not behind a part that is lent.
    let mut text = server_frame(FIN | TEXT, &[b'a'; 200_000]);
    let mut texts = receiver();
    assert_eq!(texts.recv(&mut &mut text[..50_000]), Ok(None));
    assert_eq!(texts.read_straight(|room| room.remaining_mut()), None);
    let mut data = server_frame(FIN | BINARY, &[7; 300_000]);
    let (front, back) = data.split_at_mut(100_000);
    let mut parts = receiver();
    assert_eq!(parts.recv(&mut &mut *front), Ok(None));
    assert!(parts.recv_part(&mut &mut back[..50_000]).unwrap().is_some_and(|part| !part.fin));
    assert_eq!(parts.read_straight(|room| room.remaining_mut()), None);
    // And not where nothing is received any more.
    text[60_000] = 0xFF;
    assert!(texts.recv(&mut &mut text[50_000..100_000]).is_err());
    assert_eq!(texts.read_straight(|room| room.remaining_mut()), None);
}

/// A thread keeps the memory of large messages for the next; what is given away is not much larger
/// than its message, and a thread that only drops messages keeps nothing.
#[test]
fn large_messages_leave_their_memory_behind() {
    let message = |len: usize| {
        let mut stream = server_frame(FIN | BINARY, &vec![7; len]);
        let (mut receiver, mut message) = (receiver(), None);
        let cost = measure(|| {
            for piece in stream.chunks_mut(50_000) {
                message = receiver.recv_message(&mut &mut *piece).unwrap();
            }
        });
        (message.unwrap(), cost)
    };
    let (first, cost) = message(1000 * KIB);
    assert!(cost.bytes_current >= 1000 * KIB as i64);
    drop(first);
    let (second, cost) = message(1000 * KIB);
    assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
    drop(second);
    // Far smaller: the rest goes back to the allocator.
    let (_third, cost) = message(100 * KIB);
    assert!(cost.bytes_current < -800 * KIB as i64, "{}", cost.bytes_current);
    let (fourth, _) = message(1000 * KIB);
    let elsewhere = std::thread::spawn(move || measure(|| drop(fourth)).bytes_current);
    assert!(elsewhere.join().unwrap() < -900 * KIB as i64);
}

/// From 64 KiB on; of more than five, four; and so on for ever, for what was lent comes back.
#[test]
fn what_is_kept_of_what() {
    std::thread::spawn(|| {
        let hear = |len: usize| {
            let (mut receiver, mut stream) =
                (receiver(), server_frame(FIN | BINARY, &vec![7; len]));
            let mut message = None;
            let cost = measure(|| {
                for piece in stream.chunks_mut(len / 2) {
                    message = receiver.recv_message(&mut &mut *piece).unwrap().or(message.take());
                }
            });
            (message.unwrap(), cost)
        };
        hear(1024 * KIB);
        // What it lies in is twice as large, and not more.
        let (half, cost) = hear(512 * KIB);
        assert!(cost.bytes_total < KIB as u64, "{}", cost.bytes_total);
        drop(half);
        assert!(hear(512 * KIB - 1).1.bytes_current < -500 * KIB as i64);
        hear(1024 * KIB);
        assert!(hear(64 * KIB - 1).1.bytes_total >= 64 * KIB as u64 - 1);
        let (exact, cost) = hear(64 * KIB);
        assert!(cost.bytes_current < -900 * KIB as i64, "{}", cost.bytes_current);
        drop(exact);
        let held: Vec<_> = (0..6).map(|_| hear(1024 * KIB).0).collect();
        let mut left = held.into_iter();
        let mut dropped = || measure(|| drop(left.next())).bytes_current;
        let kept: Vec<_> = (0..6).map(|_| dropped() > -1000 * KIB as i64).collect();
        assert_eq!(kept, [true, true, true, true, false, false]);
        for _ in 0..40 {
            assert!(hear(1024 * KIB).1.bytes_total < KIB as u64);
        }
    })
    .join()
    .unwrap();
}
