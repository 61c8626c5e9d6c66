//! Frames as bytes (RFC 6455 §5.2): written, read, and checked.
//!
//! Writers take the *first byte* of a frame: FIN, the reserved bits and the opcode. So they also write
//! what no peer may send.
//!
//! ```
//! use bowstring_testing::frames::*;
//!
//! assert_eq!(server_frame(FIN | TEXT, "Hello"), b"\x81\x05Hello");
//! let bytes = client_frame(FIN | TEXT, "Hello");
//! let (frame, len) = Frame::parse(&bytes).unwrap();
//! assert_eq!((frame.opcode, &*frame.payload, len), (TEXT, &b"Hello"[..], bytes.len()));
//! ```

use std::fmt;

/// The bit in the first byte that says: this frame is the last of its message.
pub const FIN: u8 = 0x80;
/// The reserved bit that says: this message is compressed (RFC 7692 §6).
pub const RSV1: u8 = 0x40;

/// Opcode of a frame that continues a message.
pub const CONTINUATION: u8 = 0;
/// Opcode of a text frame.
pub const TEXT: u8 = 1;
/// Opcode of a binary frame.
pub const BINARY: u8 = 2;
/// Opcode of a close frame.
pub const CLOSE: u8 = 8;
/// Opcode of a ping.
pub const PING: u8 = 9;
/// Opcode of a pong.
pub const PONG: u8 = 10;

/// The masking key of every frame that [`client_frame`] writes: the one in §5.7.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Masks a payload, or takes its mask off (§5.3).
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}

/// The header of a frame, with the shortest form of its length.
pub fn header(first: u8, key: Option<[u8; 4]>, len: u64) -> Vec<u8> {
    match len {
        0..=125 => header_with(first, key, len as u8, &[]),
        126..=0xffff => header_with(first, key, 126, &(len as u16).to_be_bytes()),
        _ => header_with(first, key, 127, &len.to_be_bytes()),
    }
}

/// The header of a frame, with any form of its length: the seven bits, and the bytes after them.
pub fn header_with(first: u8, key: Option<[u8; 4]>, short: u8, long: &[u8]) -> Vec<u8> {
    let bit = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first, bit | short];
    bytes.extend_from_slice(long);
    bytes.extend(key.iter().flatten());
    bytes
}

/// A frame under this key, or under none.
pub fn frame(first: u8, key: Option<[u8; 4]>, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = header(first, key, payload.len() as u64);
    let at = bytes.len();
    bytes.extend_from_slice(payload);
    mask(&mut bytes[at..], key.unwrap_or_default());
    bytes
}

/// A frame as a client sends it, under [`KEY`].
pub fn client_frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, Some(KEY), payload)
}

/// A frame as a server sends it.
pub fn server_frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, None, payload)
}

/// The frames of a message in these pieces, as a server sends them. `first` has the opcode of the
/// message and its reserved bits. No pieces are one empty frame.
pub fn fragments(first: u8, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = pieces.len().saturating_sub(1);
    let pieces = if pieces.is_empty() { &[&[][..]] } else { pieces };
    let frame = |(i, piece): (usize, &&[u8])| {
        let first = if i == 0 { first } else { CONTINUATION };
        server_frame(if i == last { FIN | first } else { first }, piece)
    };
    pieces.iter().enumerate().map(frame).collect()
}

/// The payload of a close frame with a code (§5.5.1).
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A close frame with a code, as a client sends it.
pub fn client_close(code: u16, reason: &str) -> Vec<u8> {
    client_frame(FIN | CLOSE, close_payload(code, reason))
}

/// The same frames as a client sends them, from what a server sends. Illegal and unfinished frames
/// are masked too, as far as they go.
pub fn masked(mut stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, ..] = *stream {
        if second & 0x80 != 0 {
            break; // Garbage stays what it is.
        }
        let header = 2 + match second {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some((long, rest)) = stream[2..].split_at_checked(header - 2) else {
            out.extend([first, second | 0x80]);
            out.extend(&stream[2..]);
            return out;
        };
        out.extend(header_with(first, Some(KEY), second, long));
        let len = match long {
            [] => u64::from(second),
            _ => long.iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
        let (payload, rest) = rest.split_at(len);
        let at = out.len();
        out.extend(payload);
        mask(&mut out[at..], KEY);
        stream = rest;
    }
    out.extend(stream);
    out
}

/// A frame that was read, its mask taken off.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits, as a number: 4 is RSV1.
    pub rsv: u8,
    /// What it is.
    pub opcode: u8,
    /// The masking key, if it had one.
    pub key: Option<[u8; 4]>,
    /// The payload in clear.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The frame at the front of `bytes` and its length on the wire, if it is there as a whole. Any
    /// reserved bit, opcode and form of the length will do.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest) = match second & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len).into(), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (len.into(), rest),
        };
        let (key, rest) = if second & 0x80 != 0 {
            let (key, rest) = rest.split_first_chunk()?;
            (Some(*key), rest)
        } else {
            (None, rest)
        };
        let len = usize::try_from(len).ok()?;
        let mut payload = rest.get(..len)?.to_vec();
        mask(&mut payload, key.unwrap_or_default());
        let (fin, rsv, opcode) = (first & FIN != 0, first >> 4 & 7, first & 0xf);
        Some((Self { fin, rsv, opcode, key, payload }, bytes.len() - rest.len() + len))
    }

    /// Its first byte: FIN, the reserved bits and the opcode.
    pub fn first(&self) -> u8 {
        u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode
    }

    /// Whether it was masked, as a client's frames are.
    pub fn is_masked(&self) -> bool {
        self.key.is_some()
    }

    /// The code of a close frame that has one.
    #[track_caller]
    pub fn code(&self) -> u16 {
        assert_eq!(self.first(), FIN | CLOSE, "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fin, rsv, opcode, key, payload } = self;
        let start = payload[..payload.len().min(40)].escape_ascii();
        let fin = if *fin { " fin" } else { "" };
        let masked = if key.is_some() { " masked" } else { "" };
        write!(f, "<{opcode:X}{fin}{masked} rsv {rsv:03b}, {} bytes: {start}>", payload.len())
    }
}

/// The whole frames at the front of `bytes`, and what is left. They have no reserved bit or opcode.
#[track_caller]
pub fn parse_frames(bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let (frames, rest) = any_frames(bytes);
    for frame in &frames {
        let known = matches!(frame.opcode, 0..=2 | 8..=10);
        assert!(known && frame.rsv == 0, "a reserved bit or opcode: {frame:?}");
    }
    (frames, rest)
}

fn any_frames(bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((frame, len)) = Frame::parse(rest) {
        frames.push(frame);
        rest = &rest[len..];
    }
    (frames, rest)
}

/// Reads frames and insists on every rule for a sender: whole frames, no reserved bit or opcode, the
/// shortest form of each length. Control frames, fragments and close codes must be legal, and nothing
/// may follow a close frame.
#[track_caller]
pub fn legal_frames(bytes: &[u8]) -> Vec<Frame> {
    legal_frames_with(bytes, 0)
}

/// The same, where the first frame of a message may set the reserved bits `allowed` (4 is RSV1).
#[track_caller]
pub fn legal_frames_with(bytes: &[u8], allowed: u8) -> Vec<Frame> {
    let (frames, rest) = any_frames(bytes);
    assert!(rest.is_empty(), "half a frame: {}", rest.escape_ascii());
    let (mut under_way, mut closed, mut at) = (false, false, 0);
    for frame in &frames {
        assert!(!closed, "a frame after a close frame: {frame:?}");
        let len = frame.payload.len();
        let shortest = header(frame.first(), frame.key, len as u64);
        assert!(bytes[at..].starts_with(&shortest), "not the shortest form: {frame:?}");
        at += shortest.len() + len;
        let reserved = if matches!(frame.opcode, TEXT | BINARY) { !allowed } else { !0 };
        assert_eq!(frame.rsv & reserved, 0, "reserved bits: {frame:?}");
        match frame.opcode {
            CLOSE | PING | PONG => assert!(frame.fin && len <= 125, "a control frame: {frame:?}"),
            CONTINUATION => {
                assert!(std::mem::replace(&mut under_way, !frame.fin), "nothing to continue");
            }
            TEXT | BINARY => {
                assert!(!std::mem::replace(&mut under_way, !frame.fin), "a message in another");
            }
            opcode => panic!("opcode {opcode}"),
        }
        if frame.opcode == CLOSE {
            closed = true;
            assert_ne!(len, 1, "half a close code");
            if len >= 2 {
                assert!(may_be_sent(frame.code()), "close code {}", frame.code());
                std::str::from_utf8(&frame.payload[2..]).expect("a reason in UTF-8");
            }
        }
    }
    frames
}

/// Whether a close frame may have this code (§7.4, and the registry of the IANA).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of §5.7, octet by octet.
    #[test]
    fn the_examples_of_section_5_7() {
        assert_eq!(server_frame(0x81, "Hello"), b"\x81\x05Hello");
        assert_eq!(client_frame(0x81, "Hello"), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(server_frame(0x01, "Hel"), b"\x01\x03Hel");
        assert_eq!(client_frame(0x8a, "Hello"), b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(server_frame(0x82, [0; 256])[..5], *b"\x82\x7e\x01\x00\x00");
        assert_eq!(
            server_frame(0x82, vec![0; 65_536])[..11],
            *b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00\x00"
        );
    }

    #[test]
    fn a_message_in_fragments() {
        let frames = fragments(RSV1 | TEXT, &[b"a", b"", b"b"]);
        assert_eq!(frames, [&b"\x41\x01a"[..], b"\x00\x00", b"\x80\x01b"]);
        assert_eq!(fragments(BINARY, &[b"a"]), [b"\x82\x01a"]);
        assert_eq!(fragments(TEXT, &[]), [b"\x81\x00"]);
    }

    #[test]
    fn what_is_written_is_read_and_never_before_it_is_whole() {
        for len in [0, 1, 125, 126, 127, 300, 65_535, 65_536] {
            let payload = crate::random::Random::new(len as u64).bytes(len);
            for (first, bytes) in
                [(0x82, server_frame(0x82, &payload)), (0x42, client_frame(0x42, &payload))]
            {
                let (frame, used) = Frame::parse(&bytes).unwrap();
                assert_eq!((frame.first(), used), (first, bytes.len()));
                assert_eq!((frame.rsv, frame.is_masked()), (first >> 4 & 7, first == 0x42));
                assert!(frame.payload == payload);
                for cut in (0..bytes.len()).take(16).chain([bytes.len() - 1]) {
                    assert_eq!(Frame::parse(&bytes[..cut]), None, "{cut} of {len}");
                }
            }
        }
    }

    #[test]
    fn a_server_s_stream_as_a_client_sends_it() {
        let plain = [server_frame(0x01, "Hel"), server_frame(0x80, [b'l'; 200])].concat();
        let expected = [client_frame(0x01, "Hel"), client_frame(0x80, [b'l'; 200])].concat();
        for cut in 0..=plain.len() {
            assert!(expected.starts_with(&masked(&plain[..cut])), "{cut}");
        }
        assert_eq!(masked(&plain), expected);
        assert_eq!(masked(b"\x81"), b"\x81");
        assert_eq!(masked(b"\x81\x7e\x01"), b"\x81\xfe\x01");
        assert_eq!(masked(b"\x81\x80"), b"\x81\x80");
    }

    #[test]
    fn everything_a_sender_owes_is_noticed() {
        let legal = [
            server_frame(0x01, "a"),
            server_frame(0x89, "?"),
            server_frame(0x80, "b"),
            server_frame(0xc2, "x"),
            server_frame(0x88, close_payload(1000, "bye")),
        ];
        assert_eq!(legal_frames_with(&legal.concat(), 4).len(), legal.len());
        let illegal: [&[u8]; 14] = [
            b"\xc2\x00",
            b"\x83\x00",
            b"\x80\x00",
            b"\x01\x00\x81\x00",
            b"\x09\x00",
            b"\x82\x7e\x00\x7d",
            b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01x",
            b"\x88\x00\x81\x00",
            b"\x88\x01\x03",
            b"\x88\x02\x03\xed",
            b"\x88\x03\x03\xe8\xff",
            b"\x81\x02x",
            b"\x81",
            b"\x90\x00",
        ];
        for bytes in illegal {
            let bytes = match bytes {
                [0x82, 0x7e, ..] => [bytes, &[0; 125]].concat(),
                _ => bytes.to_vec(),
            };
            let checked = std::panic::catch_unwind(|| legal_frames(&bytes));
            assert!(checked.is_err(), "{}", bytes.escape_ascii());
        }
        let long_ping = server_frame(0x89, [0; 126]);
        assert!(std::panic::catch_unwind(|| legal_frames(&long_ping)).is_err());
    }
}
