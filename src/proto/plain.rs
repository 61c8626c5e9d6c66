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

use super::config::Limits;
use super::mask::Mask;

/// The payload of a message, unmasked, as a lent `&mut` that can outlive the receiver's own borrow.
pub(super) enum Plain<'b> {
    Text(&'b mut [u8]),
    Binary(&'b mut [u8]),
}

/// From which length on a message must take the long way: 0 if all must.
pub(super) fn too_long(limits: &Limits) -> u16 {
    if !limits.accept_text || !limits.accept_binary || limits.max_fragments == 0 {
        return 0;
    }
    let longest = limits.max_frame_size.unwrap_or(usize::MAX).min(limits.max_message_size);
    u16::try_from(longest).unwrap_or(u16::MAX).saturating_add(1)
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
    if masked && let Some(key) = head.last_chunk() {
        Mask::new(*key).apply(payload);
    }
    Some(if first == 0x81 { Plain::Text(payload) } else { Plain::Binary(payload) })
}
