//! Random numbers from a seed.

/// A small generator (SplitMix64). The seed decides everything, so a failure can be repeated.
///
/// ```
/// use bowstring_testing::random::Random;
///
/// assert_eq!(Random::new(7).bytes(20), Random::new(7).bytes(20));
/// ```
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that begins at this seed. Neighbouring seeds give numbers that have nothing in
    /// common.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "an iterator would have an end")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// A number from 0 up to `bound`, which is not among them.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Bytes that cannot be compressed.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// Cuts `bytes` in pieces, of which many are tiny.
    pub fn cut<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let most = [1, 3, 20, 300, usize::MAX][self.below(5)].min(bytes.len());
            let (piece, rest) = bytes.split_at(1 + self.below(most));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}
