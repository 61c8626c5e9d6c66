//! The attacks that end in the sans-I/O core, each under its number: what a hostile peer sends, what
//! must come of it, and how much memory it may cost. Heap bytes are counted by the allocator, per
//! thread and around every call, so each test sees just what its connection keeps.

mod support;

use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use bowstring::proto::*;
use support::*;

const KIB: i64 = 1 << 10;
const MIB: usize = 1 << 20;
/// How much less of an attack a debug build gets: `cargo test --release` has it in full.
const LESS: usize = if cfg!(debug_assertions) { 50 } else { 1 };

fn config(max_message_size: usize) -> ProtocolConfig {
    let mut config = ProtocolConfig::default();
    config.limits.max_message_size = max_message_size;
    config
}

/// A connection, and what it keeps: how the heap has grown and shrunk *within* calls of `recv` and
/// of `settle`, so that the test's own buffers do not count.
struct Victim {
    connection: Connection,
    out: Vec<u8>,
    kept: i64,
    most: i64,
    allocations: u64,
}

impl Victim {
    fn new(role: Role, config: &ProtocolConfig) -> Self {
        let connection = Connection::new(role, config, Instant::now());
        Self { connection, out: Vec::new(), kept: 0, most: 0, allocations: 0 }
    }

    /// Feeds bytes that end where a frame does; how many events they gave.
    fn feed(&mut self, bytes: &mut [u8]) -> Result<usize, Violation> {
        let mut input = bytes;
        let mut events = 0;
        loop {
            let Self { connection, out, .. } = self;
            let mut more = Ok(false);
            let heap = measure(|| more = connection.recv(&mut input, out).map(|e| e.is_some()));
            self.count(heap);
            if !more? {
                return Ok(events);
            }
            events += 1;
        }
    }

    fn settle(&mut self) {
        let Self { connection, out, .. } = self;
        let heap = measure(|| connection.queue_replies(out));
        self.count(heap);
    }

    fn count(&mut self, heap: AllocationInfo) {
        self.allocations += heap.count_total;
        self.kept += heap.bytes_current;
        self.most = self.most.max(self.kept);
    }
}

/// Each declares more than is allowed, and sends ten bytes of it.
#[test]
fn s01_declared_huge_length() {
    for role in BOTH {
        for len in [MIB as u64 + 1, 1 << 30, 1 << 31, 1 << 32, (1 << 32) + 5, i64::MAX as u64] {
            let mut bytes = from_peer_of(role, &bytes![0x82, 127, len, "ten bytes."]);
            let header = bytes.len() - 10;
            let mut victim = Victim::new(role, &config(MIB));
            let error = Violation::MessageTooLarge { len, limit: MIB };
            // Before any of the payload is there.
            assert_eq!(victim.feed(&mut bytes[..header]), Err(error));
            assert_eq!(error.code(), 1009);
            assert!(victim.most < 4 * KIB, "{} bytes", victim.most);
        }
        // What is allowed is not believed either: memory comes with the bytes.
        for opcode in [1, 2] {
            let mut victim = Victim::new(role, &config(usize::MAX));
            let mut bytes =
                from_peer_of(role, &bytes![0x80 | opcode, 127, i64::MAX as u64, "ten bytes."]);
            assert_eq!(victim.feed(&mut bytes), unlimited(i64::MAX as u64));
            assert!(victim.most < 4 * KIB, "{} bytes", victim.most);
        }
    }
}

#[test]
fn s02_most_significant_bit_of_a_length() {
    for role in BOTH {
        for len in [1 << 63, (1 << 63) + 5, u64::MAX] {
            for first in [0x81, 0x82, 0x01] {
                let mut victim = Victim::new(role, &config(usize::MAX));
                let mut bytes = from_peer_of(role, &bytes![first, 127, len]);
                assert_eq!(victim.feed(&mut bytes), Err(Violation::LengthTooLarge));
                assert!(victim.most < 4 * KIB);
            }
        }
    }
}

#[test]
fn s03_lengths_that_are_not_minimal() {
    for role in BOTH {
        for long in 0..126 {
            let mut victim = Victim::new(role, &ProtocolConfig::default());
            let mut bytes = from_peer_of(role, &bytes![0x82, 126, long as u16]);
            assert_eq!(victim.feed(&mut bytes), Err(Violation::LengthNotMinimal));
        }
        for longer in [0, 5, 125, 126, 65_534, 65_535] {
            let mut victim = Victim::new(role, &ProtocolConfig::default());
            let mut bytes = from_peer_of(role, &bytes![0x81, 127, longer as u64]);
            assert_eq!(victim.feed(&mut bytes), Err(Violation::LengthNotMinimal));
        }
    }
}

/// What becomes of a message of so many bytes under the largest limit: it is taken, unless no memory of
/// this system can hold it.
fn unlimited(len: u64) -> Result<usize, Violation> {
    let limit = usize::MAX;
    if len > limit as u64 { Err(Violation::MessageTooLarge { len, limit }) } else { Ok(0) }
}

/// Sums that wrap. A `usize` of 32 bits cannot hold these lengths at all: they are compared as `u64`
/// before anything is made a `usize`, so a limit of 2^32 - 1 there is checked here by its number.
#[test]
fn s04_length_arithmetic() {
    for role in BOTH {
        for limit in [16, MIB, i32::MAX as usize, u32::MAX as usize, i64::MAX as usize, usize::MAX]
        {
            let first = limit.min(15) as u64;
            for second in [
                u64::from(u32::MAX) - 10,
                u64::from(u32::MAX) + 1 - first,
                1 << 32,
                i64::MAX as u64 - first,
                i64::MAX as u64,
            ] {
                let mut victim = Victim::new(role, &config(limit));
                let begin = bytes![0x02, first as i32, vec![b'*'; first as usize]];
                let mut begin = from_peer_of(role, &begin);
                assert_eq!(victim.feed(&mut begin), Ok(0));
                let mut go_on = from_peer_of(role, &bytes![0x80, 127, second, "ten bytes."]);
                let len = first + second;
                let expected = if len > limit as u64 {
                    Err(Violation::MessageTooLarge { len, limit })
                } else {
                    Ok(0)
                };
                assert_eq!(victim.feed(&mut go_on), expected, "{limit} {second}");
                assert!(victim.most < 4 * KIB);
            }
            // Two of the longest frames pass 2^64: the sum must not come out small.
            let mut victim = Victim::new(role, &config(usize::MAX));
            let mut frames = bytes![0x02, 1, "*"];
            frames.extend(bytes![0x00, 127, i64::MAX as u64]);
            let len = i64::MAX as u64 + 1;
            assert_eq!(victim.feed(&mut from_peer_of(role, &frames)), unlimited(len));
        }
    }
}

/// 4 M fragments of a byte, never the last: at most as much is kept as the limit on fragments says.
#[test]
fn s05_tiny_fragments() {
    for role in BOTH {
        for opcode in [1, 2] {
            let mut victim = Victim::new(role, &ProtocolConfig::default());
            let limit = Limits::default().max_fragments as usize;
            let fragment = from_peer_of(role, &bytes![0x00, 1, "*"]);
            victim.feed(&mut from_peer_of(role, &bytes![opcode, 0])).unwrap();
            let mut block = fragment.repeat(1 << 10);
            let mut blocks = 0;
            let failed = loop {
                block.copy_from_slice(&fragment.repeat(1 << 10));
                if let Err(violation) = victim.feed(&mut block) {
                    break violation;
                }
                blocks += 1;
                assert!(blocks <= (4 << 20) >> 10);
                // Twice the payload and no objects per fragment.
                let kept = victim.kept;
                assert!(kept <= 2 * (blocks << 10) + KIB, "{kept} after {blocks} blocks");
            };
            assert_eq!(failed, Violation::TooManyFragments { limit: limit as u32 });
            assert_eq!(blocks as usize, (limit - 1) >> 10);
        }
        // Autobahn 9.3.1: 64 KiB in fragments of a byte is no attack.
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        let stream =
            [server_frame(BINARY, b"*"), server_frame(CONTINUATION, b"*").repeat(65_534)].concat();
        let stream = [stream, server_frame(FIN | CONTINUATION, b"*")].concat();
        assert_eq!(victim.feed(&mut from_peer_of(role, &stream)), Ok(1));
    }
}

/// 10 M fragments of nothing: refused with 1008 at the limit, and until then they cost nothing.
#[test]
fn s06_empty_fragments() {
    for role in BOTH {
        let empty = from_peer_of(role, &bytes![0x00, 0]).repeat(1 << 10);
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        victim.feed(&mut from_peer_of(role, &bytes![0x01, 0])).unwrap();
        let mut block = empty.clone();
        let mut fragments = 1;
        let failed = loop {
            block.copy_from_slice(&empty);
            match victim.feed(&mut block) {
                Ok(events) => assert_eq!(events, 0),
                Err(violation) => break violation,
            }
            fragments += 1 << 10;
            assert!(fragments < 10_000_000);
        };
        assert_eq!(failed, Violation::TooManyFragments { limit: 1 << 17 });
        assert_eq!(failed.code(), 1008);
        assert!(victim.most < 64 * KIB, "{} bytes", victim.most);

        // With no limit on them it is constant memory.
        let mut lenient = ProtocolConfig::default();
        lenient.limits.max_fragments = u32::MAX;
        for opcode in [1, 2] {
            victim = Victim::new(role, &lenient);
            victim.feed(&mut from_peer_of(role, &bytes![opcode, 0])).unwrap();
            for _ in 0..10_000 / LESS {
                block.copy_from_slice(&empty);
                assert_eq!(victim.feed(&mut block), Ok(0));
            }
            assert!(victim.most < KIB, "{} bytes", victim.most);
        }
    }
}

/// Fragments without end: refused by the header of the one that passes the limit; and what is kept
/// never takes more room than the limit.
#[test]
fn s07_unbounded_continuation() {
    for role in BOTH {
        for (opcode, size) in [(1, 1000), (2, 1000), (1, 100_000), (2, 1 << 16), (2, MIB - 1)] {
            let fragment = from_peer_of(role, &server_frame(CONTINUATION, vec![b'*'; size]));
            let mut block = fragment.clone();
            let mut victim = Victim::new(role, &config(MIB));
            victim.feed(&mut from_peer_of(role, &bytes![opcode, 0])).unwrap();
            let mut len = 0;
            let failed = loop {
                block.copy_from_slice(&fragment);
                if let Err(violation) = victim.feed(&mut block) {
                    break violation;
                }
                len += size as u64;
            };
            let len = len + size as u64;
            assert_eq!(failed, Violation::MessageTooLarge { len, limit: MIB });
            assert!(len > MIB as u64 && len - size as u64 <= MIB as u64);
            assert!(victim.most <= MIB as i64 + KIB, "{} bytes", victim.most);
            // Nothing of it is kept behind the violation.
            assert!(victim.kept < KIB, "{} bytes", victim.kept);
        }
    }
}

/// One frame as long as may be, in pieces of a byte: memory follows what has arrived.
#[test]
fn s08_memory_follows_what_arrives() {
    for role in BOTH {
        for opcode in [1, 2] {
            let size = if cfg!(debug_assertions) { MIB / 4 } else { MIB };
            let mut bytes = from_peer_of(role, &server_frame(FIN | opcode, vec![b'*'; size]));
            let header = bytes.len() - size;
            let mut victim = Victim::new(role, &config(MIB));
            victim.feed(&mut bytes[..header]).unwrap();
            for (i, byte) in bytes[header..].chunks_mut(1).enumerate() {
                let events = victim.feed(byte).unwrap();
                assert_eq!(events, usize::from(i + 1 == size));
                // A string keeps room for the four bytes of one character more.
                let most = (2 * (i + 1)).min(size) + 256;
                assert!(victim.kept <= most as i64, "{} after {} bytes", victim.kept, i + 1);
            }
            // The message was lent and is given back; it moved a few times, not at each piece.
            // The thread keeps the buffer of a large binary message for the next.
            let thread = if opcode == 2 { size as i64 } else { 0 };
            assert!(victim.kept < 256 + thread);
            assert!(victim.allocations < 64, "{} allocations", victim.allocations);
        }
        // A thousand connections half way.
        let part =
            from_peer_of(role, &server_frame(FIN | BINARY, vec![b'*'; MIB]))[..1000].to_vec();
        let mut victims: Vec<_> = (0..1000).map(|_| Victim::new(role, &config(MIB))).collect();
        for victim in &mut victims {
            assert_eq!(victim.feed(&mut part.clone()), Ok(0));
            assert!(victim.kept <= 2 * 1000);
        }
    }
}

/// 256 MiB of pings at a peer that never reads: `out` is never drained. The newest is answered once
/// there is room.
#[test]
fn s09_ping_flood_with_a_stalled_reader() {
    for role in BOTH {
        let mut victim = Victim::new(role, &config(MIB));
        let ping =
            |n: u32| from_peer_of(role, &server_frame(FIN | PING, format!("{n:0125}").as_bytes()));
        let flood = ping(7).repeat(8 << 10);
        let mut block = flood.clone();
        let times = (256 << 20) / flood.len() / LESS;
        for _ in 0..times {
            block.copy_from_slice(&flood);
            victim.feed(&mut block).unwrap();
        }
        victim.feed(&mut ping(8)).unwrap();
        victim.settle();
        assert!(victim.most <= 64 * KIB, "{} bytes", victim.most);
        assert!(victim.out.len() <= 20 << 10, "{} bytes framed", victim.out.len());
        assert!(legal_frames(&victim.out).len() > 1);
        victim.out.clear();
        victim.settle();
        let newest = legal_frames(&victim.out).pop().unwrap();
        assert_eq!((newest.opcode, newest.payload), (0xA, format!("{:0125}", 8).into_bytes()));
    }
}

/// 2 KiB of pings may wait, each with a byte for its length: all of them are answered. With one more only
/// the newest is (§5.5.3).
#[test]
fn s09_so_many_pings_wait_and_no_more() {
    for (last, answered) in [(31, 17), (32, 1)] {
        let mut receiver = Receiver::new(CLIENT, Limits::default());
        let ping = |len: usize| server_frame(FIN | PING, vec![b'?'; len]);
        let mut pings = [ping(125).repeat(16), ping(last)].concat();
        let mut input = &mut *pings;
        while receiver.recv(&mut input).unwrap().is_some() {}
        let mut out = Vec::new();
        Sender::new(Role::Server).queue_replies(receiver.replies(), &mut out);
        let pongs = legal_frames(&out);
        assert_eq!(pongs.len(), answered);
        assert_eq!(pongs[answered - 1].payload.len(), last);
    }
}

/// §5.5.3: a pong has the payload of its ping. What the peer sends on its own is no answer, and an
/// answer is told once.
#[test]
fn only_a_pong_with_the_pings_own_payload_is_its_answer() {
    let now = Instant::now();
    let mut lifecycle = Lifecycle::new(CLIENT, &ProtocolConfig::default(), now);
    lifecycle.note_ping(*b"own!", now);
    for (payload, answers) in [
        ("", false),
        ("Own!", false),
        ("own", false),
        ("own!!", false),
        ("own!", true),
        ("own!", false),
    ] {
        let receiver = lifecycle.receiver_mut();
        receiver.recv(&mut &mut *server_frame(FIN | PONG, payload.as_bytes())).unwrap();
        assert_eq!(receiver.take_pong(), answers, "{payload}");
        assert!(!receiver.take_pong());
    }
}

/// A peer that reads, but slower than we write, gets its pongs all the same.
#[test]
fn s09_a_busy_sender_still_answers() {
    for role in BOTH {
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        let mut answered = 0;
        for n in 0..100u8 {
            // 32 KiB to 64 KiB wait all the time.
            while victim.out.len() < 48 << 10 {
                victim.connection.feed(vec![n; 8 << 10], &mut victim.out).unwrap();
            }
            victim.feed(&mut from_peer_of(role, &bytes![0x89, 1, i32::from(n)])).unwrap();
            victim.settle();
            // The transport takes the oldest frames.
            let all = legal_frames(&victim.out);
            let (gone, kept) = all.split_at(2);
            answered += gone.iter().filter(|frame| frame.opcode == 0xA).count();
            let kept: Vec<u8> =
                kept.iter().flat_map(|f| server_frame(f.first(), &f.payload)).collect();
            let peer = if let Role::Server = role { CLIENT } else { Role::Server };
            victim.out = from_peer_of(peer, &kept);
            victim.connection.note_written();
        }
        assert!(answered > 80, "{answered} pongs for 100 pings");
    }
}

/// With 16 KiB waiting a pong goes behind them, and the next when some of what waits has gone: which less
/// of it shows, or who writes says.
#[test]
fn s09_when_pongs_have_room() {
    let (mut server, start) = (Sender::new(Role::Server), 16 << 10);
    let mut receiver = Receiver::new(CLIENT, Limits::default());
    let mut answers = |server: &mut Sender, waiting: usize| {
        receiver.recv(&mut &mut *bytes![0x89, 1, "?"]).unwrap();
        let mut out = vec![0; waiting];
        server.queue_replies(receiver.replies(), &mut out);
        let answers = !receiver.replies().is_empty() || out.len() > waiting;
        assert!(answers, "it is owed, or it is there");
        out.len() > waiting
    };
    // While little waits all are answered, and so is the first when it is much.
    for waiting in [0, 0, start - 4, start + 1000] {
        assert!(answers(&mut server, waiting), "{waiting}");
    }
    assert!(!answers(&mut server, start + 1003));
    assert!(!answers(&mut server, start + 5000));
    server.note_written();
    assert!(answers(&mut server, start + 5000), "something has gone");
    assert!(!answers(&mut server, start + 6000));
    assert!(answers(&mut server, start + 4000), "it is less");
    // To the byte: this pong is the last for which there is room.
    let mut server = Sender::new(Role::Server);
    assert!(answers(&mut server, start - 3));
    assert!(!answers(&mut server, start));
}

/// However much waits: once the peer has closed, pongs have no later chance.
#[test]
fn s09_a_close_frame_brings_the_pongs_with_it() {
    for role in BOTH {
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        victim.connection.feed(vec![7; 100 << 10], &mut victim.out).unwrap();
        let waiting = legal_frames(&victim.out).len();
        for n in 0..3u8 {
            victim.feed(&mut from_peer_of(role, &bytes![0x89, 1, i32::from(n)])).unwrap();
            victim.settle();
        }
        assert_eq!(legal_frames(&victim.out).len() - waiting, 1, "there is room for no more");
        victim.feed(&mut from_peer_of(role, &bytes![0x89, 4, b"last", 0x88, 0])).unwrap();
        victim.settle();
        let said = legal_frames(&victim.out);
        let [.., pong, close] = &said[waiting..] else { panic!("{} frames", said.len()) };
        assert_eq!((pong.opcode, &pong.payload[..]), (0xA, &b"last"[..]));
        assert_eq!((close.opcode, close.payload.len()), (8, 0));
        assert_eq!(said.len() - waiting, 5, "a pong for each, and the close frame");
    }
}

/// 10 M unasked pongs, and data behind a close frame: ignored, nothing kept, nothing said.
#[test]
fn s10_unasked_pongs_and_data_behind_a_close() {
    for role in BOTH {
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        let pongs = from_peer_of(role, &bytes![0x8A, 4, "pong"]).repeat(1 << 10);
        let mut block = pongs.clone();
        for _ in 0..10_000 / LESS {
            block.copy_from_slice(&pongs);
            assert_eq!(victim.feed(&mut block), Ok(1 << 10));
        }
        assert!(victim.out.is_empty());
        victim.feed(&mut from_peer_of(role, &bytes![0x01, 3, "abc", 0x88, 0])).unwrap();
        victim.settle();
        assert!(victim.connection.is_clean());
        let said = victim.out.clone();
        let data = from_peer_of(role, &bytes![0x81, 4, "data"]).repeat(1 << 10);
        for _ in 0..50_000 / LESS {
            assert_eq!(victim.feed(&mut data.clone()), Ok(0));
        }
        assert!(victim.most < 4 * KIB, "{} bytes", victim.most);
        assert_eq!(victim.out, said);
    }
}

/// Nothing that is reserved gets as far as its length.
#[test]
fn s16_reserved_bits_and_opcodes() {
    for role in BOTH {
        for first in 0..=u8::MAX {
            let opcode = first & 0xF;
            let mut victim = Victim::new(role, &config(usize::MAX));
            let mut bytes = from_peer_of(role, &bytes![i32::from(first), 127, 1u64 << 40, "ten"]);
            let fed = victim.feed(&mut bytes);
            let expected = match opcode {
                3..=7 | 11..=15 => Err(Violation::ReservedOpcode(opcode)),
                8..=10 if first < 0x80 => Err(Violation::FragmentedControl),
                8..=10 => Err(Violation::LongControl),
                _ if first & 0x70 != 0 => Err(Violation::ReservedBits(first >> 4 & 7)),
                0 => Err(Violation::UnexpectedContinuation),
                _ => unlimited(1 << 40),
            };
            assert_eq!(fed, expected, "{first:#x}");
            assert!(victim.most < 4 * KIB);
        }
    }
}

/// A ping between fragments is answered at once, while the message is still under way.
#[test]
fn s17_control_frames() {
    for role in BOTH {
        let mut victim = Victim::new(role, &ProtocolConfig::default());
        let stream = bytes![0x01, 3, "abc", 0x89, 2, "hi", 0x00, 3, "def"];
        assert_eq!(victim.feed(&mut from_peer_of(role, &stream)), Ok(1));
        let said = legal_frames(&victim.out);
        assert_eq!((said.len(), said[0].opcode, &*said[0].payload), (1, 0xA, &b"hi"[..]));
        let broken = [
            (bytes![0x89, 126, 126u16], Violation::LongControl),
            (bytes![0x09, 0], Violation::FragmentedControl),
            (bytes![0x88, 1, 3], Violation::ShortClose),
            (bytes![0x88, 3, 1000u16, 0xFF], Violation::InvalidCloseReason),
        ];
        let codes = [999, 1004, 1005, 1006, 1015, 2999, 5000];
        let codes = codes.map(|code| (bytes![0x88, 2, code], Violation::InvalidCloseCode(code)));
        for (stream, violation) in broken.into_iter().chain(codes) {
            victim = Victim::new(role, &ProtocolConfig::default());
            assert_eq!(victim.feed(&mut from_peer_of(role, &stream)), Err(violation));
            // §7.3.6 of Autobahn: the peer is told, not echoed.
            let said = legal_frames(&victim.out);
            assert_eq!(said[0].payload[..2], violation.code().get().to_be_bytes());
        }
    }
}

/// A bad byte anywhere in a long text that comes in frames of a byte fails at that byte.
#[test]
fn s18_utf8_fails_fast() {
    let text = "aß가🏹".repeat(20_000);
    for role in BOTH {
        for at in [0, 1, 2, 3, 9, 4711, 65_535, 65_536, 199_999] {
            let mut config = ProtocolConfig::default();
            config.limits.max_fragments = 1 << 20;
            let mut victim = Victim::new(role, &config);
            let mut random = Random::new(at as u64);
            let last = bytes![0, 1, 0xFF];
            for (i, byte) in text.as_bytes()[..at].iter().enumerate() {
                let opcode = i32::from(i == 0);
                let fragment = from_peer_of(role, &bytes![opcode, 1, i32::from(*byte)]);
                assert_eq!(victim.feed(&mut { fragment }), Ok(0));
                // Control frames do not disturb half a character.
                if random.below(50) == 0 {
                    victim.feed(&mut from_peer_of(role, &bytes![0x8A, 1, 0xFF])).unwrap();
                }
            }
            let last = if at == 0 { bytes![1, 1, 0xFF] } else { last };
            let good = std::str::from_utf8(&text.as_bytes()[..at]);
            let offset = good.map_or_else(|error| error.valid_up_to(), str::len) as u64;
            let failed = victim.feed(&mut from_peer_of(role, &last));
            assert_eq!(failed, Err(Violation::InvalidUtf8 { offset }));
        }
    }
}

/// Half a character and then silence: the timers run on.
#[test]
fn s18_half_a_character_then_silence() {
    for role in BOTH {
        let start = Instant::now();
        let mut config = ProtocolConfig::default();
        config.timeouts.keep_alive = Some(Duration::from_secs(20));
        let mut connection = Connection::new(role, &config, start);
        let mut out = Vec::new();
        let mut bytes = from_peer_of(role, &bytes![0x81, 3, b"\xe2\x82"]);
        assert_eq!(connection.recv(&mut &mut bytes[..], &mut out), Ok(None));
        connection.note_received();
        let at = connection.poll_timeout(start).unwrap();
        connection.handle_timeout(at, &mut out).unwrap();
        assert_eq!(legal_frames(&out)[0].opcode, 9);
        let at = connection.poll_timeout(at).unwrap();
        out.clear();
        assert_eq!(connection.handle_timeout(at, &mut out), Err(Expired::Pong));
        assert_eq!(at, start + Duration::from_secs(40));
    }
}

#[test]
fn s19_mask_rules() {
    for opcode in [0x81, 0x82, 0x89, 0x8A, 0x88] {
        let plain = bytes![opcode, 2, 1000u16];
        for way in WAYS {
            let config = ProtocolConfig::default();
            let server = run(Role::Server, &config, way, [&*plain]);
            assert_eq!(server.violation, Some(Violation::UnmaskedFrame));
            let client = run(CLIENT, &config, way, [&*masked(&plain)]);
            assert_eq!(client.violation, Some(Violation::MaskedFrame));
        }
    }
    let zero = bytes![0x81, 0x82, 0, 0, 0, 0, "ok"];
    let server = run(Role::Server, &ProtocolConfig::default(), Way::Recv, [&*zero]);
    assert_eq!(server.events, [Message::text("ok")]);
}

/// A connection with a keep-alive of 20 s and 10 s for the pong, and the buffer of its socket, whose
/// peer says nothing and takes `rate` bytes a second; in which second the peer is given up.
fn given_up(role: Role, rate: usize, said: usize) -> Option<u32> {
    let second = Duration::from_secs(1);
    let start = Instant::now();
    let mut config = ProtocolConfig::default();
    config.timeouts.keep_alive = Some(20 * second);
    config.timeouts.pong = 10 * second;
    let mut connection = Connection::new(role, &config, start);
    let (mut out, mut buffered, mut full) = (Vec::new(), 0_usize, false);
    (1..120).find(|n| {
        let now = start + *n * second;
        if connection.handle_timeout(now, &mut out).is_err() {
            return true;
        }
        if out.is_empty() {
            connection.feed(vec![b'*'; said], &mut out).unwrap();
        }
        buffered = buffered.saturating_sub(rate);
        let took = out.len().min((64 << 10) - buffered);
        buffered += took;
        out.drain(..took);
        if full && took > 0 {
            connection.note_written();
        }
        full = !out.is_empty();
        connection.poll_timeout(now);
        false
    })
}

/// A peer that is gone while we keep talking into the socket's buffer is found out in time; one that
/// is only slow is not given up.
#[test]
fn s34_half_open_while_sending() {
    for role in BOTH {
        assert_eq!(given_up(role, 0, 10), Some(30));
        assert_eq!(given_up(role, 0, 16 << 10), Some(30));
        assert_eq!(given_up(role, 1000, 16 << 10), None);
    }
}

/// §7.1.1: our close frame is not answered, whether the peer is silent or talks on and on.
#[test]
fn s35_close_not_answered() {
    let second = Duration::from_secs(1);
    for role in BOTH {
        for talks in [false, true] {
            let start = Instant::now();
            let mut victim = Victim::new(role, &ProtocolConfig::default());
            let close = Close { code: CloseCode::NORMAL, reason: "" };
            victim.connection.feed(close, &mut victim.out).unwrap();
            assert_eq!(victim.connection.poll_timeout(start), Some(start + 5 * second));
            for n in 0..5 {
                let now = start + n * second;
                if talks {
                    victim.connection.note_received();
                    victim.connection.note_written();
                    let data = from_peer_of(role, &bytes![0x81, 1, "a", 0x89, 0]);
                    assert_eq!(victim.feed(&mut { data }), Ok(2));
                }
                assert_eq!(victim.connection.handle_timeout(now, &mut victim.out), Ok(()));
                assert_eq!(victim.connection.poll_timeout(now), Some(start + 5 * second));
            }
            let late = start + 5 * second;
            let expired = victim.connection.handle_timeout(late, &mut victim.out);
            assert_eq!(expired, Err(Expired::Close));
            assert_eq!(victim.connection.state(), State::Closed);
            assert_eq!(victim.connection.poll_timeout(late), None);
            assert_eq!(legal_frames(&victim.out).len(), 1);
        }
    }
}
