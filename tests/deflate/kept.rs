//! What stays between messages: windows, engines, counters; in bytes, as the allocator counts them.

use allocation_counter::measure;
use bowstring::proto::*;
use bytes::BufMut;

use crate::support::*;

fn compression(takeover: bool, window_bits: u8, pooled: bool) -> Compression {
    let context = Context { takeover, window_bits };
    Compression { send: context, receive: context, level: 6, threshold: 20, pooled }
}

/// A server's sender and a client's receiver.
fn pair(compression: &Compression) -> (Sender, Receiver) {
    (
        Sender::new(Role::Server).with_compression(Some(compression)),
        Receiver::new(CLIENT, Limits::default()).with_compression(Some(compression)),
    )
}

fn sent(sender: &mut Sender, event: impl AsEvent) -> Vec<u8> {
    let mut out = Vec::new();
    sender.feed(event, &mut out).unwrap();
    out
}

fn text(number: usize) -> String {
    let mut random = Random::new(number as u64);
    (0..300).map(|_| format!("{:x}", random.below(16))).collect()
}

/// Once the thread has its engines and buffers, a message allocates nothing beyond what it is.
#[test]
fn messages_allocate_nothing() {
    for (takeover, pooled) in [(false, true), (true, true), (true, false)] {
        let (mut sender, mut receiver) = pair(&compression(takeover, 12, pooled));
        let mut wire = Vec::with_capacity(10_000);
        let mut allocations = 0;
        for number in 0..100 {
            let text = text(number % 10);
            wire.clear();
            let sending = measure(|| sender.feed(&*text, &mut wire).unwrap());
            assert_eq!(wire[0], 0xC1);
            let mut input = &mut *wire;
            let receiving = measure(|| {
                assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Text(&text))));
                assert_eq!(receiver.recv(&mut input), Ok(None));
            });
            if number >= 50 {
                // The text that was inflated lies in one piece of memory, and with a window the
                // engine is lent in another.
                let sending = sending.count_total;
                let receiving = receiving.count_total;
                allocations = allocations.max(sending * 100 + receiving);
            }
        }
        println!("{takeover} {pooled}: {allocations}");
        assert!(allocations <= 2, "{takeover} {pooled}: {allocations}");
    }
}

/// S37: with pooled engines each direction keeps its window and no more.
#[test]
fn s37_windows_are_what_is_kept() {
    for bits in 9..=12 {
        for len in [7, 20, 300, 511, 513, 5000] {
            let (mut sender, mut receiver) = pair(&compression(true, bits, true));
            // The thread's own.
            let (mut other, mut another) = pair(&compression(true, bits, true));
            let text = text(1).repeat(20);
            let said = sent(&mut other, &*text);
            another.recv(&mut &mut *said.clone()).unwrap();

            let (mut wire, mut kept) = (Vec::with_capacity(10_000), [0; 2]);
            let mut said = 0;
            for number in 0..200 {
                let text = &self::text(number).repeat(20)[..len];
                wire.clear();
                kept[0] += measure(|| sender.feed(text, &mut wire).unwrap()).bytes_current;
                let mut input = &mut *wire;
                let heard = measure(|| {
                    assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Text(text))));
                    assert_eq!(receiver.recv(&mut input), Ok(None));
                });
                kept[1] += heard.bytes_current;
                // What is too short to be compressed is not referred to.
                said += if len < 20 { 0 } else { len as i64 };
                let most = (1 << bits).min(2 * said.max(len as i64));
                for kept in kept {
                    assert!(kept <= most, "{bits} bits, {len} bytes, {number}: {kept}");
                }
            }
        }
    }
}

/// A window grows to twice what was said: as much again finds room.
#[test]
fn a_window_has_room_for_as_much_again() {
    let (mut sender, _) = pair(&compression(true, 15, true));
    // The thread's own.
    sent(&mut pair(&compression(true, 15, true)).0, &*text(1).repeat(10));
    let mut wire = Vec::with_capacity(10_000);
    let mut grown = |times: usize| {
        let said = measure(|| sender.feed(&*text(2).repeat(times), &mut wire).unwrap());
        said.bytes_current
    };
    assert_eq!([grown(1), grown(1), grown(2), grown(4), grown(1)], [600, 0, 1800, 0, 3000]);
}

/// More memory would make no message smaller. Who keeps what understands them has one of their own.
#[test]
fn what_an_engine_is_made_of() {
    let cost = |bits| {
        let work = move || {
            let (mut sender, mut receiver) = pair(&compression(true, bits, false));
            // The thread has engines, of which the one for understanding suits everybody.
            let (mut other, mut another) = pair(&compression(false, 12, true));
            another.recv(&mut &mut *sent(&mut other, &*text(1))).unwrap();
            let mut wire = Vec::new();
            let sending = measure(|| sender.feed(&*text(1), &mut wire).unwrap()).bytes_current;
            let receiving = measure(|| {
                receiver.recv(&mut &mut *wire).unwrap();
            });
            (sending, receiving.bytes_current)
        };
        std::thread::spawn(work).join().unwrap()
    };
    let (small, large) = (cost(9), cost(15));
    println!("engines of 9 bits have {small:?} bytes, of 15 bits {large:?}");
    assert!(small.0 < 150_000 && large.0 < 310_000, "{small:?} {large:?}");
    assert!(small.1 > 30_000 && large.1 > 30_000, "{small:?} {large:?}");
}

/// Windows that cannot be are as those nearest to them (RFC 7692 §7.1.2.1).
#[test]
fn windows_that_cannot_be() {
    for bits in [0, 7, 16, 255] {
        for pooled in [false, true] {
            let (mut sender, mut receiver) = pair(&compression(true, bits, pooled));
            for text in [text(1), text(1)] {
                let wire = sent(&mut sender, &*text);
                let mut input = &mut *wire.clone();
                assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Text(&text))), "{bits}");
            }
        }
    }
}

/// Inflated, a message may lie in a buffer that is far too large for it: then it is copied, and the
/// buffer stays for the next.
#[test]
fn what_lies_in_too_much_is_copied() {
    const LARGE: usize = 1 << 20;
    let cost = |len: usize| {
        let (mut sender, mut receiver) = pair(&compression(false, 15, false));
        let mut large = server_frame(FIN | BINARY, vec![7; LARGE]);
        let mut wire = Vec::new();
        sender.feed_part(&vec![7; len][..], true, &mut wire).unwrap();
        // The thread's own.
        receiver.recv_message(&mut &mut *wire.clone()).unwrap();
        for piece in large.chunks_mut(LARGE / 4) {
            receiver.recv_message(&mut &mut *piece).unwrap();
        }
        let mut message = None;
        let cost = measure(|| message = receiver.recv_message(&mut &mut *wire).unwrap());
        assert_eq!(message, Some(Message::from(vec![7; len])));
        cost.bytes_current
    };
    for len in [100, 60_000, 65_535] {
        assert!((0..70_000).contains(&(cost(len) - len as i64)), "{len}: {}", cost(len));
    }
    for len in [65_536, 100_000] {
        // Of this length a thread keeps the memory of the copy as well.
        assert!((0..1000).contains(&cost(len)), "{len}: {}", cost(len));
    }
}

#[test]
fn what_it_looks_like() {
    let (sender, receiver) = pair(&compression(true, 11, true));
    for (name, shown) in
        [("Deflater", format!("{sender:?}")), ("Inflater", format!("{receiver:?}"))]
    {
        let context =
            format!("{name} {{ context: Context {{ takeover: true, window_bits: 11 }}, .. }}");
        assert!(shown.contains(&context), "{shown}");
    }
}

#[test]
fn both_ends_count() {
    let (mut sender, mut receiver) = pair(&compression(true, 15, false));
    let large = text(3).repeat(100);
    let noise: Vec<u8> = (0..300).map(|n: u32| ((n * n * 26_543) >> 9) as u8).collect();
    let (mut plain, mut wire) = (0, 0);
    for message in [text(1), text(1), "short".to_owned(), large, text(2)] {
        let bytes = sent(&mut sender, &*message);
        plain += message.len() as u64;
        let header = if bytes[1] < 126 { 2 } else { 4 };
        wire += bytes.len() as u64 - header;
        receiver.recv(&mut &mut *bytes.clone()).unwrap();
    }
    for noise in [&noise[..], &noise[..50]] {
        let bytes = sent(&mut sender, noise);
        assert_eq!(bytes[0], 0x82);
        plain += noise.len() as u64;
        wire += noise.len() as u64;
        receiver.recv(&mut &mut *bytes.clone()).unwrap();
    }
    for ratio in [sender.ratio(), receiver.ratio()] {
        assert_eq!((ratio.plain, ratio.wire), (plain, wire));
    }
}

/// A thread keeps four engines of a kind for the next, however many were at work at once; and of the
/// buffers that large messages have made, no more after many than after one.
#[test]
fn a_thread_keeps_little() {
    let agreed = compression(false, 15, true);
    let mut wire = Vec::new();
    let (mut sender, _) = pair(&agreed);
    sender.feed_part(&*text(1), false, &mut wire).unwrap();
    let half = wire.len();
    sender.feed_part(&*text(2), true, &mut wire).unwrap();
    let kept = |at_once: usize| {
        std::thread::scope(|scope| {
            let work = || {
                let mut receivers: Vec<_> = (0..at_once).map(|_| pair(&agreed).1).collect();
                let before = measure(|| {
                    for receiver in &mut receivers {
                        assert_eq!(receiver.recv(&mut &mut wire.clone()[..half]), Ok(None));
                    }
                    for mut receiver in receivers.drain(..) {
                        assert!(receiver.recv(&mut &mut wire.clone()[half..]).unwrap().is_some());
                    }
                });
                before.bytes_current
            };
            scope.spawn(work).join().unwrap()
        })
    };
    let (four, twenty) = (kept(4), kept(20));
    assert!(four > 4 * 30_000 && twenty < four, "{four} {twenty}");

    let mut random = Random::new(3);
    let noise: Vec<u8> = (0..400_000).map(|_| random.below(256) as u8).collect();
    let after = |len: usize| {
        let cost = measure(|| drop(sent(&mut pair(&agreed).0, &noise[..len])));
        cost.bytes_current
    };
    after(100);
    assert!(after(100) == 0, "all that is kept is there");
    assert!((1..1 << 20).contains(&after(400_000)), "a large buffer is kept");
    for _ in 0..20 {
        assert!(after(400_000) <= 0, "but one");
    }
    assert!(after(100) < 300, "and one for what is small");
    assert!(after(100_000) >= 100_000, "or of a usual size");
}

/// What comes uncompressed may be read straight into its message, and counts all the same; what is
/// compressed may not.
#[test]
fn straight_into_a_message() {
    let agreed = compression(false, 15, true);
    let mut random = Random::new(3);
    let noise: Vec<u8> = (0..400_000).map(|_| random.below(256) as u8).collect();
    let (_, mut receiver) = pair(&agreed);
    let mut wire = server_frame(FIN | BINARY, &noise);
    let (mut front, back) = wire.split_at_mut(100_000);
    assert_eq!(receiver.recv(&mut front), Ok(None));
    let mut rest = &*back;
    while !rest.is_empty() {
        // What is left is too little at last.
        let Some(mut room) = receiver.direct_buffer() else { break };
        let (piece, behind) = rest.split_at(room.remaining_mut().min(rest.len()));
        room.put_slice(piece);
        receiver.advance_direct(piece.len());
        rest = behind;
    }
    assert!(rest.len() < 64 << 10, "{}", rest.len());
    let mut rest = rest.to_vec();
    assert_eq!(receiver.recv(&mut &mut *rest), Ok(Some(Event::Binary(&noise))));
    assert_eq!((receiver.ratio().plain, receiver.ratio().wire), (400_000, 400_000));

    let (mut sender, mut receiver) = pair(&agreed);
    let mut wire = Vec::new();
    sender.feed_part(&*noise, true, &mut wire).unwrap();
    assert_eq!(wire[0], 0xC2);
    assert_eq!(receiver.recv(&mut &mut wire[..100_000]), Ok(None));
    assert!(receiver.direct_buffer().is_none());
}

/// A message as long as the threshold is compressed, a shorter one is not; nor what would not shrink.
#[test]
fn what_is_compressed() {
    let (mut sender, _) = pair(&compression(false, 15, false));
    assert_eq!(sent(&mut sender, "a".repeat(20))[0], 0xC1);
    assert_eq!(sent(&mut sender, "a".repeat(19))[0], 0x81);
    // One that comes out exactly as long goes out as it is.
    let as_long = (0..20_000).map(|n| text(n)[..20 + n % 30].to_owned()).find(|text| {
        let mut out = Vec::new();
        let mut parts =
            Sender::new(Role::Server).with_compression(Some(&compression(false, 15, false)));
        parts.feed_part(&**text, true, &mut out).unwrap();
        out.len() == text.len() + 2
    });
    let as_long = as_long.expect("there are such");
    assert_eq!(sent(&mut sender, &*as_long)[0], 0x81);
    assert_eq!(sent(&mut sender, Prepared::text(&as_long))[0], 0x81);
}

/// A compressor rests when nothing was said since it was last asked to; then nothing is referred to.
#[test]
fn a_rest_forgets_the_window() {
    for pooled in [false, true] {
        let (mut sender, mut receiver) = pair(&compression(true, 15, pooled));
        let text = text(5);
        let mut say = |sender: &mut Sender| {
            let mut wire = sent(sender, &*text);
            let len = wire.len();
            assert_eq!(receiver.recv(&mut &mut *wire), Ok(Some(Event::Text(&text))));
            len
        };
        let first = say(&mut sender);
        assert!(say(&mut sender) < first / 2);
        sender.rest();
        assert!(say(&mut sender) < first / 2, "it was used");
        sender.rest();
        sender.rest();
        assert_eq!(say(&mut sender), first, "it was not");
        // Not within a message in parts, whose parts refer to each other.
        let mut out = Vec::new();
        sender.feed_part(&*text, false, &mut out).unwrap();
        sender.rest();
        sender.rest();
        sender.feed_part(&*text, true, &mut out).unwrap();
        let mut input = &mut *out;
        let whole = text.repeat(2);
        assert_eq!(receiver.recv(&mut input), Ok(Some(Event::Text(&whole))));
    }
}

/// What an engine makes of the last bytes of a message may end anywhere in the buffer it makes it in.
#[test]
fn lengths_about_the_size_of_a_buffer() {
    let (mut sender, mut receiver) = pair(&compression(false, 15, false));
    for buffers in [1, 2] {
        for len in (16_384 * buffers - 300)..(16_384 * buffers + 300) {
            let zeros = vec![0; len];
            let wire = sent(&mut sender, &zeros);
            for cut in [wire.len(), wire.len() - 1, wire.len() - 2] {
                let mut wire = wire.clone();
                let (mut front, mut back) = wire.split_at_mut(cut);
                let heard = match receiver.recv_message(&mut front).unwrap() {
                    None => receiver.recv_message(&mut back).unwrap(),
                    heard => heard,
                };
                assert!(heard == Some(Message::from(zeros.clone())), "{len} cut at {cut}");
            }
        }
    }
}
