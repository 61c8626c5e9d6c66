//! The short way for what nearly every frame is: a message all by itself, and all of it here.
//!
//! ```text
//!  byte 0        byte 1      0 or 2 bytes   0 or 4 bytes
//! ┌────────────┐┌──────────┐┌────────────┐┌─────────────┐┌─────────┐
//! │ 0x81, 0x82 ││ MASK len ││   length   ││ masking key ││ payload │
//! └────────────┘└──────────┘└────────────┘└─────────────┘└─────────┘
//! ```
//!
//! Such a frame needs no state and is told by its first bytes. Whatever looks different in any way,
//! a frame that breaks a rule too, is left where it is, for the
//! [frame reader](super::frame::FrameReader), which knows what it means.

use super::mask::Mask;

/// The payload of a message, unmasked, as a lent `&mut` that can outlive the receiver's own borrow.
pub(super) enum Plain<'b> {
    Text(&'b mut [u8]),
    Binary(&'b mut [u8]),
}

impl Plain<'_> {
    /// Its length in bytes.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Text(payload) | Self::Binary(payload) => payload.len(),
        }
    }
}

/// Takes a plain message shorter than `too_long` off the front of `input`, if that is what is there;
/// `masked` is how frames must be (§5.1).
#[inline]
pub(super) fn take<'b>(input: &mut &'b mut [u8], masked: bool, too_long: u16) -> Option<Plain<'b>> {
    let [first, second, high, low, ..] = **input else { return None };
    // FIN, no reserved bits, and one of two opcodes (§5.2).
    let (0x81 | 0x82) = first else { return None };
    let (start, len) = match second ^ u8::from(masked) << 7 {
        len @ ..126 => (2, u16::from(len)),
        // What fits in a byte must be there (§5.2); up to 255 the long way looks after that.
        126 if high > 0 => (4, u16::from_be_bytes([high, low])),
        _ => return None,
    };
    if len >= too_long {
        return None;
    }
    let start = if masked { start + 4 } else { start };
    let frame = input.split_off_mut(..start + usize::from(len))?;
    let (head, payload) = frame.split_at_mut(start);
    if masked {
        // It ends with the key.
        Mask::new(head.last_chunk().copied().unwrap_or_default()).apply(payload);
    }
    Some(if first == 0x81 { Plain::Text(payload) } else { Plain::Binary(payload) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::config::{Bounds, Limits};
    use crate::proto::header::Header;
    use crate::proto::opcode::Opcode;

    /// What the header says of the first message, if it is plain.
    fn expected(input: &[u8], masked: bool, too_long: u16) -> Option<(bool, Vec<u8>)> {
        let (header, start) = Header::parse(input).ok()??;
        let Header { fin, rsv, opcode, mask, len } = header;
        let message = fin && rsv == 0 && matches!(opcode, Opcode::Text | Opcode::Binary);
        let short = len < 126 || (256..1 << 16).contains(&len);
        if !message || !short || mask.is_some() != masked || len >= too_long.into() {
            return None;
        }
        let mut payload = input.get(start..start + len as usize)?.to_vec();
        Mask::new(mask.unwrap_or_default()).apply(&mut payload);
        // Two bytes that might be a length are looked at first: nothing at all goes the long way.
        (input.len() >= 4).then_some((opcode == Opcode::Text, payload))
    }

    /// Frames of all kinds, most of them plain, and what follows them.
    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![4 => 0x81..=0x82u8, 1 => any::<u8>()];
        let len = prop_oneof![0..140usize, 240..270usize, Just(65_535), Just(65_536)];
        (first, any::<Option<[u8; 4]>>(), len, any::<u8>(), 0..8usize, 0..80usize).prop_map(
            |(first, mask, len, fill, after, cut)| {
                let mut bytes = Vec::new();
                let header =
                    Header { fin: true, rsv: 0, opcode: Opcode::Text, mask, len: len as u64 };
                header.write(&mut bytes);
                bytes[0] = first;
                bytes.resize(bytes.len() + len + after, fill);
                // One in four or so is not whole.
                bytes.truncate(bytes.len() - cut.saturating_sub(60).min(bytes.len()));
                bytes
            },
        )
    }

    proptest! {
        #[test]
        fn takes_what_the_header_says_or_leaves_it(
            input in prop_oneof![4 => frames(), 1 => prop::collection::vec(any::<u8>(), 0..20)],
            masked: bool,
            too_long in prop_oneof![Just(0), Just(100), Just(300), Just(u16::MAX)],
        ) {
            let mut bytes = input.clone();
            let mut rest = &mut bytes[..];
            let taken = match take(&mut rest, masked, too_long) {
                Some(Plain::Text(payload)) => Some((true, payload.to_vec())),
                Some(Plain::Binary(payload)) => Some((false, payload.to_vec())),
                None => {
                    prop_assert_eq!(&*rest, &input[..]);
                    None
                }
            };
            if let Some((_, payload)) = &taken {
                let head = if payload.len() < 126 { 2 } else { 4 } + if masked { 4 } else { 0 };
                prop_assert_eq!(&*rest, &input[head + payload.len()..]);
            }
            prop_assert_eq!(taken, expected(&input, masked, too_long));
        }
    }

    #[test]
    fn no_message_is_short_enough_where_a_limit_must_be_looked_at() {
        let (limits, too_long) = (Limits::default(), |limits| Bounds::from(limits).too_long);
        assert_eq!(too_long(limits), u16::MAX);
        assert_eq!(too_long(Limits { max_frame_size: Some(99), ..limits }), 100);
        assert_eq!(too_long(Limits { max_message_size: 0, ..limits }), 1);
        assert_eq!(too_long(Limits { accept_text: false, ..limits }), 0);
        assert_eq!(too_long(Limits { accept_binary: false, ..limits }), 0);
        assert_eq!(too_long(Limits { max_fragments: 0, ..limits }), 0);
    }
}
