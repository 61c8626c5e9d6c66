//! What receiving and sending cost in memory, counted by the allocator: what can be lent is not
//! copied, what must be gathered takes what arrives and not much more, and what repeats allocates
//! nothing.

use crate::support::*;
use allocation_counter::{AllocationInfo, measure};
use bowstring::proto::*;
use bytes::BufMut;

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
        server_frame(FIN | BINARY, vec![7; 70_000]),
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
        [server_frame(BINARY, vec![7; 70_000]), server_frame(FIN | CONTINUATION, vec![8; 70_000])]
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
    let mut stream = server_frame(FIN | BINARY, vec![7; 60_000]);
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
        let (mut receiver, mut stream) = (receiver(), server_frame(FIN | opcode, [b'a'; 9000]));
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
        let mut stream = server_frame(FIN | BINARY, vec![7; len]);
        stream.truncate(stream.len() - len + arrived);
        let mut receiver = receiver();
        assert_eq!(receiver.recv(&mut &mut *stream), Ok(None));
        receiver.direct_buffer().map(|room| room.remaining_mut())
    };
    assert_eq!(room_behind(100_000, ENOUGH - 1), None);
    assert_eq!(room_behind(100_000, ENOUGH), Some(ENOUGH));
    assert_eq!(room_behind(100_000, 30_000), Some(30_000));
    // Where less than 64 KiB is to come, the next frame may be read along with it.
    assert_eq!(room_behind(40_000 + (64 << 10), 40_000), Some(40_000));
    assert_eq!(room_behind(40_000 + (64 << 10) - 1, 40_000), None);
    assert_eq!(room_behind(150_000, 80_000), Some(70_000));
    // Not for text, which must be looked at, and not after a part that is lent.
    let mut text = server_frame(FIN | TEXT, vec![b'a'; 200_000]);
    let mut texts = receiver();
    assert_eq!(texts.recv(&mut &mut text[..50_000]), Ok(None));
    assert!(texts.direct_buffer().is_none());
    let mut data = server_frame(FIN | BINARY, vec![7; 300_000]);
    let (front, back) = data.split_at_mut(100_000);
    let mut parts = receiver();
    assert_eq!(parts.recv(&mut &mut *front), Ok(None));
    assert!(parts.recv_part(&mut &mut back[..50_000]).unwrap().is_some_and(|part| !part.fin));
    assert!(parts.direct_buffer().is_none());
    // And not where nothing is received any more.
    text[60_000] = 0xFF;
    assert!(texts.recv(&mut &mut text[50_000..100_000]).is_err());
    assert!(texts.direct_buffer().is_none());
}

/// What was not read into it is not noted: there is none before a large message, and none for text.
#[test]
fn nothing_is_noted_where_there_is_no_room_to_read_into() {
    let mut receiver = receiver();
    let mut stream = server_frame(FIN | TEXT, b"text");
    receiver.advance_direct(10);
    let (front, back) = stream.split_at_mut(4);
    assert_eq!(receiver.recv(&mut &mut *front), Ok(None));
    receiver.advance_direct(10);
    assert_eq!(receiver.recv(&mut &mut *back), Ok(Some(Event::Text("text"))));
}

/// A message of so many bytes that arrives in pieces of at most `piece`, and what it costs.
fn hear(len: usize, piece: usize) -> (Message, AllocationInfo) {
    hear_frame(server_frame(FIN | BINARY, vec![7; len]), piece)
}

fn hear_frame(mut stream: Vec<u8>, piece: usize) -> (Message, AllocationInfo) {
    let (mut receiver, mut message) = (receiver(), None);
    let cost = measure(|| {
        for piece in stream.chunks_mut(piece) {
            message = receiver.recv_message(&mut &mut *piece).unwrap().or(message.take());
        }
    });
    (message.unwrap(), cost)
}

/// A thread keeps the memory of large messages for the next; what is given away is not much larger
/// than its message, and a thread that only drops messages keeps nothing.
#[test]
fn large_messages_leave_their_memory_to_the_next() {
    thread(|| {
        let (first, cost) = hear(1000 * KIB, 50_000);
        assert!(cost.bytes_current >= 1000 * KIB as i64);
        drop(first);
        let (second, cost) = hear(1000 * KIB, 50_000);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        drop(second);
        // A far smaller one does not take it away from those who need it.
        let (third, cost) = hear(100 * KIB, 50_000);
        assert!(cost.bytes_current < 110 * KIB as i64, "{}", cost.bytes_current);
        let (fourth, cost) = hear(1000 * KIB, 50_000);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        drop(third);
        let elsewhere = std::thread::spawn(move || measure(|| drop(fourth)).bytes_current);
        assert!(elsewhere.join().unwrap() < -900 * KIB as i64);
    });
}

/// Messages of 4 MiB, on four connections at a time, allocate nothing from the second on. Nor does one
/// of 16 MiB, which is as much as a thread keeps; of what is larger nothing is kept.
#[test]
fn messages_of_many_mebibytes_leave_their_memory_to_the_next() {
    thread(|| {
        for round in 0..3 {
            let held = [(); 4].map(|()| hear(4096 * KIB, 256 * KIB));
            let new: u64 = held.iter().map(|(_, cost)| cost.bytes_total).sum();
            assert!(round == 0 || new < KIB as u64, "{new} anew");
        }
        drop(hear(16 << 20, 1 << 20));
        let (message, cost) = hear(16 << 20, 1 << 20);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        drop(message);
        let mut limits = Limits::default();
        limits.max_message_size = 20 << 20;
        let mut stream = server_frame(FIN | BINARY, vec![7; 20 << 20]);
        let mut receiver = Receiver::new(CLIENT, limits);
        let (front, back) = stream.split_at_mut(1 << 20);
        assert_eq!(receiver.recv_message(&mut &mut *front), Ok(None));
        let message = receiver.recv_message(&mut &mut *back).unwrap().unwrap();
        let cost = measure(|| drop(message));
        assert!(cost.bytes_current <= -(20 << 20), "{}", cost.bytes_current);
    });
}

/// Where the length is not known beforehand, because a message comes in fragments, what is lent may be
/// far too large. Then the message moves, and what was lent is there for the next.
#[test]
fn a_message_in_fragments_does_not_keep_what_is_too_large_for_it() {
    thread(|| {
        drop(hear(4096 * KIB, 256 * KIB));
        let fragments = |len: usize| {
            [
                server_frame(BINARY, vec![7; len / 2]),
                server_frame(FIN | CONTINUATION, vec![8; len - len / 2]),
            ]
            .concat()
        };
        for len in [100 * KIB, 10 * KIB, 100 * KIB] {
            let (message, cost) = hear_frame(fragments(len), len);
            assert_eq!(message.as_bytes(), [vec![7; len / 2], vec![8; len - len / 2]].concat());
            let most = (len + KIB) as i64;
            assert!(cost.bytes_current <= most, "{} for {len}", cost.bytes_current);
            let (_, cost) = hear(4096 * KIB, 256 * KIB);
            assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        }
    });
}

/// A message of unknown length borrows nothing before 16 KiB of it are there.
#[test]
fn a_message_in_fragments_that_only_begins_holds_nothing_that_is_kept() {
    thread(|| {
        drop(hear(4096 * KIB, 256 * KIB));
        let (mut stalled, mut first) = (receiver(), server_frame(BINARY, vec![7; 10_000]));
        assert_eq!(stalled.recv(&mut &mut *first), Ok(None));
        let (message, cost) = hear(4096 * KIB, 256 * KIB);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        // Once more is there it borrows, and what follows allocates nothing.
        drop(message);
        let mut rest = [
            server_frame(CONTINUATION, vec![7; 10_000]),
            server_frame(FIN | CONTINUATION, vec![7; 1000 * KIB]),
        ]
        .concat();
        let cost = measure(|| assert_eq!(stalled.recv(&mut &mut rest[..50_000]), Ok(None)));
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        let cost = measure(|| {
            let whole = stalled.recv(&mut &mut rest[50_000..]).unwrap();
            assert!(
                matches!(whole, Some(Event::Binary(data)) if data.len() == 20_000 + 1000 * KIB)
            );
        });
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        // So does one whose last part is the large one.
        drop(stalled);
        let parts = [
            server_frame(BINARY, vec![7; 10]),
            server_frame(FIN | CONTINUATION, vec![7; 4000 * KIB]),
        ];
        let (_, cost) = hear_frame(parts.concat(), 50_000);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
    });
}

/// Where too much comes at once for what is kept, that stays with the thread.
#[test]
fn a_message_in_fragments_does_not_borrow_what_is_too_small_for_it() {
    thread(|| {
        drop(hear(100 * KIB, 50_000));
        let (mut receiver, parts) = (receiver(), [vec![7; 10], vec![8; 200 * KIB]]);
        let mut stream =
            [server_frame(BINARY, &parts[0]), server_frame(CONTINUATION, &parts[1])].concat();
        assert_eq!(receiver.recv(&mut &mut *stream), Ok(None));
        let (_, cost) = hear(100 * KIB, 50_000);
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        let mut end = server_frame(FIN | CONTINUATION, b"");
        assert_eq!(receiver.recv(&mut &mut *end), Ok(Some(Event::Binary(&parts.concat()))));
    });
}

/// From 64 KiB on, up to 16 MiB together; and so on for ever, because what was lent comes back.
#[test]
fn what_is_kept_of_what() {
    thread(|| {
        let hear = |len: usize| hear(len, len / 2);
        hear(1024 * KIB);
        // What it lies in is twice as large, and not more.
        let (half, cost) = hear(512 * KIB);
        assert!(cost.bytes_total < KIB as u64, "{}", cost.bytes_total);
        drop(half);
        assert!(hear(512 * KIB - 1).1.bytes_total >= 512 * KIB as u64 - 1);
        // Of several the one that fits best.
        let (second, cost) = hear(512 * KIB - 1);
        assert!(cost.bytes_total < KIB as u64, "{}", cost.bytes_total);
        drop(second);
        assert!(hear(64 * KIB - 1).1.bytes_total >= 64 * KIB as u64 - 1);
        let (exact, cost) = hear(64 * KIB);
        assert!(cost.bytes_total >= 64 * KIB as u64, "{}", cost.bytes_total);
        drop(exact);
        assert!(hear(64 * KIB).1.bytes_total < KIB as u64);
        // The oldest go: the small ones here, because their place is wanted.
        let held: Vec<_> = (0..18).map(|_| hear(1024 * KIB).0).collect();
        let mut left = held.into_iter();
        let mut dropped = || measure(|| drop(left.next())).bytes_current;
        let kept: Vec<_> = (0..18).map(|_| dropped() > -1000 * KIB as i64).collect();
        assert_eq!(kept, [[true; 16].as_slice(), &[false; 2]].concat());
        for _ in 0..40 {
            assert!(hear(1024 * KIB).1.bytes_total < KIB as u64);
        }
    });
}

/// A client's frames are masked where they lie, so they are copied once: into memory that is kept too.
#[test]
fn what_a_client_sends_uses_what_is_kept() {
    thread(|| {
        drop(hear(4096 * KIB, 256 * KIB));
        let data = vec![7; 4000 * KIB];
        let mut out = Vec::new();
        let cost = measure(|| Sender::new(CLIENT).feed(&data, &mut out).unwrap());
        assert!(cost.bytes_total < KIB as u64, "{} anew", cost.bytes_total);
        assert_eq!(out.len(), 14 + data.len());
    });
}

/// It does not where it has room, nor where moving what is there would cost more than new memory.
#[test]
fn what_a_client_sends_moves_only_where_that_is_cheap() {
    thread(|| {
        let send = |out: &mut Vec<u8>| {
            drop(hear(512 * KIB, 64 * KIB));
            let (data, before) = (vec![7; 300 * KIB], out.as_ptr());
            let cost = measure(|| Sender::new(CLIENT).feed(&data, out).unwrap());
            (cost.bytes_total < KIB as u64, out.as_ptr() == before)
        };
        // Whether nothing was allocated, and whether it is where it was.
        assert_eq!(send(&mut Vec::with_capacity(301 * KIB)), (true, true));
        assert_eq!(send(&mut vec![0; KIB]), (true, false));
        assert!(!send(&mut vec![0; 100 * KIB]).0);
    });
}

/// A message of which only some bytes came leaves its memory to the next, if that is not too large.
#[test]
fn what_never_became_whole_leaves_its_memory_too() {
    thread(|| {
        let freed = |arrived: usize| {
            let mut limits = Limits::default();
            limits.max_message_size = 40 << 20;
            let mut receiver = Receiver::new(CLIENT, limits);
            let mut stream = server_frame(FIN | BINARY, vec![7; 40 << 20]);
            assert_eq!(receiver.recv(&mut &mut stream[..arrived]), Ok(None));
            -measure(|| drop(receiver)).bytes_current
        };
        assert!(freed(8 << 20) < KIB as i64);
        assert!(hear((8 << 20) - KIB, 1 << 20).1.bytes_total < KIB as u64);
        assert!(freed(17 << 20) > 16 << 20);
    });
}

/// Has a thread of its own, which keeps nothing yet.
fn thread(test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(test);
    });
}
