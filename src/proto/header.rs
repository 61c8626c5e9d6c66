//! The frame header: two to fourteen bytes (§5.2).
//!
//! ```text
//!  byte 0            byte 1          0, 2 or 8 bytes        0 or 4 bytes
//! ┌───┬───┬────────┐┌────┬─────────┐┌─────────────────────┐┌─────────────┐
//! │FIN│RSV│ opcode ││MASK│ length7 ││ length16 │ length64 ││ masking key │
//! └───┴───┴────────┘└────┴─────────┘└─────────────────────┘└─────────────┘
//!   1   3      4       1      7       if 126     if 127       if MASK
//! ```
//!
//! [`Header::parse`] and [`Header::write`] are a round trip: what one accepts, the other produces, byte for
//! byte, because a length has one legal encoding. Rules that hold for every frame are enforced here. Rules
//! that depend on the role, the extensions or the frame before are enforced by the receiver.

use super::error::Violation;
use super::opcode::Opcode;

/// One frame's header (§5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last fragment of its message, or the only one.
    pub fin: bool,
    /// The three reserved bits, RSV1 the highest: `0b100`, `0b010`, `0b001`.
    pub rsv: u8,
    /// What the payload means.
    pub opcode: Opcode,
    /// The masking key. Each frame of a client has one, and none of a server (§5.1).
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes: at most 2^63 - 1, and at most 125 in control frames.
    pub len: u64,
}

impl Header {
    /// The longest a header can be, in bytes.
    pub const MAX_LEN: usize = 14;

    /// Reads the header at the front of `bytes`. Gives its length in bytes, too. `None` means that more bytes
    /// are needed.
    ///
    /// # Errors
    ///
    /// The rule that the header breaks, as soon as that field is complete:
    ///
    /// - a reserved opcode (§5.2),
    /// - a control frame that is fragmented or longer than 125 bytes (§5.5),
    /// - a length that is not in its shortest form, or above 2^63 - 1 (§5.2).
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let Some((&first, after_first)) = bytes.split_first() else { return Ok(None) };
        let fin = first & 0x80 != 0;
        let rsv = first >> 4 & 0b111;
        // §5.2: "If an unknown opcode is received, the receiving endpoint MUST fail".
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return Err(Violation::ReservedOpcode(first & 0x0F));
        };
        // §5.5: control frames MUST NOT be fragmented.
        if opcode.is_control() && !fin {
            return Err(Violation::FragmentedControl);
        }

        let Some((&second, rest)) = after_first.split_first() else { return Ok(None) };
        let (len, rest) = match second & 0x7F {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(*len));
                // §5.2: the minimal number of bytes MUST be used.
                if len < 126 {
                    return Err(Violation::LengthNotMinimal);
                }
                (len, rest)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(*len);
                if len <= u64::from(u16::MAX) {
                    return Err(Violation::LengthNotMinimal);
                }
                // §5.2: the most significant bit MUST be 0.
                if len > i64::MAX as u64 {
                    return Err(Violation::LengthTooLarge);
                }
                (len, rest)
            }
            len => (u64::from(len), rest),
        };

        // §5.5: control frames MUST have a payload of 125 bytes or less. This comes after the form of the
        // length: one that could be shorter is that fault, however short it is.
        if len > 125 && opcode.is_control() {
            return Err(Violation::LongControl);
        }

        let (mask, rest) = if second & 0x80 == 0 {
            (None, rest)
        } else {
            let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (Some(*key), rest)
        };
        Ok(Some((Self { fin, rsv, opcode, mask, len }, bytes.len() - rest.len())))
    }

    /// Appends the header to `out`, its length in the shortest form.
    ///
    /// It is up to you that the fields are legal. Bits of `rsv` above the third are dropped; nothing else is
    /// checked.
    // Most of its fields are known where it is called.
    #[inline(always)]
    pub fn write(&self, out: &mut Vec<u8>) {
        let first = u8::from(self.fin) << 7 | (self.rsv & 0b111) << 4 | self.opcode.bits();
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.len {
            0..=125 => out.extend_from_slice(&[first, masked | self.len as u8]),
            126..=0xFFFF => {
                let [a, b] = (self.len as u16).to_be_bytes();
                out.extend_from_slice(&[first, masked | 126, a, b]);
            }
            _ => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn legal() -> impl Strategy<Value = Header> {
        let control = prop::sample::select(vec![Opcode::Close, Opcode::Ping, Opcode::Pong]);
        let data = prop::sample::select(vec![Opcode::Continuation, Opcode::Text, Opcode::Binary]);
        let len = prop_oneof![
            0..=125u64,
            126..=0xFFFFu64,
            0x1_0000..=u64::from(u32::MAX),
            Just(i64::MAX as u64),
        ];
        let key = any::<Option<[u8; 4]>>();
        prop_oneof![
            (0..8u8, control, key.clone(), 0..=125u64)
                .prop_map(|(rsv, opcode, mask, len)| Header { fin: true, rsv, opcode, mask, len }),
            (any::<bool>(), 0..8u8, data, key, len)
                .prop_map(|(fin, rsv, opcode, mask, len)| Header { fin, rsv, opcode, mask, len }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_parsed_and_no_prefix_is(header in legal(), behind: Vec<u8>) {
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            let len = bytes.len();
            prop_assert!(len <= Header::MAX_LEN);
            for cut in 0..len {
                prop_assert_eq!(Header::parse(&bytes[..cut]), Ok(None));
            }
            bytes.extend(behind);
            prop_assert_eq!(Header::parse(&bytes), Ok(Some((header, len))));
        }

        #[test]
        fn what_is_parsed_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
            if let Ok(Some((header, len))) = Header::parse(&bytes) {
                let mut written = Vec::new();
                header.write(&mut written);
                prop_assert_eq!(&written, &bytes[..len]);
            }
        }
    }
}
