//! What the tests share: frames as literals, a second, naive reading of §5.2 to check ours against,
//! and a runner that feeds a connection in pieces the way its documentation asks for.

#![allow(dead_code, unreachable_pub, unused_macros, unused_imports)] // No test uses all of it.

use std::time::Instant;

use bowstring::proto::*;

/// Bytes from numbers, strings, byte strings, and `u16`s and `u64`s in network byte order:
/// `bytes![0x88, 5, 1000u16, "bye"]`.
macro_rules! bytes {
    ($($item:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut bytes: Vec<u8> = Vec::new();
        $($crate::support::Literal::put($item, &mut bytes);)*
        bytes
    }};
}
pub(crate) use bytes;

pub trait Literal {
    fn put(self, bytes: &mut Vec<u8>);
}

impl Literal for i32 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::try_from(self).expect("a byte"));
    }
}

impl Literal for u16 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }
}

impl Literal for u64 {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_be_bytes());
    }
}

impl Literal for &str {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.as_bytes());
    }
}

impl<const N: usize> Literal for &[u8; N] {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self);
    }
}

impl Literal for Vec<u8> {
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self);
    }
}

/// A server needs no mask, so everything is written as a server's; the client's key is this.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const CLIENT: Role = Role::Client(|| KEY);
pub const BOTH: [Role; 2] = [CLIENT, Role::Server];

/// What a peer of `role` sends for `stream`, which is written as a server would send it.
pub fn from_peer_of(role: Role, stream: &[u8]) -> Vec<u8> {
    match role {
        Role::Client(_) => stream.to_vec(),
        Role::Server => masked(stream),
    }
}

/// The same frames with masks; illegal and unfinished ones too, as far as they go.
pub fn masked(mut stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, ..] = *stream {
        if second & 0x80 != 0 {
            break; // Garbage stays what it is.
        }
        let extended = [0, 2, 8][[126, 127].iter().position(|l| *l == second).map_or(0, |i| i + 1)];
        let header = 2 + extended;
        out.extend([first, second | 0x80]);
        if stream.len() < header {
            out.extend(&stream[2..]);
            return out;
        }
        out.extend(&stream[2..header]);
        out.extend(KEY);
        let len = match extended {
            0 => u64::from(second),
            _ => stream[2..header].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(stream.len() - header);
        let payload = &stream[header..header + len];
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ KEY[i % 4]));
        stream = &stream[header + len..];
    }
    out.extend(stream);
    out
}

/// A frame as the naive reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    pub rsv: u8,
    pub opcode: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

/// Reads whole frames, octet by octet as §5.2 draws them, and insists on everything a sender owes:
/// no reserved bits or opcodes, shortest lengths, legal control frames and fragments, whole frames,
/// nothing behind a close frame.
pub fn frames(bytes: &[u8]) -> Vec<Frame> {
    frames_with(bytes, 0)
}

/// The same where the first frame of a message may set these reserved bits.
pub fn frames_with(mut bytes: &[u8], allowed: u8) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut under_way = false;
    while !bytes.is_empty() {
        assert!(frames.last().is_none_or(|last| last.opcode != 8), "a frame behind a close frame");
        let fin = bytes[0] >= 0x80;
        let opcode = bytes[0] & 0x0f;
        let rsv = bytes[0] >> 4 & 0x7;
        let allowed = if opcode == 1 || opcode == 2 { allowed } else { 0 };
        assert_eq!(rsv & !allowed, 0, "reserved bits");
        let masked = bytes[1] >= 0x80;
        let (mut len, mut at) = (usize::from(bytes[1] & 0x7f), 2);
        if len == 126 {
            len = usize::from(bytes[2]) << 8 | usize::from(bytes[3]);
            at = 4;
            assert!(len >= 126, "not the shortest form");
        } else if len == 127 {
            len = bytes[2..10].iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
            at = 10;
            assert!(len >= 65_536, "not the shortest form");
        }
        let mut key = [0; 4];
        if masked {
            key.copy_from_slice(&bytes[at..at + 4]);
            at += 4;
        }
        let payload: Vec<u8> =
            bytes[at..at + len].iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect();
        match opcode {
            8..=10 => assert!(fin && len <= 125, "an illegal control frame"),
            0 => assert!(std::mem::replace(&mut under_way, !fin), "nothing to continue"),
            1 | 2 => assert!(!std::mem::replace(&mut under_way, !fin), "a message in another"),
            _ => panic!("opcode {opcode}"),
        }
        if opcode == 8 {
            assert_ne!(len, 1, "half a close code");
            if len >= 2 {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                assert!(CloseCode::new(code).may_be_sent(), "close code {code}");
                std::str::from_utf8(&payload[2..]).expect("a reason in UTF-8");
            }
        }
        frames.push(Frame { fin, rsv, opcode, masked, payload });
        bytes = &bytes[at + len..];
    }
    frames
}

/// Writes one frame octet by octet, as a server.
pub fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        len @ 0..126 => bytes.push(len as u8),
        len @ 126..65_536 => bytes.extend([126, (len >> 8) as u8, len as u8]),
        len => {
            bytes.push(127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// The frame that tells the peer of a violation, unmasked.
pub fn complaint(violation: Violation) -> Vec<u8> {
    let reason = violation.to_string();
    bytes![0x88, 2 + reason.len() as i32, violation.code().get(), &*reason]
}

/// Which of the three receiving methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Recv,
    Message,
    Part,
}

pub const WAYS: [Way; 3] = [Way::Recv, Way::Message, Way::Part];

/// A connection and what went in and out of it.
pub struct Run {
    pub connection: Connection,
    way: Way,
    /// What `recv` left, as its documentation asks for.
    left: Vec<u8>,
    /// The message of which parts have come.
    joined: Option<Message>,
    pub events: Vec<Message>,
    pub violation: Option<Violation>,
    pub out: Vec<u8>,
}

impl Run {
    pub fn new(role: Role, config: &ProtocolConfig, way: Way) -> Self {
        Self {
            connection: Connection::new(role, config, Instant::now()),
            way,
            left: Vec::new(),
            joined: None,
            events: Vec::new(),
            violation: None,
            out: Vec::new(),
        }
    }

    /// Feeds a piece, takes all events, and keeps what is left.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut buffer = std::mem::take(&mut self.left);
        buffer.extend(piece);
        let mut input = &mut buffer[..];
        loop {
            match self.step(&mut input) {
                Ok(true) => {}
                Ok(false) => break,
                Err(violation) => {
                    assert!(self.violation.is_none_or(|before| before == violation), "not sticky");
                    self.violation = Some(violation);
                    self.connection.settle(&mut self.out);
                    return;
                }
            }
        }
        assert!(self.violation.is_none(), "a violation was forgotten");
        assert!(input.len() <= 130, "{} bytes were left", input.len());
        self.left = input.to_vec();
        self.connection.settle(&mut self.out);
    }

    /// One call; whether it gave something.
    fn step(&mut self, input: &mut &mut [u8]) -> Result<bool, Violation> {
        match self.way {
            Way::Recv => match self.connection.recv(input, &mut self.out)? {
                None => return Ok(false),
                Some(event) => self.events.push(event.into()),
            },
            Way::Message => match self.connection.recv_message(input, &mut self.out)? {
                None => return Ok(false),
                Some(message) => self.events.push(message),
            },
            Way::Part => {
                let Some(Part { event, fin }) = self.connection.recv_part(input, &mut self.out)?
                else {
                    return Ok(false);
                };
                if event.is_control() {
                    assert!(fin, "a control frame in parts");
                    self.events.push(event.into());
                    return Ok(true);
                }
                assert!(fin || !Message::from(event).as_bytes().is_empty(), "an empty part");
                let joined = match (self.joined.take(), event) {
                    (None, first) => first.into(),
                    (Some(Message::Text(text)), Event::Text(more)) => {
                        Message::text(format!("{text}{more}"))
                    }
                    (Some(Message::Binary(data)), Event::Binary(more)) => {
                        Message::binary([&data, more].concat())
                    }
                    (before, part) => panic!("{part:?} goes on with {before:?}"),
                };
                if fin {
                    self.events.push(joined);
                } else {
                    self.joined = Some(joined);
                }
            }
        }
        Ok(true)
    }
}

/// A run from beginning to end.
pub fn run<'a>(
    role: Role,
    config: &ProtocolConfig,
    way: Way,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Run {
    let mut run = Run::new(role, config, way);
    for piece in pieces {
        run.feed(piece);
    }
    run
}

/// xorshift64*: a deterministic source of cuts and choices.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    /// Cuts `bytes` in pieces, of which many are tiny.
    pub fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let most = [1, 3, 20, 300, usize::MAX][self.roll(5)].min(bytes.len());
            let (piece, rest) = bytes.split_at(1 + self.roll(most));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
