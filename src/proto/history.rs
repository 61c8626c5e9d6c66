//! What came last out of an engine, as much as a message may refer back to.
//!
//! zlib forgets its window with a final block, and has no way to be asked for it before. RFC 7692 §7.2.3.4
//! lets a peer end each message with such a block, and refer back to it from the next.

/// A ring of bytes that grows to the size of a window. Its memory is never more than that.
#[derive(Default)]
pub(super) struct History {
    bytes: Vec<u8>,
    /// Where the oldest byte is. 0 until the ring is full.
    oldest: usize,
}

impl History {
    /// Takes note of what came out, for a window of so many bytes.
    pub(super) fn note(&mut self, out: &[u8], window: usize) {
        let out = &out[out.len().saturating_sub(window)..];
        let room = window.saturating_sub(self.bytes.len());
        let (appended, rest) = out.split_at(out.len().min(room));
        let len = self.bytes.len() + appended.len();
        if self.bytes.capacity() < len {
            self.bytes.reserve_exact(window.min(2 * len) - self.bytes.len());
        }
        self.bytes.extend_from_slice(appended);
        // What no longer fits takes the place of the oldest.
        let (to_end, from_start) = rest.split_at(rest.len().min(self.bytes.len() - self.oldest));
        self.bytes[self.oldest..][..to_end.len()].copy_from_slice(to_end);
        self.bytes[..from_start.len()].copy_from_slice(from_start);
        if !rest.is_empty() {
            self.oldest = (self.oldest + rest.len()) % self.bytes.len();
        }
    }

    /// All of it, the oldest byte first.
    pub(super) fn in_order(&mut self) -> &[u8] {
        self.bytes.rotate_left(self.oldest);
        self.oldest = 0;
        &self.bytes
    }

    /// Forgets everything, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.oldest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_stay_in_order_and_in_bounds() {
        for window in [1, 2, 7, 16] {
            for step in 1..=window + 3 {
                let (mut history, mut all) = (History::default(), Vec::new());
                for number in 0..40u8 {
                    let out: Vec<u8> = (0..step)
                        .map(|at| number.wrapping_add((at as u8).wrapping_mul(41)))
                        .collect();
                    all.extend_from_slice(&out);
                    history.note(&out, window);
                    if number % 3 == 0 {
                        let last = &all[all.len().saturating_sub(window)..];
                        assert_eq!(history.in_order(), last, "{window} {step} {number}");
                    }
                    assert!(history.bytes.capacity() <= window.max(step));
                }
                history.clear();
                assert_eq!(history.in_order(), b"");
            }
        }
    }
}
