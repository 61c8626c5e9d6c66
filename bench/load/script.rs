//! What connections send, made before anything is measured.

/// What connections say in one write, and what they must hear before the next. There are a few
/// variants; connection `i` has the `i`-th, round and round.
pub struct Script {
    /// Messages in one write.
    pub at_once: usize,
    variants: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Script {
    pub fn new(at_once: usize) -> Self {
        Self { at_once, variants: Vec::new() }
    }

    pub fn push(&mut self, said: Vec<u8>, heard: Vec<u8>) {
        self.variants.push((said, heard));
    }

    /// The same with what is said put into other words.
    pub fn map_said(mut self, change: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        self.variants.iter_mut().for_each(|(said, _)| *said = change(said));
        self
    }

    pub fn said(&self, connection: usize) -> &[u8] {
        &self.variants[connection % self.variants.len()].0
    }

    pub fn heard(&self, connection: usize) -> &[u8] {
        &self.variants[connection % self.variants.len()].1
    }
}
