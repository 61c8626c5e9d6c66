//! RFC 7692 §6, §7.2: messages on the wire.

use std::time::Instant;

use bowstring::proto::*;
use proptest::prelude::*;
use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

use crate::support::*;

const fn context(takeover: bool, window_bits: u8) -> Context {
    Context { takeover, window_bits }
}

fn config(send: Context, receive: Context, threshold: usize) -> ProtocolConfig {
    let mut config = ProtocolConfig::default();
    config.compression = Some(Compression { send, receive, level: 6, threshold, pooled: false });
    config
}

/// The same, keeping windows or engines between messages.
fn pooled(mut config: ProtocolConfig, pooled: bool) -> ProtocolConfig {
    if let Some(compression) = &mut config.compression {
        compression.pooled = pooled;
    }
    config
}

fn server(config: &ProtocolConfig) -> Connection {
    Connection::new(Role::Server, config, Instant::now())
}

/// What a client (whose frames need no mask) gets out of these bytes, and how it ends.
fn receive(config: &ProtocolConfig, bytes: &[u8]) -> (Vec<Message>, Option<Violation>) {
    let run = run(CLIENT, config, Way::Recv, [bytes]);
    for pooled in [false, true] {
        let config = &self::pooled(*config, pooled);
        for way in WAYS {
            let cut = crate::support::run(CLIENT, config, way, bytes.chunks(1));
            assert_eq!(cut.events, run.events, "{way:?} {pooled}");
            assert_eq!(cut.violation, run.violation, "{way:?} {pooled}");
        }
    }
    (run.events, run.violation)
}

/// The engine in one shot: what a whole message is on the wire, without the tail.
fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut engine = Deflate::new(6, false, 15);
    let mut out = vec![0; plain.len() + plain.len() / 100 + 64];
    engine.compress(plain, &mut out, DeflateFlush::SyncFlush).unwrap();
    out.truncate(engine.total_out() as usize - 4);
    out
}

/// The engine in one shot, the other way.
fn inflate(engine: &mut Inflate, wire: &[u8], room: usize) -> Vec<u8> {
    let (mut out, start) = (vec![0; room + 64], engine.total_out());
    for bytes in [wire, &[0, 0, 0xFF, 0xFF]] {
        let from = (engine.total_out() - start) as usize;
        let before = engine.total_in();
        let status = engine.decompress(bytes, &mut out[from..], InflateFlush::SyncFlush).unwrap();
        assert!(matches!(status, Status::Ok | Status::BufError), "{status:?}");
        assert_eq!(engine.total_in() - before, bytes.len() as u64);
    }
    out.truncate((engine.total_out() - start) as usize);
    out
}

fn default() -> ProtocolConfig {
    config(context(true, 15), context(true, 15), 0)
}

fn alone() -> ProtocolConfig {
    config(context(false, 15), context(false, 15), 0)
}

/// RFC 7692 §7.2.3: its own examples, byte for byte.
#[test]
fn the_examples_of_the_rfc() {
    let hello = Message::from("Hello");
    for (about, bytes, count) in [
        ("§7.2.3.1", bytes![0xC1, 7, b"\xf2\x48\xcd\xc9\xc9\x07\x00"], 1),
        (
            "§7.2.3.1, two fragments",
            bytes![0x41, 3, b"\xf2\x48\xcd", 0x80, 4, b"\xc9\xc9\x07\x00"],
            1,
        ),
        (
            "§7.2.3.2, the window is kept",
            bytes![0xC1, 7, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 0xC1, 5, b"\xf2\x00\x11\x00\x00"],
            2,
        ),
        (
            "§7.2.3.3, a stored block",
            bytes![0xC1, 11, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"],
            1,
        ),
        ("§7.2.3.4, a final block", bytes![0xC1, 8, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"], 1),
        (
            "§7.2.3.5, two blocks",
            bytes![0xC1, 13, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"],
            1,
        ),
    ] {
        let (events, violation) = receive(&default(), &bytes);
        assert_eq!((events, violation), (vec![hello.clone(); count], None), "{about}");
    }
    // §7.2.3.6: an empty message is an empty block.
    let empty = bytes![0xC1, 1, 0, 0x81, 0, 0xC2, 1, 0];
    let expected = vec![Message::from(""), Message::from(""), Message::from(vec![])];
    assert_eq!(receive(&default(), &empty), (expected, None));
}

/// RFC 7692 §6: RSV1 belongs on the first frame of a message, and nowhere else.
#[test]
fn s16_rsv1_out_of_place() {
    let bits = Some(Violation::ReservedBits(0b100));
    for bytes in [
        bytes![0x41, 3, b"\xf2\x48\xcd", 0xC0, 4, b"\xc9\xc9\x07\x00"],
        bytes![0x01, 1, "a", 0xC0, 1, 0],
        bytes![0xC9, 0],
        bytes![0xCA, 0],
        bytes![0xC8, 0],
    ] {
        assert_eq!(receive(&default(), &bytes).1, bits);
    }
    let two = receive(&default(), &bytes![0xE1, 1, 0]).1;
    assert_eq!(two, Some(Violation::ReservedBits(0b110)));
    assert_eq!(receive(&ProtocolConfig::default(), &bytes![0xC1, 1, 0]).1, bits);
}

/// Control frames between compressed fragments, and messages that are not compressed between those
/// that are.
#[test]
fn mixed_with_what_is_not_compressed() {
    let bytes = bytes![
        0x41,
        3,
        b"\xf2\x48\xcd",
        0x89,
        1,
        "?",
        0x80,
        4,
        b"\xc9\xc9\x07\x00",
        0x81,
        2,
        "ab",
        0x01,
        1,
        "c",
        0x80,
        1,
        "d",
        0xC1,
        5,
        b"\xf2\x00\x11\x00\x00",
    ];
    let expected =
        vec![Event::Ping(b"?").into(), "Hello".into(), "ab".into(), "cd".into(), "Hello".into()];
    assert_eq!(receive(&default(), &bytes), (expected, None));
}

/// §8.1 holds for what was inflated, at the first hopeless byte.
#[test]
fn s18_invalid_text_inside() {
    let wire = deflate(b"ok\xffok");
    let (_, violation) = receive(&default(), &server_frame(FIN | RSV1 | TEXT, &wire));
    assert_eq!(violation, Some(Violation::InvalidUtf8 { offset: 2 }));
    let (_, violation) =
        receive(&default(), &server_frame(FIN | RSV1 | TEXT, deflate(b"\xed\x95")));
    assert_eq!(violation, Some(Violation::InvalidUtf8 { offset: 0 }));
    // And for what is not compressed, where compression is agreed on.
    let (events, violation) = receive(&default(), &server_frame(FIN | TEXT, b"ok\xffok"));
    assert_eq!((events, violation), (vec![], Some(Violation::InvalidUtf8 { offset: 2 })));
}

/// 1 GiB of zeros, compressed about as well as DEFLATE can, in so many frames. A flush ends on a byte,
/// so that one MiB's blocks may follow themselves.
fn bomb(count: usize) -> Vec<u8> {
    let mut wire = [deflate(&[0; 1 << 20]), vec![0, 0, 0xFF, 0xFF]].concat().repeat(1024);
    wire.truncate(wire.len() - 4);
    assert!(wire.len() < 1_100_000, "{}", wire.len());
    let pieces: Vec<_> = wire.chunks(wire.len().div_ceil(count)).collect();
    fragments(RSV1 | BINARY, &pieces).concat()
}

#[test]
fn s12_a_bomb_stops_at_the_limit() {
    for fragments in [1, 1000] {
        for mut config in [default(), alone()] {
            config.limits.max_message_size = 2 << 20;
            let mut bytes = bomb(fragments);
            let mut connection = Connection::new(CLIENT, &config, Instant::now());
            let (mut input, mut out) = (&mut bytes[..], Vec::new());
            let violation = loop {
                match connection.recv(&mut input, &mut out) {
                    Ok(None) => panic!("it went through"),
                    Ok(Some(_)) => {}
                    Err(violation) => break violation,
                }
            };
            let Violation::MessageTooLarge { len, limit } = violation else {
                panic!("{violation}")
            };
            // It stopped within the piece that passed the limit.
            assert_eq!(limit, 2 << 20);
            assert!(len > limit as u64 && len <= limit as u64 + (16 << 10), "{len}");
            assert_eq!(out, masked(&complaint(violation)));
        }
    }
}

/// The limit is one of the message, not of the wire or of the connection: many that fit pass, one
/// that does not fails, each time.
#[test]
fn s13_the_limit_is_per_message_and_inflated() {
    for mut config in [default(), alone()] {
        config.limits.max_message_size = 1000;
        let fits = server_frame(FIN | RSV1 | BINARY, deflate(&[b'a'; 1000]));
        let (events, violation) = receive(&config, &fits.repeat(3));
        assert_eq!((events.len(), violation), (3, None));
        let passes = server_frame(FIN | RSV1 | BINARY, deflate(&[b'a'; 1001]));
        let (events, violation) = receive(&config, &[fits.repeat(3), passes].concat());
        assert_eq!(events.len(), 3);
        let code = violation.map(Violation::code);
        assert_eq!(code, Some(CloseCode::MESSAGE_TOO_BIG), "{violation:?}");
    }
    // Of a text what comes before the limit counts, and what comes behind it does not.
    for (len, at) in [(15, 5), (15, 9), (30, 9), (15, 12), (30, 10)] {
        let mut config = default();
        config.limits.max_message_size = 10;
        let mut text = vec![b'a'; len];
        text[at] = 0xFF;
        let expected = match at {
            ..10 => Violation::InvalidUtf8 { offset: at as u64 },
            _ => Violation::MessageTooLarge { len: len as u64, limit: 10 },
        };
        let run =
            run(CLIENT, &config, Way::Recv, [&*server_frame(FIN | RSV1 | TEXT, deflate(&text))]);
        assert_eq!(run.violation, Some(expected), "{len} {at}");
    }
    // What does not shrink may be a little longer on the wire than the limit.
    let mut config = default();
    config.limits.max_message_size = 5;
    let stored = bytes![0xC1, 11, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"];
    assert_eq!(receive(&config, &stored).0, [Message::from("Hello")]);
    let declared = bytes![0xC2, 127, 1u64 << 40];
    assert!(matches!(receive(&config, &declared).1, Some(Violation::MessageTooLarge { .. })));
}

/// Streams that are none, and odd ones that are: a verdict each time, and no hang.
#[test]
fn s15_misuse_of_the_window_and_of_blocks() {
    let broken = Some(Violation::InvalidDeflate);
    for (about, wire) in [
        ("a reserved block type", &b"\x06\x00"[..]),
        ("lengths that disagree", b"\x00\x05\x00\xfb\xff"),
        ("behind the front of the window", b"\x4b\x04\x12\x00"),
        ("a stored block cut short", b"\x00\x05\x00\xfa\xff\x48\x65"),
    ] {
        let (events, violation) = receive(&default(), &server_frame(FIN | RSV1 | BINARY, wire));
        assert_eq!((events.len(), violation), (0, broken), "{about}");
    }
    // The window of the message before is gone without takeover.
    let twice = bytes![0xC1, 7, b"\xf2\x48\xcd\xc9\xc9\x07\x00", 0xC1, 5, b"\xf2\x00\x11\x00\x00"];
    let (events, violation) = receive(&alone(), &twice);
    assert_eq!((events, violation), (vec![Message::from("Hello")], broken));
    // No payload at all is not what the RFC says (§7.2.3.6), but what zlib makes of a second empty
    // message in a row.
    let bytes =
        bytes![0xC2, 0, 0xC1, 1, 0, 0x41, 0, 0x80, 0, 0xC1, 7, b"\xf2\x48\xcd\xc9\xc9\x07\x00"];
    let expected = vec![Message::from(vec![]), "".into(), "".into(), "Hello".into()];
    assert_eq!(receive(&default(), &bytes), (expected, None));
    // Final blocks, many in one message, each a stream of its own.
    let finals = b"\xf3\x48\xcd\xc9\xc9\x07\x00".repeat(3);
    let wire = [&finals[..], &[0]].concat();
    assert_eq!(
        receive(&default(), &server_frame(FIN | RSV1 | TEXT, &wire)).0,
        [Message::from("HelloHelloHello")]
    );
    // A megabyte of empty blocks makes nothing, and ends.
    let wire = b"\x00\x00\x00\xff\xff".repeat(200_000);
    let mut bytes = server_frame(FIN | RSV1 | BINARY, [&wire[..], &[0]].concat());
    let mut connection = Connection::new(CLIENT, &default(), Instant::now());
    let mut input = &mut bytes[..];
    assert_eq!(connection.recv(&mut input, &mut Vec::new()), Ok(Some(Event::Binary(b""))));
}

/// What is short goes out as it is, and so does what would not shrink; the next message still works.
#[test]
fn sense() {
    let noise: Vec<u8> = {
        let mut random = Random::new(7);
        (0..5000).map(|_| random.below(256) as u8).collect()
    };
    let words = b"bowstring ".repeat(100);
    for (send, frugal) in [
        (context(true, 15), false),
        (context(true, 15), true),
        (context(false, 15), false),
        (context(true, 9), true),
    ] {
        let mut end = server(&pooled(config(send, send, 128), frugal));
        let mut out = Vec::new();
        for message in [&words[..100], &words, &noise, &words, &noise, &words] {
            end.feed(message, &mut out).unwrap();
        }
        let rsv1: Vec<bool> =
            legal_frames_with(&out, 0b100).iter().map(|frame| frame.rsv == 0b100).collect();
        assert_eq!(rsv1, [false, true, false, true, false, true], "{send:?}");
        let (events, violation) = receive(&config(send, send, 0), &out);
        assert_eq!(violation, None);
        let lens: Vec<_> = events.iter().map(|event| event.as_bytes().len()).collect();
        assert_eq!(lens, [100, 1000, 5000, 1000, 5000, 1000]);
    }
    // A window of 8 bits is agreed to, and kept by not compressing (RFC 7692 §6.1).
    let tiny = context(true, 8);
    let mut out = Vec::new();
    server(&config(tiny, tiny, 0)).feed(&words, &mut out).unwrap();
    assert_eq!(out, server_frame(FIN | BINARY, &words));
}

/// A kept window serves as well as a kept engine: the same again is almost nothing.
#[test]
fn a_window_is_enough_to_refer_back() {
    let words: String = (0..60u32).map(|n| format!("{} ", n * 7919)).collect();
    for bits in [9, 12, 15] {
        let keeps = context(true, bits);
        let sizes = [false, true].map(|frugal| {
            let mut end = server(&pooled(config(keeps, keeps, 0), frugal));
            [(); 3].map(|()| {
                let mut out = Vec::new();
                end.feed(&*words, &mut out).unwrap();
                out.len()
            })
        });
        let [engine, window] = sizes;
        assert_eq!(engine[0], window[0], "{bits}");
        // What the smallest window reaches is less than the message.
        if bits > 9 {
            assert!(window[2] < window[0] / 5, "{bits}: {window:?}");
        }
        assert!(window[2] <= engine[2] + engine[2] / 10, "{bits}: {window:?} {engine:?}");
    }
}

/// Messages of words, so that they shrink, and of anything, so that they do not.
fn messages() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let words = prop::collection::vec("[a-e]{1,4}", 0..300).prop_map(|w| w.concat().into_bytes());
    let noise = prop::collection::vec(any::<u8>(), 0..2000);
    prop::collection::vec(prop_oneof![3 => words, 1 => noise], 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is sent, whole or in parts, is received, whatever was agreed and however it is cut; and
    /// the engine in one shot, with no larger a window than agreed, reads the same.
    #[test]
    fn roundtrip(
        messages in messages(),
        takeover: bool,
        window_bits in 9..=15u8,
        level in 1..=9u8,
        frugal: (bool, bool),
        seed: u64,
    ) {
        let context = context(takeover, window_bits);
        let mut config = config(context, context, 0);
        if let Some(compression) = &mut config.compression {
            compression.level = level;
        }
        let mut random = Random::new(seed);
        let mut sender = server(&pooled(config, frugal.0));
        let mut wire = Vec::new();
        for message in &messages {
            if random.below(2) == 0 {
                sender.feed(message, &mut wire).unwrap();
            } else {
                for part in random.cut(message) {
                    sender.feed_part(part, false, &mut wire).unwrap();
                }
                sender.feed_part(&b""[..], true, &mut wire).unwrap();
            }
        }
        let config = pooled(config, frugal.1);
        for way in WAYS {
            let run = run(CLIENT, &config, way, random.cut(&wire));
            prop_assert_eq!(run.violation, None);
            let events: Vec<_> = run.events.iter().map(|event| event.as_bytes()).collect();
            prop_assert_eq!(&events, &messages);
        }

        let mut engine = Inflate::new(false, window_bits);
        let mut payload = Vec::new();
        let mut compressed = false;
        let mut sent = messages.iter();
        for frame in legal_frames_with(&wire, 0b100) {
            compressed |= frame.rsv == 0b100;
            payload.extend(frame.payload);
            if frame.fin {
                let payload = std::mem::take(&mut payload);
                let expected = sent.next().unwrap();
                if std::mem::take(&mut compressed) {
                    if !takeover {
                        engine = Inflate::new(false, window_bits);
                    }
                    prop_assert_eq!(&inflate(&mut engine, &payload, expected.len()), expected);
                } else {
                    prop_assert_eq!(&payload, expected);
                }
            }
        }
    }

    /// Anything at all: a verdict, within the limit, and no hang.
    #[test]
    fn any_bytes_keep_the_limit(wire in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut config = default();
        config.limits.max_message_size = 4096;
        let run = run(CLIENT, &config, Way::Recv, [&server_frame(FIN | RSV1 | BINARY, &wire)[..]]);
        prop_assert!(run.events.iter().all(|event| event.as_bytes().len() <= 4096));
        prop_assert_eq!(run.events.len(), usize::from(run.violation.is_none()));
    }
}

/// RFC 7692 §7.2.3.4: a final block ends a stream of DEFLATE, but not the window. An empty one does not
/// either.
#[test]
fn s15_the_window_is_kept_over_an_empty_final_block_in_every_mode() {
    let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
    let again = b"\xf2\x00\x11\x00\x00";
    let bytes = bytes![0xC1, 7, hello, 0xC1, 1, 1, 0xC1, 5, again];
    let expected = vec![Message::from("Hello"), "".into(), "Hello".into()];
    assert_eq!(receive(&default(), &bytes), (expected, None));
    // The same in one message, where messages stand alone as well; and final blocks that say something.
    let one = [&hello[..6], b"\x00\x00\x00\xff\xff\x01\x00\x00\xff\xff", again].concat();
    let two = b"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00";
    for config in [default(), alone()] {
        for wire in [&one[..], two] {
            let (events, violation) = receive(&config, &server_frame(FIN | RSV1 | TEXT, wire));
            assert_eq!((events, violation), (vec![Message::from("HelloHello")], None));
        }
    }
    // Not every sender begins another block after the final one.
    let bare = &two[..7];
    let frame = server_frame(FIN | RSV1 | TEXT, bare);
    let bytes = bytes![frame.clone(), frame, 0xC1, 5, again];
    let (events, violation) = receive(&default(), &bytes);
    assert_eq!((events, violation), (vec![Message::from("Hello"); 3], None));
}

/// Blocks of DEFLATE, written by hand: what an engine of ours would never make.
struct Blocks {
    out: Vec<u8>,
    bits: u32,
    free: u32,
}

impl Blocks {
    fn new() -> Self {
        Self { out: Vec::new(), bits: 0, free: 8 }
    }

    /// The lowest bit first (RFC 1951 §3.1.1).
    fn put(&mut self, value: u32, count: u32) {
        for at in 0..count {
            self.bits |= (value >> at & 1) << (8 - self.free);
            self.free -= 1;
            if self.free == 0 {
                self.align();
            }
        }
    }

    /// A Huffman code: the highest bit first.
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    fn align(&mut self) {
        if self.free < 8 {
            self.out.push(self.bits as u8);
            (self.bits, self.free) = (0, 8);
        }
    }

    fn stored(&mut self, last: bool, data: &[u8]) {
        self.put(u32::from(last), 3);
        self.align();
        let len = data.len() as u16;
        self.out.extend([len.to_le_bytes(), (!len).to_le_bytes()].concat());
        self.out.extend_from_slice(data);
    }

    /// One with fixed codes (RFC 1951 §3.2.6).
    fn fixed(&mut self, last: bool, symbols: &[Symbol]) {
        self.put(u32::from(last) | 1 << 1, 3);
        for symbol in symbols {
            match *symbol {
                Symbol::Literal(byte @ 0..=143) => self.code(0x30 + u32::from(byte), 8),
                Symbol::Literal(byte) => self.code(0x190 + u32::from(byte) - 144, 9),
                Symbol::Match { len, distance } => {
                    self.code(1 + len - 3, 7);
                    let far = distance - 1;
                    if far < 4 {
                        self.code(far, 5);
                    } else {
                        // RFC 1951 §3.2.5: two codes for each power of two.
                        let extra = far.ilog2() - 1;
                        self.code(2 * extra + (far >> extra), 5);
                        self.put(far & ((1 << extra) - 1), extra);
                    }
                }
            }
        }
        self.code(0, 7);
        if last {
            self.align();
        }
    }
}

#[derive(Clone, Copy)]
enum Symbol {
    Literal(u8),
    /// Of 3 to 10 bytes.
    Match {
        len: u32,
        distance: u32,
    },
}

/// Whatever blocks a peer makes, all modes of memory understand the same, and what it meant.
#[test]
fn s15_all_modes_agree_on_random_streams_of_blocks() {
    for seed in 0..if cfg!(miri) { 2 } else { 60 } {
        for takeover in [true, false] {
            let mut random = Random::new(seed);
            let (mut said, mut wire, mut expected) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..1 + random.below(6) {
                let start = if takeover { 0 } else { said.len() };
                let message = said.len();
                let mut blocks = Blocks::new();
                let mut ends_stream = false;
                for _ in 0..random.below(5) {
                    ends_stream = random.below(3) == 0;
                    if random.below(3) == 0 {
                        let len = [0, 1, 20, 300, 700, 1000, 3000, 40_000][random.below(8)];
                        let data: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
                        blocks.stored(ends_stream, &data);
                        said.extend(data);
                        continue;
                    }
                    let mut symbols = Vec::new();
                    for _ in 0..random.below(40) {
                        let reach = (said.len() - start).min(32_768);
                        if reach > 0 && random.below(2) == 0 {
                            let far = if random.below(2) == 0 { reach } else { reach.min(50) };
                            let distance = 1 + random.below(far) as u32;
                            let len = 3 + random.below(8) as u32;
                            symbols.push(Symbol::Match { len, distance });
                            for _ in 0..len {
                                said.push(said[said.len() - distance as usize]);
                            }
                        } else {
                            let byte = random.below(256) as u8;
                            symbols.push(Symbol::Literal(byte));
                            said.push(byte);
                        }
                    }
                    blocks.fixed(ends_stream, &symbols);
                }
                // The header of the empty block whose rest is left out; not every sender makes one after
                // a final block.
                if !ends_stream || random.below(2) == 0 {
                    blocks.put(0, 3);
                    blocks.align();
                }
                expected.push(Message::from(said[message..].to_vec()));
                wire.extend(server_frame(FIN | RSV1 | BINARY, &blocks.out));
            }
            let receives = context(takeover, 15);
            for pooled in [false, true] {
                let config = self::pooled(config(receives, receives, 0), pooled);
                for pieces in [5, 4096, wire.len()] {
                    let run = run(CLIENT, &config, Way::Recv, wire.chunks(pieces));
                    assert_eq!(run.violation, None, "{seed} {takeover} {pooled}");
                    assert!(run.events == expected, "{seed} {takeover} {pooled} {pieces}");
                }
            }
        }
    }
}

/// Copying the window costs far more than a final block does, which has but two bytes: it is copied so
/// often as a sender could mean well.
#[test]
fn s15_a_flood_of_final_blocks_copies_few_windows() {
    let noise: Vec<u8> = {
        let mut random = Random::new(7);
        (0..40_000).map(|_| random.below(256) as u8).collect()
    };
    for takeover in [true, false] {
        for finals in [15, 100_000] {
            let mut blocks = Blocks::new();
            blocks.stored(false, &noise);
            for _ in 0..finals {
                blocks.fixed(true, &[]);
            }
            let far = Symbol::Match { len: 3, distance: 32_768 };
            blocks.fixed(false, &[far]);
            blocks.put(0, 3);
            blocks.align();
            let receives = context(takeover, 15);
            let bytes = server_frame(FIN | RSV1 | BINARY, &blocks.out);
            let run = run(CLIENT, &config(receives, receives, 0), Way::Recv, [&bytes[..]]);
            // Of a few it is known what they refer back to; of the many only the first are.
            let violation = (finals > 15).then_some(Violation::InvalidDeflate);
            assert_eq!(run.violation, violation, "{finals}");
        }
    }
}
