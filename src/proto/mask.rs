//! Masking: XOR with a key of four bytes, repeated over the payload (§5.3).
//!
//! It works in words of eight bytes. The compiler turns them into the widest vectors of the target, so
//! nothing here is unsafe or written per architecture.

/// A masking key, and the position in it for the next byte of payload (§5.3).
///
/// Masking and unmasking are the same operation. The payload may come in any pieces.
///
/// ```
/// use bowstring::proto::Mask;
///
/// let mut payload = *b"Hello";
/// Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut payload);
/// assert_eq!(payload, [0x7f, 0x9f, 0x4d, 0x51, 0x58]); // §5.7
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Rotated, so that its first byte is always the next to be used.
    key: [u8; 4],
}

impl Mask {
    /// Starts at the front of `key`.
    pub const fn new(key: [u8; 4]) -> Self {
        Self { key }
    }

    /// Masks or unmasks the next `payload.len()` bytes of the payload in place.
    #[inline]
    pub fn apply(&mut self, payload: &mut [u8]) {
        let [a, b, c, d] = self.key;
        let half_key = u32::from_ne_bytes(self.key);
        let key = u64::from(half_key) << 32 | u64::from(half_key);
        let (words, rest) = payload.as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        let (half, rest) = rest.as_chunks_mut::<4>();
        if let [half] = half {
            *half = (u32::from_ne_bytes(*half) ^ half_key).to_ne_bytes();
        }
        if let [first, ..] = rest {
            *first ^= a;
            self.key = [b, c, d, a];
        }
        if let [_, second, ..] = rest {
            *second ^= b;
            self.key = [c, d, a, b];
        }
        if let [_, _, third] = rest {
            *third ^= c;
            self.key = [d, a, b, c];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// §5.3 to the letter: octet i is XORed with key octet i mod 4.
    fn by_the_book(key: [u8; 4], payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    proptest! {
        #[test]
        fn any_cuts_give_what_the_rfc_says(
            key: [u8; 4],
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        ) {
            let mut mask = Mask::new(key);
            let mut masked = Vec::new();
            for piece in &pieces {
                let mut piece = piece.clone();
                mask.apply(&mut piece);
                masked.extend(piece);
            }
            prop_assert_eq!(masked, by_the_book(key, &pieces.concat()));
        }
    }
}
