//! Whole frames that are sent to many.

use bytes::Bytes;

use super::frame;
use super::opcode::Opcode;

/// An unmasked frame.
#[derive(Debug)]
pub(super) struct Framed {
    bytes: Bytes,
    /// Where its payload starts.
    start: usize,
}

impl Framed {
    pub(super) fn new(opcode: Opcode, rsv: u8, payload: &[u8]) -> Self {
        let mut bytes = Vec::new();
        frame::write(opcode, true, rsv, None, payload, &mut bytes);
        Self { start: bytes.len() - payload.len(), bytes: bytes.into() }
    }

    /// The whole frame, as a server sends it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, as one of many.
    pub(super) fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Its payload, as one of many.
    pub(super) fn shared_payload(&self) -> Bytes {
        self.bytes.slice(self.start..)
    }

    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
