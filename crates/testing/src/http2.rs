//! Frames of HTTP/2 as bytes (RFC 9113 §4.1, §6), for peers that send what a library would not.

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames (RFC 9113 §6).
#[allow(missing_docs, reason = "they are the names of the RFC")]
pub mod types {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
}

/// Flags of frames. ACK and END_STREAM are the same bit.
#[allow(missing_docs, reason = "they are the names of the RFC")]
pub mod flags {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
}

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A SETTINGS frame of these identifiers and values (RFC 9113 §6.5.2).
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = values
        .iter()
        .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(types::SETTINGS, 0, 0, &payload)
}

/// A WINDOW_UPDATE (RFC 9113 §6.9).
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(types::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

/// A field block without compression (RFC 7541 §6.2.2): names in lower case, strings under 127 bytes.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "one byte has no room for its length");
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A legal extended CONNECT on a stream (RFC 8441 §5), with further fields.
pub fn connect(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let legal = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "example.com"),
        (":path", "/chat"),
        ("sec-websocket-version", "13"),
    ];
    headers(stream, &[&legal[..], more].concat())
}

/// A HEADERS frame of these fields; the stream stays open.
pub fn headers(stream: u32, all: &[(&str, &str)]) -> Vec<u8> {
    frame(types::HEADERS, flags::END_HEADERS, stream, &fields(all))
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the names of the RFC")]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The frame at the front of `bytes` and its length, if it is there as a whole.
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_at_checked(9)?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = rest.get(..len)?.to_vec();
        Some((Self { kind: head[3], flags: head[4], stream, payload }, 9 + len))
    }

    /// The code of a RST_STREAM or a GOAWAY (RFC 9113 §7).
    pub fn code(&self) -> u32 {
        let code = match self.kind {
            types::RST_STREAM => &self.payload[..4],
            types::GOAWAY => &self.payload[4..8],
            _ => panic!("{self:?} has no code"),
        };
        u32::from_be_bytes(code.try_into().unwrap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let bytes = window_update(3, 70_000);
        assert_eq!(bytes, [0, 0, 4, 8, 0, 0, 0, 0, 3, 0, 1, 0x11, 0x70]);
        let expected = Frame { kind: 8, flags: 0, stream: 3, payload: vec![0, 1, 0x11, 0x70] };
        assert_eq!(Frame::parse(&bytes), Some((expected, 13)));
        assert_eq!(Frame::parse(&bytes[..12]), None);
    }
}
