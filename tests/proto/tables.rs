//! One table per section of RFC 6455, §5 to §8: bytes in, what must come of them.
//!
//! Bytes are written as a server sends them; for the server's role they are masked first. Every row
//! is run whole, cut in two at every byte, and byte by byte, through each of the three receiving
//! methods. The outcome must be the same each time: events, violation, and bytes out.

use crate::support::*;
use bowstring::proto::*;

struct Case {
    section: &'static str,
    about: &'static str,
    input: Vec<u8>,
    /// `None`: both, with the bytes masked for the server's; else the bytes as they are.
    role: Option<Role>,
    config: ProtocolConfig,
    events: Vec<Message>,
    /// Unmasked, but for the complaint about the violation.
    out: Vec<u8>,
    violation: Option<Violation>,
    /// Behind how many bytes (unmasked) the violation must be noticed, if not at their end.
    noticed: Option<usize>,
}

fn case(section: &'static str, about: &'static str, input: Vec<u8>) -> Case {
    Case {
        section,
        about,
        input,
        role: None,
        config: ProtocolConfig::default(),
        events: Vec::new(),
        out: Vec::new(),
        violation: None,
        noticed: None,
    }
}

impl Case {
    fn gives(mut self, message: impl Into<Message>) -> Self {
        self.events.push(message.into());
        self
    }
    fn sends(mut self, out: Vec<u8>) -> Self {
        self.out.extend(out);
        self
    }
    fn fails(mut self, violation: Violation) -> Self {
        self.violation = Some(violation);
        self
    }
    fn after(mut self, bytes: usize) -> Self {
        self.noticed = Some(bytes);
        self
    }
    fn only(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }
    fn with(mut self, change: impl FnOnce(&mut ProtocolConfig)) -> Self {
        change(&mut self.config);
        self
    }

    fn check(&self) {
        if let Some(violation) = self.violation {
            assert_eq!(
                violation.section(),
                format!("RFC 6455 §{}", self.section),
                "{}",
                self.about
            );
        }
        for role in BOTH {
            let input = match self.role {
                None => from_peer_of(role, &self.input),
                Some(only) if matches!(only, Role::Server) == matches!(role, Role::Server) => {
                    self.input.clone()
                }
                Some(_) => continue,
            };
            for way in WAYS {
                let at = format!("§{} {}, {role:?}, {way:?}", self.section, self.about);
                self.expect(role, run(role, &self.config, way, [&input[..]]), &at);
                for cut in cuts(input.len()) {
                    let (front, back) = input.split_at(cut);
                    let at = format!("{at}, cut at {cut}");
                    self.expect(role, run(role, &self.config, way, [front, back]), &at);
                }
                let mut slowly = Run::new(role, &self.config, way);
                for (i, byte) in input.iter().enumerate() {
                    slowly.feed(&[*byte]);
                    if let (Some(noticed), Role::Client(_)) = (self.noticed, role) {
                        let failed = slowly.violation.is_some();
                        assert_eq!(failed, i + 1 >= noticed, "{at}, after byte {}", i + 1);
                    }
                }
                self.expect(role, slowly, &format!("{at}, byte by byte"));
            }
        }
    }

    fn expect(&self, role: Role, run: Run, at: &str) {
        assert_eq!(run.events, self.events, "{at}");
        assert_eq!(run.violation, self.violation, "{at}");
        assert_eq!(run.connection.violation(), self.violation, "{at}");
        let mut out = self.out.clone();
        out.extend(self.violation.map(complaint).unwrap_or_default());
        if let Role::Client(_) = role {
            out = masked(&out);
        }
        assert_eq!(run.out, out, "{at}");
        legal_frames(&run.out);
    }
}

/// Every place to cut, or a choice of them where there are very many.
fn cuts(len: usize) -> Vec<usize> {
    if len <= 600 {
        return (1..len).step_by(if cfg!(miri) { 7 } else { 1 }).collect();
    }
    let mut random = Random::new(len as u64);
    (1..40).chain((0..20).map(|_| 1 + random.below(len - 1))).chain(len - 8..len).collect()
}

fn check(cases: impl IntoIterator<Item = Case>) {
    // Miri would take hours for what is long.
    for case in cases.into_iter().filter(|case| !cfg!(miri) || case.input.len() <= 200) {
        case.check();
    }
}

fn ping(payload: &str) -> Message {
    Message::Ping(payload.to_owned().into())
}

fn pong(payload: &str) -> Message {
    Message::Pong(payload.to_owned().into())
}

fn closed(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::new(code), reason: reason.into() }))
}

const NO_STATUS: Message = Message::Close(None);

#[test]
fn section_5_1_who_masks() {
    let hello = bytes![0x81, 5, "Hello"];
    check([
        case("5.1", "a server's frame", hello.clone()).only(CLIENT).gives("Hello"),
        case("5.1", "a client's frame", masked(&hello)).only(Role::Server).gives("Hello"),
        case("5.1", "a client's frame without a mask", hello)
            .only(Role::Server)
            .fails(Violation::UnmaskedFrame),
        case("5.1", "a server's frame with a mask", bytes![0x81, 0x85, &KEY])
            .only(CLIENT)
            .fails(Violation::MaskedFrame)
            .after(6),
        case("5.1", "a client's ping without a mask", bytes![0x89, 0])
            .only(Role::Server)
            .fails(Violation::UnmaskedFrame),
        case("5.1", "a server's ping with a mask", masked(&bytes![0x89, 1, "?"]))
            .only(CLIENT)
            .fails(Violation::MaskedFrame)
            .after(6),
        case("5.1", "a client's close without a mask", bytes![0x88, 2, 1000u16])
            .only(Role::Server)
            .fails(Violation::UnmaskedFrame),
        case("5.1", "a continuation without a mask", bytes![0x01, 0x81, 0, 0, 0, 0, "a", 0x80, 0])
            .only(Role::Server)
            .fails(Violation::UnmaskedFrame),
    ]);
}

#[test]
fn section_5_2_reserved_bits() {
    for rsv in 1..8 {
        for opcode in [0x1, 0x2, 0x8, 0x9, 0xA] {
            let input = bytes![0x81, 1, "a", i32::from(0x80 | rsv << 4 | opcode), 0, 0x81, 0];
            let failed = Violation::ReservedBits(rsv);
            case("5.2", "reserved bits", input).gives("a").fails(failed).after(5).check();
        }
        let input = bytes![0x01, 1, "a", i32::from(0x80 | rsv << 4), 1, "b"];
        case("5.2", "reserved bits on a continuation", input)
            .fails(Violation::ReservedBits(rsv))
            .after(5)
            .check();
    }
}

#[test]
fn section_5_2_reserved_opcodes() {
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        for fin in [0x80, 0x00] {
            let failed = Violation::ReservedOpcode(opcode);
            let input = bytes![i32::from(fin | opcode), 127, 1u64 << 40];
            case("5.2", "a reserved opcode", input).fails(failed).after(1).check();
            let input = bytes![0x01, 1, "a", i32::from(fin | opcode), 0];
            case("5.2", "one within a message", input).fails(failed).after(4).check();
        }
    }
}

#[test]
fn section_5_2_lengths() {
    let data = |len: usize| vec![b'*'; len];
    let text = |len: usize| "*".repeat(len);
    check([
        case("5.2", "0 bytes", bytes![0x82, 0]).gives(data(0)),
        case("5.2", "1 byte", bytes![0x82, 1, "*"]).gives(data(1)),
        case("5.2", "125 bytes", bytes![0x82, 125, data(125)]).gives(data(125)),
        case("5.2", "126 bytes", bytes![0x82, 126, 126u16, data(126)]).gives(data(126)),
        case("5.2", "127 bytes", bytes![0x81, 126, 127u16, data(127)]).gives(text(127)),
        case("5.2", "65,535 bytes", bytes![0x82, 126, 65_535u16, data(65_535)]).gives(data(65_535)),
        case("5.2", "65,536 bytes", bytes![0x81, 127, 65_536u64, data(65_536)]).gives(text(65_536)),
        case("5.2", "not all of a header", bytes![0x82, 127, 0, 0, 0]),
        case("5.2", "a header alone", bytes![0x82, 127, 65_536u64]),
        case("5.2", "the RFC's example: 124 in 16 bits", bytes![0x82, 126, 124u16, data(124)])
            .fails(Violation::LengthNotMinimal)
            .after(4),
        case("5.2", "0 in 16 bits", bytes![0x82, 126, 0u16])
            .fails(Violation::LengthNotMinimal)
            .after(4),
        case("5.2", "125 in 16 bits", bytes![0x81, 126, 125u16, data(125)])
            .fails(Violation::LengthNotMinimal)
            .after(4),
        case("5.2", "0 in 64 bits", bytes![0x82, 127, 0u64])
            .fails(Violation::LengthNotMinimal)
            .after(10),
        case("5.2", "126 in 64 bits", bytes![0x82, 127, 126u64, data(126)])
            .fails(Violation::LengthNotMinimal)
            .after(10),
        case("5.2", "65,535 in 64 bits", bytes![0x82, 127, 65_535u64])
            .fails(Violation::LengthNotMinimal)
            .after(10),
        case("5.2", "the highest bit", bytes![0x82, 127, 1u64 << 63])
            .fails(Violation::LengthTooLarge)
            .after(10),
        case("5.2", "all bits", bytes![0x82, 127, u64::MAX])
            .fails(Violation::LengthTooLarge)
            .after(10),
        case("5.2", "the highest bit on a continuation", bytes![2, 0, 0x80, 127, 1u64 << 63])
            .fails(Violation::LengthTooLarge)
            .after(12),
    ]);
}

#[test]
fn section_5_3_masks() {
    let hello = bytes![0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let mut cases = vec![
        case("5.3", "the RFC's example", hello).only(Role::Server).gives("Hello"),
        case("5.3", "a key of zeros", bytes![0x81, 0x85, 0, 0, 0, 0, "Hello"])
            .only(Role::Server)
            .gives("Hello"),
        case("5.3", "a key of ones", bytes![0x82, 0x82, 255, 255, 255, 255, 0xFF, 0x00])
            .only(Role::Server)
            .gives(vec![0x00, 0xFF]),
        case(
            "5.3",
            "another key on each frame",
            bytes![0x01, 0x82, 1, 2, 3, 4, b"\x49\x67", 0x80, 0x83, 5, 6, 7, 8, b"\x69\x6a\x68"],
        )
        .only(Role::Server)
        .gives("Hello"),
    ];
    // Every remainder of words, vectors and keys.
    for len in 0..70usize {
        let data: Vec<u8> = (0..len as u8).collect();
        let input = masked(&server_frame(FIN | BINARY, &data));
        cases.push(case("5.3", "any length", input).only(Role::Server).gives(data));
    }
    check(cases);
}

#[test]
fn section_5_4_fragments() {
    check([
        case("5.4", "two fragments", bytes![0x01, 3, "Hel", 0x80, 2, "lo"]).gives("Hello"),
        case("5.4", "three", bytes![0x02, 1, "a", 0x00, 1, "b", 0x80, 1, "c"])
            .gives(b"abc".to_vec()),
        case("5.4", "empty ones", bytes![0x01, 0, 0x00, 0, 0x80, 0]).gives(""),
        case("5.4", "empty binary ones", bytes![0x02, 0, 0x00, 0, 0x80, 0]).gives(vec![]),
        case("5.4", "an empty first", bytes![0x01, 0, 0x80, 1, "a"]).gives("a"),
        case("5.4", "an empty last", bytes![0x02, 1, "a", 0x80, 0]).gives(b"a".to_vec()),
        case("5.4", "an unfinished message", bytes![0x01, 3, "Hel"]),
        case("5.4", "a frame that is not all there", bytes![0x81, 5, "Hel"]),
        case("5.4", "a message behind another", bytes![0x01, 1, "a", 0x80, 1, "b", 0x82, 1, "c"])
            .gives("ab")
            .gives(b"c".to_vec()),
        case(
            "5.4",
            "control frames between fragments",
            bytes![0x01, 3, "Hel", 0x89, 1, "?", 0x8A, 0, 0x00, 1, "l", 0x89, 0, 0x80, 1, "o"],
        )
        .gives(ping("?"))
        .gives(pong(""))
        .gives(ping(""))
        .gives("Hello")
        .sends(bytes![0x8A, 1, "?", 0x8A, 0]),
        case("5.4", "a close between fragments", bytes![0x01, 1, "a", 0x88, 0, 0x80, 1, "b"])
            .gives(NO_STATUS)
            .sends(bytes![0x88, 0]),
        case("5.4", "a continuation of nothing", bytes![0x80, 1, "a"])
            .fails(Violation::UnexpectedContinuation)
            .after(2),
        case("5.4", "one without FIN", bytes![0x00, 0])
            .fails(Violation::UnexpectedContinuation)
            .after(2),
        case("5.4", "a continuation of a whole message", bytes![0x81, 1, "a", 0x80, 1, "b"])
            .gives("a")
            .fails(Violation::UnexpectedContinuation)
            .after(5),
        case("5.4", "one of a finished message", bytes![2, 0, 0x80, 0, 0x80, 0])
            .gives(vec![])
            .fails(Violation::UnexpectedContinuation)
            .after(6),
        case("5.4", "a text within a text", bytes![0x01, 1, "a", 0x81, 1, "b"])
            .fails(Violation::ExpectedContinuation)
            .after(5),
        case("5.4", "a binary within a text", bytes![0x01, 1, "a", 0x02, 1, "b"])
            .fails(Violation::ExpectedContinuation)
            .after(5),
        case("5.4", "a text within a binary", bytes![0x02, 0, 0x01, 0])
            .fails(Violation::ExpectedContinuation)
            .after(4),
        case("5.4", "a ping, then a text within a text", bytes![1, 0, 0x89, 0, 0x81, 0])
            .gives(ping(""))
            .sends(bytes![0x8A, 0])
            .fails(Violation::ExpectedContinuation)
            .after(6),
    ]);
}

#[test]
fn section_5_5_control_frames() {
    for opcode in [0x8, 0x9, 0xA] {
        let fin = 0x80 | opcode;
        check([
            case("5.5", "126 bytes", bytes![fin, 126, 126u16, vec![b'*'; 126]])
                .fails(Violation::LongControl)
                .after(4),
            case("5.5", "2^63 - 1 bytes", bytes![fin, 127, i64::MAX as u64])
                .fails(Violation::LongControl)
                .after(10),
            // §5.2 comes first: the length is told before it is judged.
            case("5.2", "a long form that could be shorter", bytes![fin, 126, 3u16])
                .fails(Violation::LengthNotMinimal)
                .after(4),
            case("5.2", "a masked one", bytes![fin, 0xFE, 2u16, 1, 2, 3, 4])
                .fails(Violation::LengthNotMinimal)
                .after(4),
            case("5.2", "the longest form that could be shorter", bytes![fin, 127, 65_535u64])
                .fails(Violation::LengthNotMinimal)
                .after(10),
            case("5.2", "2^63 bytes", bytes![fin, 127, 1u64 << 63])
                .fails(Violation::LengthTooLarge)
                .after(10),
            case("5.5", "without FIN", bytes![opcode, 0, 0x80, 0])
                .fails(Violation::FragmentedControl)
                .after(1),
            case("5.5", "without FIN, within a message", bytes![0x01, 1, "a", opcode, 1, "b"])
                .fails(Violation::FragmentedControl)
                .after(4),
        ]);
    }
}

#[test]
fn section_5_5_1_close() {
    let longest = "*".repeat(123);
    check([
        case("5.5.1", "no body", bytes![0x88, 0]).gives(NO_STATUS).sends(bytes![0x88, 0]),
        case("5.5.1", "a code", bytes![0x88, 2, 1000u16])
            .gives(closed(1000, ""))
            .sends(bytes![0x88, 2, 1000u16]),
        case("5.5.1", "a code and a reason", bytes![0x88, 7, 1001u16, "löst"])
            .gives(closed(1001, "löst"))
            .sends(bytes![0x88, 2, 1001u16]),
        case("5.5.1", "the longest reason", bytes![0x88, 125, 4999u16, &*longest])
            .gives(closed(4999, &longest))
            .sends(bytes![0x88, 2, 4999u16]),
        case("5.5.1", "data behind it", bytes![0x88, 2, 1000u16, 0x81, 1, "a", 0x89, 0])
            .gives(closed(1000, ""))
            .sends(bytes![0x88, 2, 1000u16]),
        case("5.5.1", "another behind it", bytes![0x88, 2, 1000u16, 0x88, 2, 1001u16])
            .gives(closed(1000, ""))
            .sends(bytes![0x88, 2, 1000u16]),
        case("5.5.1", "garbage behind it", bytes![0x88, 0, b"\xff\xff\xff\xff"])
            .gives(NO_STATUS)
            .sends(bytes![0x88, 0]),
        case("5.5.1", "a message before it", bytes![0x81, 1, "a", 0x88, 2, 3000u16])
            .gives("a")
            .gives(closed(3000, ""))
            .sends(bytes![0x88, 2, 3000u16]),
        case("5.5.1", "not all there", bytes![0x88, 5, 1000u16, "by"]),
        case("5.5.1", "half a code", bytes![0x88, 1, 3]).fails(Violation::ShortClose),
        case("5.5.1", "a reason that is no text", bytes![0x88, 4, 1000u16, b"\xc3\x28"])
            .fails(Violation::InvalidCloseReason),
        case("5.5.1", "half a character", bytes![0x88, 5, 1000u16, "a", b"\xe2\x82"])
            .fails(Violation::InvalidCloseReason),
        case("5.5.1", "a surrogate", bytes![0x88, 5, 1000u16, b"\xed\xa0\x80"])
            .fails(Violation::InvalidCloseReason),
    ]);
}

#[test]
fn section_5_5_2_ping() {
    let longest = "?".repeat(125);
    check([
        case("5.5.2", "an empty one", bytes![0x89, 0]).gives(ping("")).sends(bytes![0x8A, 0]),
        case("5.5.2", "the RFC's example", bytes![0x89, 5, "Hello"])
            .gives(ping("Hello"))
            .sends(bytes![0x8A, 5, "Hello"]),
        case("5.5.2", "the longest", bytes![0x89, 125, &*longest])
            .gives(ping(&longest))
            .sends(bytes![0x8A, 125, &*longest]),
        case("5.5.2", "bytes that are no text", bytes![0x89, 2, b"\xff\x00"])
            .gives(Message::Ping((&b"\xff\x00"[..]).into()))
            .sends(bytes![0x8A, 2, b"\xff\x00"]),
        case("5.5.2", "not all there", bytes![0x89, 5, "Hell"]),
        case("5.5.2", "none is answered behind a close", bytes![0x88, 0, 0x89, 1, "?"])
            .gives(NO_STATUS)
            .sends(bytes![0x88, 0]),
        case("5.5.2", "before a close it is", bytes![0x89, 1, "?", 0x88, 0])
            .gives(ping("?"))
            .gives(NO_STATUS)
            .sends(bytes![0x8A, 1, "?", 0x88, 0]),
    ]);
}

/// What came before a violation was legal, and gets its answer.
#[test]
fn section_5_5_2_ping_before_a_violation() {
    case("5.2", "a ping before it", bytes![0x89, 1, "?", 0x83, 0])
        .gives(ping("?"))
        .sends(bytes![0x8A, 1, "?"])
        .fails(Violation::ReservedOpcode(3))
        .check();
}

#[test]
fn section_5_5_3_pong() {
    check([
        case("5.5.3", "unasked", bytes![0x8A, 1, "!"]).gives(pong("!")),
        case("5.5.3", "one for each ping", bytes![0x89, 1, "a", 0x89, 1, "b", 0x89, 1, "c"])
            .gives(ping("a"))
            .gives(ping("b"))
            .gives(ping("c"))
            .sends(bytes![0x8A, 1, "a", 0x8A, 1, "b", 0x8A, 1, "c"]),
    ]);
}

#[test]
fn section_5_6_data_frames() {
    let anything: Vec<u8> = (0..=255).rev().collect();
    check([
        case("5.6", "text", bytes![0x81, 15, "κόσμε 🏹"]).gives("κόσμε 🏹"),
        case("5.6", "binary need not be text", bytes![0x82, 126, 256u16, anything.clone()])
            .gives(anything),
        case("5.6", "binary in pieces", bytes![0x02, 1, b"\xf0", 0x80, 1, b"\xff"])
            .gives(vec![0xf0, 0xff]),
        case("5.6", "half characters in fragments", bytes![0x01, 1, b"\xc3", 0x80, 1, b"\xa9"])
            .gives("é"),
    ]);
}

#[test]
fn section_5_7_the_examples() {
    let data: Vec<u8> = (0..=255).collect();
    check([
        case("5.7", "unmasked text", bytes![0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f])
            .only(CLIENT)
            .gives("Hello"),
        case(
            "5.7",
            "masked pong",
            bytes![0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
        )
        .only(Role::Server)
        .gives(pong("Hello")),
        case("5.7", "256 bytes", bytes![0x82, 0x7E, 0x01, 0x00, data.clone()])
            .only(CLIENT)
            .gives(data.clone()),
        case("5.7", "64 KiB", bytes![0x82, 0x7F, 65_536u64, data.repeat(256)])
            .only(CLIENT)
            .gives(data.repeat(256)),
    ]);
}

/// §6.1: what is sent, octet by octet.
#[test]
fn section_6_1_sending() {
    let long = "*".repeat(126);
    type Send = fn(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>;
    let rows: Vec<(&str, Send, Vec<u8>)> = vec![
        ("text", |c, out| c.feed("Hello", out), bytes![0x81, 5, "Hello"]),
        ("binary", |c, out| c.feed(b"\xff\x00", out), bytes![0x82, 2, b"\xff\x00"]),
        ("empty", |c, out| c.feed("", out), bytes![0x81, 0]),
        ("16 bits", |c, out| c.feed("*".repeat(126), out), bytes![0x81, 126, 126u16, &*long]),
        (
            "64 bits",
            |c, out| c.feed(vec![b'*'; 65_536], out),
            bytes![0x82, 127, 65_536u64, vec![b'*'; 65_536]],
        ),
        ("ping", |c, out| c.feed(Event::Ping(b"?"), out), bytes![0x89, 1, "?"]),
        ("pong", |c, out| c.feed(Event::Pong(b"!"), out), bytes![0x8A, 1, "!"]),
        ("close", |c, out| c.feed(Event::Close(None), out), bytes![0x88, 0]),
        (
            "close with a reason",
            |c, out| c.feed(Close { code: CloseCode::GOING_AWAY, reason: "bye" }, out),
            bytes![0x88, 5, 1001u16, "bye"],
        ),
        (
            "parts",
            |c, out| {
                c.feed_part("a", false, out)?;
                c.feed_part("", false, out)?;
                c.feed(Event::Ping(b""), out)?;
                c.feed_part(Event::Pong(b""), false, out)?;
                c.feed_part("b", true, out)?;
                c.feed_part(b"c", true, out)?;
                c.feed_part(b"d", false, out)?;
                c.feed_part(b"", true, out)
            },
            bytes![
                0x01, 1, "a", 0x00, 0, 0x89, 0, 0x8A, 0, 0x80, 1, "b", 0x82, 1, "c", 0x02, 1, "d",
                0x80, 0,
            ],
        ),
        (
            "a close frame between parts, and nothing behind it",
            |c, out| {
                c.feed_part("a", false, out)?;
                c.feed(Event::Close(None), out)?;
                assert_eq!(c.feed_part("b", true, out), Err(Misuse::Closed));
                c.feed(Event::Close(None), out)
            },
            bytes![0x01, 1, "a", 0x88, 0],
        ),
    ];
    for (about, send, expected) in rows {
        for role in BOTH {
            let mut run = Run::new(role, &ProtocolConfig::default(), Way::Recv);
            assert_eq!(send(&mut run.connection, &mut run.out), Ok(()), "{about}");
            // A client's peer is a server: what it reads is masked.
            let peer = if let Role::Server = role { CLIENT } else { Role::Server };
            assert_eq!(run.out, from_peer_of(peer, &expected), "{about}, {role:?}");
        }
    }
}

/// §6.1: what is refused, and leaves no trace.
#[test]
fn section_6_1_misuse() {
    type Send = fn(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>;
    const TOO_LONG: &[u8; 126] = &[b'*'; 126];
    let too_long = Misuse::LongControl { len: 126 };
    let rows: [(Send, Send, Misuse); 12] = [
        (|_, _| Ok(()), |c, out| c.feed(Event::Ping(TOO_LONG), out), too_long),
        (|_, _| Ok(()), |c, out| c.feed(Event::Pong(TOO_LONG), out), too_long),
        (|_, _| Ok(()), |c, out| c.feed_part(Event::Ping(TOO_LONG), true, out), too_long),
        (
            |_, _| Ok(()),
            |c, out| {
                let reason = &"*".repeat(124);
                c.feed(Close { code: CloseCode::NORMAL, reason }, out)
            },
            too_long,
        ),
        (
            |_, _| Ok(()),
            |c, out| c.feed(Close { code: CloseCode::NO_STATUS, reason: "" }, out),
            Misuse::InvalidCloseCode(1005),
        ),
        (|c, out| c.feed_part("a", false, out), |c, out| c.feed("b", out), Misuse::Unfinished),
        (|c, out| c.feed_part("a", false, out), |c, out| c.feed(b"b", out), Misuse::Unfinished),
        (
            |c, out| c.feed_part("a", false, out),
            |c, out| c.feed_part(b"b", true, out),
            Misuse::KindChanged,
        ),
        (
            |c, out| c.feed_part(b"a", false, out),
            |c, out| c.feed_part("b", false, out),
            Misuse::KindChanged,
        ),
        (|c, out| c.feed(Event::Close(None), out), |c, out| c.feed("a", out), Misuse::Closed),
        (
            |c, out| c.feed(Event::Close(None), out),
            |c, out| c.feed(Event::Ping(b""), out),
            Misuse::Closed,
        ),
        (
            |c, out| c.feed(Event::Close(None), out),
            |c, out| c.feed_part("a", true, out),
            Misuse::Closed,
        ),
    ];
    for (i, (before, send, misuse)) in rows.into_iter().enumerate() {
        for role in BOTH {
            let mut run = Run::new(role, &ProtocolConfig::default(), Way::Recv);
            assert_eq!(before(&mut run.connection, &mut run.out), Ok(()), "row {i}");
            let trace = run.out.clone();
            let state = run.connection.state();
            assert_eq!(send(&mut run.connection, &mut run.out), Err(misuse), "row {i}");
            assert_eq!(run.out, trace, "row {i}");
            assert_eq!(run.connection.state(), state, "row {i}");
        }
    }
}

#[test]
fn section_6_2_receiving() {
    check([
        case("6.2", "nothing", bytes![]),
        case("6.2", "messages in order", bytes![0x81, 1, "a", 0x82, 1, "b", 0x81, 0])
            .gives("a")
            .gives(b"b".to_vec())
            .gives(""),
        case("6.2", "a type per message", bytes![1, 1, "a", 0x80, 1, "b", 2, 1, "c", 0x80, 0])
            .gives("ab")
            .gives(b"c".to_vec()),
    ]);
}

/// §7.1.7: the first violation ends everything, whatever follows it.
#[test]
fn section_7_1_7_failing() {
    check([
        case("5.2", "messages before it arrive", bytes![0x81, 1, "a", 0x83, 0, 0x81, 1, "b"])
            .gives("a")
            .fails(Violation::ReservedOpcode(3))
            .after(4),
        case("5.4", "a close behind it is not read", bytes![0x80, 0, 0x88, 2, 1000u16])
            .fails(Violation::UnexpectedContinuation),
        case("5.5", "nor another violation", bytes![0x09, 0, 0x83, 0])
            .fails(Violation::FragmentedControl),
        case("8.1", "an unfinished message is lost", bytes![0x01, 1, "a", 0x00, 1, b"\xff"])
            .fails(Violation::InvalidUtf8 { offset: 1 }),
    ]);
}

#[test]
fn section_7_4_codes() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
        .into_iter()
        .chain([3000, 3999, 4000, 4999])
    {
        let input = bytes![0x88, 4, code as u16, "ok"];
        let out = bytes![0x88, 2, code as u16];
        case("7.4", "legal", input).gives(closed(code as u16, "ok")).sends(out).check();
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let input = bytes![0x88, 2, code as u16];
        case("7.4", "illegal", input).fails(Violation::InvalidCloseCode(code as u16)).check();
    }
    // The code is looked at before the reason.
    case("7.4", "both wrong", bytes![0x88, 3, 999u16, b"\xff"])
        .fails(Violation::InvalidCloseCode(999))
        .check();
}

#[test]
fn section_7_4_1_kinds_of_data() {
    let no_text = |config: &mut ProtocolConfig| config.limits.accept_text = false;
    let no_binary = |config: &mut ProtocolConfig| config.limits.accept_binary = false;
    check([
        case("7.4.1", "text refused", bytes![0x81, 1, "a"])
            .with(no_text)
            .fails(Violation::UnwantedText)
            .after(2),
        case("7.4.1", "text refused by its first fragment", bytes![0x01, 0])
            .with(no_text)
            .fails(Violation::UnwantedText),
        case("7.4.1", "binary refused", bytes![0x82, 127, 1u64 << 40])
            .with(no_binary)
            .fails(Violation::UnwantedBinary),
        case("7.4.1", "the other kind", bytes![0x02, 1, "a", 0x80, 1, "b", 0x89, 0])
            .with(no_text)
            .gives(b"ab".to_vec())
            .gives(ping(""))
            .sends(bytes![0x8A, 0]),
        case("7.4.1", "and the other", bytes![0x01, 1, "a", 0x80, 1, "b"])
            .with(no_binary)
            .gives("ab"),
    ]);
    assert_eq!(Violation::UnwantedText.code(), 1003);
    assert_eq!(Violation::UnwantedBinary.code(), 1003);
}

#[test]
fn section_8_1_utf8() {
    // What is good, what is bad behind it, and how much of that it takes to know.
    let rows: [(&str, &[u8], usize); 17] = [
        ("", b"\x80", 1),
        ("", b"\xbf", 1),
        ("ok", b"\xc0\xaf", 1),
        ("ok", b"\xc1\xbf", 1),
        ("ok", b"\xe0\x80\xaf", 2),
        ("ok", b"\xe0\x9f\xbf", 2),
        ("ok", b"\xf0\x80\x80\xaf", 2),
        ("ok", b"\xf0\x8f\xbf\xbf", 2),
        ("κόσμε", b"\xed\xa0\x80edited", 2),
        ("", b"\xed\xbf\xbf", 2),
        ("", b"\xf4\x90\x80\x80", 2),
        ("", b"\xf5\x80\x80\x80", 1),
        ("", b"\xf8\x88\x80\x80\x80", 1),
        ("", b"\xfe", 1),
        ("🏹", b"\xf0\x9f\x8f ", 4),
        ("é", b"\xc3a", 2),
        ("é", b"\xe2\x82\xff", 3),
    ];
    for (good, bad, enough) in rows {
        let (len, all) = (good.len(), good.len() + bad.len());
        let failed = Violation::InvalidUtf8 { offset: len as u64 };
        check([
            case("8.1", "one frame", bytes![0x81, all as i32, good, bad.to_vec()]).fails(failed),
            // Inside an unfinished frame, as soon as the byte is there.
            case("8.1", "an unfinished frame", bytes![0x81, 100, good, bad.to_vec()])
                .fails(failed)
                .after(2 + len + enough),
            case("8.1", "an unfinished message", bytes![1, len as i32, good, 0, 90, bad.to_vec()])
                .fails(failed)
                .after(4 + len + enough),
            case("8.1", "a long text", bytes![0x81, 127, 70_000u64, good, bad.to_vec()])
                .fails(failed)
                .after(10 + len + enough),
        ]);
    }
    for half in ["é", "€", "🏹"] {
        for cut in 1..half.len() {
            let half = half.as_bytes()[..cut].to_vec();
            let failed = Violation::InvalidUtf8 { offset: 1 };
            let len = half.len() as i32;
            check([
                case("8.1", "half a character", bytes![0x81, 1 + len, "a", half.clone()])
                    .fails(failed),
                case("8.1", "at the end of fragments", bytes![1, 1, "a", 0x80, len, half.clone()])
                    .fails(failed),
                case("8.1", "an empty last fragment", bytes![1, 1 + len, "a", half, 0x80, 0])
                    .fails(failed),
            ]);
        }
    }
    // Every boundary of the encoding is legal text.
    let edges = "\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\u{10ffff}";
    let long = edges.repeat(5);
    check([
        case("8.1", "edges", bytes![0x81, edges.len() as i32, edges]).gives(edges),
        case("8.1", "edges, long", bytes![0x81, 126, long.len() as u16, &*long]).gives(long),
    ]);
    let mut fragments = vec![];
    for (i, byte) in edges.bytes().enumerate() {
        fragments.extend(bytes![if i == 0 { 1 } else { 0 }, 1, i32::from(byte)]);
        fragments.extend(bytes![0x89, 0]);
    }
    let run = run(CLIENT, &ProtocolConfig::default(), Way::Recv, [&*bytes![fragments, 0x80, 0]]);
    assert_eq!(run.events.last(), Some(&Message::from(edges)));
}

#[test]
fn section_10_4_limits() {
    let limits = |message, frame, fragments| {
        move |config: &mut ProtocolConfig| {
            config.limits.max_message_size = message;
            config.limits.max_frame_size = frame;
            config.limits.max_fragments = fragments;
        }
    };
    let message_of = |len, limit| Violation::MessageTooLarge { len, limit };
    let frame_of = |len, limit| Violation::FrameTooLarge { len, limit };
    check([
        case("10.4", "a message at the limit", bytes![0x81, 3, "abc"])
            .with(limits(3, None, 9))
            .gives("abc"),
        case("10.4", "past it, by its header", bytes![0x81, 4])
            .with(limits(3, None, 9))
            .fails(message_of(4, 3)),
        case("10.4", "2^63 - 1 bytes", bytes![0x82, 127, i64::MAX as u64])
            .with(limits(3, None, 9))
            .fails(message_of(i64::MAX as u64, 3)),
        case("10.4", "fragments up to it", bytes![0x02, 2, "ab", 0x80, 1, "c"])
            .with(limits(3, None, 9))
            .gives(b"abc".to_vec()),
        case("10.4", "fragments past it", bytes![0x02, 2, "ab", 0x00, 2])
            .with(limits(3, None, 9))
            .fails(message_of(4, 3)),
        case("10.4", "each message for itself", bytes![0x81, 3, "abc", 1, 3, "def", 0x80, 0])
            .with(limits(3, None, 9))
            .gives("abc")
            .gives("def"),
        case("10.4", "control frames do not count", bytes![1, 1, "a", 0x8A, 2, "!!", 0x80, 0])
            .with(limits(1, Some(1), 2))
            .gives(pong("!!"))
            .gives("a"),
        case("10.4", "no data at all", bytes![0x82, 0, 0x82, 1])
            .with(limits(0, None, 9))
            .gives(vec![])
            .fails(message_of(1, 0)),
        case("10.4", "a frame at its limit", bytes![0x02, 2, "ab", 0x80, 2, "cd"])
            .with(limits(9, Some(2), 9))
            .gives(b"abcd".to_vec()),
        case("10.4", "a frame past it", bytes![0x02, 2, "ab", 0x80, 3])
            .with(limits(9, Some(2), 9))
            .fails(frame_of(3, 2)),
        case("10.4", "fragments as many as may be", bytes![2, 0, 0, 0, 0x80, 1, "a"])
            .with(limits(9, None, 3))
            .gives(b"a".to_vec()),
        case("10.4", "each message for itself", bytes![2, 0, 0x80, 0, 1, 0, 0x80, 0, 0x81, 0])
            .with(limits(9, None, 2))
            .gives(vec![])
            .gives("")
            .gives(""),
        case("10.4", "one too many", bytes![2, 0, 0, 0, 0, 0, 0x80, 0])
            .with(limits(9, None, 3))
            .fails(Violation::TooManyFragments { limit: 3 })
            .after(8),
    ]);
    assert_eq!(message_of(4, 3).code(), 1009);
    assert_eq!(frame_of(4, 3).code(), 1009);
    assert_eq!(Violation::TooManyFragments { limit: 3 }.code(), 1008);
}

/// Every violation that exists, with its code (§7.4.1) and its section.
#[test]
fn codes_and_sections() {
    let rows = [
        (Violation::ReservedBits(1), 1002, "5.2"),
        (Violation::ReservedOpcode(3), 1002, "5.2"),
        (Violation::UnmaskedFrame, 1002, "5.1"),
        (Violation::MaskedFrame, 1002, "5.1"),
        (Violation::LengthNotMinimal, 1002, "5.2"),
        (Violation::LengthTooLarge, 1002, "5.2"),
        (Violation::LongControl, 1002, "5.5"),
        (Violation::FragmentedControl, 1002, "5.5"),
        (Violation::UnexpectedContinuation, 1002, "5.4"),
        (Violation::ExpectedContinuation, 1002, "5.4"),
        (Violation::InvalidUtf8 { offset: 0 }, 1007, "8.1"),
        (Violation::ShortClose, 1002, "5.5.1"),
        (Violation::InvalidCloseCode(1005), 1002, "7.4"),
        (Violation::InvalidCloseReason, 1007, "5.5.1"),
        (Violation::FrameTooLarge { len: 2, limit: 1 }, 1009, "10.4"),
        (Violation::MessageTooLarge { len: 2, limit: 1 }, 1009, "10.4"),
        (Violation::TooManyFragments { limit: 1 }, 1008, "10.4"),
        (Violation::UnwantedText, 1003, "7.4.1"),
        (Violation::UnwantedBinary, 1003, "7.4.1"),
    ];
    for (violation, code, section) in rows {
        assert_eq!(violation.code(), code, "{violation}");
        assert_eq!(violation.section(), format!("RFC 6455 §{section}"), "{violation}");
    }
}
