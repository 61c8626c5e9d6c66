//! Frames as they come off the wire and go onto it (§5.1, §5.2, §5.5).
//!
//! [`FrameReader`] is a cursor over whatever bytes are at hand. A data frame is yielded in as many
//! pieces as it arrives in, so nothing waits for its end and nothing is kept here. A control frame
//! is yielded whole; its at most 125 bytes stay with the caller until they are all there. Payloads
//! are unmasked where they lie.

use super::error::Violation;
use super::header::Header;
use super::mask::Mask;
use super::memory;
use super::opcode::Opcode;

/// The reserved bit that marks a compressed message, on its first frame (RFC 7692 §6).
pub(super) const RSV1: u8 = 0b100;

/// Where in which frame the next byte lies.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Of the frame under way; its mask is `mask` by now.
    opcode: Opcode,
    fin: bool,
    rsv: u8,
    mask: Option<Mask>,
    /// How much of its payload has not come yet; 0 with `inside` unset between frames.
    remaining: u64,
    inside: bool,
}

/// A piece of a frame.
#[derive(Debug)]
pub(super) struct Piece<'b> {
    pub(super) opcode: Opcode,
    /// Whether its frame has FIN.
    pub(super) fin: bool,
    /// The reserved bits of its frame.
    pub(super) rsv: u8,
    /// Whether it begins its frame.
    pub(super) first: bool,
    /// How much of the frame's payload comes after it.
    pub(super) remaining: u64,
    /// Unmasked; as a lent `&mut` it can outlive the reader's own borrow.
    pub(super) payload: &'b mut [u8],
}

impl Piece<'_> {
    /// Whether it is a message all by itself, and not compressed.
    pub(super) const fn is_message(&self) -> bool {
        self.first
            && self.ends_message()
            && self.rsv == 0
            && matches!(self.opcode, Opcode::Text | Opcode::Binary)
    }

    /// Whether the message ends with it (§5.4).
    pub(super) const fn ends_message(&self) -> bool {
        self.fin && self.remaining == 0
    }
}

impl FrameReader {
    pub(super) const fn new() -> Self {
        Self {
            opcode: Opcode::Continuation,
            fin: true,
            rsv: 0,
            mask: None,
            remaining: 0,
            inside: false,
        }
    }

    /// Takes the next piece off the front of `input`. `None` if more bytes are needed.
    ///
    /// `admit` is called with each header as soon as it is there, before any payload is looked at. It also gets
    /// whether the whole frame is there. For a control frame that arrives slowly it is called again.
    #[inline]
    pub(super) fn next<'b>(
        &mut self,
        input: &mut &'b mut [u8],
        admit: impl FnOnce(&Header, bool) -> Result<(), Violation>,
    ) -> Result<Option<Piece<'b>>, Violation> {
        let first = !self.inside;
        if first {
            let Some((header, header_len)) = Header::parse(input)? else { return Ok(None) };
            let whole = header.len <= (input.len() - header_len) as u64;
            admit(&header, whole)?;
            if whole {
                // Nothing has to be remembered.
                take(input, header_len);
                let payload = take(input, header.len as usize);
                if let Some(key) = header.mask {
                    Mask::new(key).apply(payload);
                }
                let Header { opcode, fin, rsv, .. } = header;
                return Ok(Some(Piece { opcode, fin, rsv, first, remaining: 0, payload }));
            }
            if header.opcode.is_control() {
                return Ok(None);
            }
            take(input, header_len);
            self.opcode = header.opcode;
            self.fin = header.fin;
            self.rsv = header.rsv;
            self.mask = header.mask.map(Mask::new);
            self.remaining = header.len;
        } else if input.is_empty() && self.remaining > 0 {
            return Ok(None);
        }

        // The smaller of the two fits in a `usize`, whatever length was declared.
        let len = self.remaining.min(input.len() as u64) as usize;
        let payload = take(input, len);
        if let Some(mask) = &mut self.mask {
            mask.apply(payload);
        }
        self.remaining -= len as u64;
        self.inside = self.remaining > 0;
        let Self { opcode, fin, rsv, remaining, .. } = *self;
        Ok(Some(Piece { opcode, fin, rsv, first, remaining, payload }))
    }
}

impl FrameReader {
    /// How much of the frame under way has not come yet.
    pub(super) const fn to_come(&self) -> u64 {
        if self.inside { self.remaining } else { 0 }
    }

    /// Takes the next bytes of the frame under way, no more than are to come, from where they are to
    /// stay. An empty piece ends it then.
    pub(super) fn fill(&mut self, payload: &mut [u8]) {
        if let Some(mask) = &mut self.mask {
            mask.apply(payload);
        }
        self.remaining -= payload.len() as u64;
    }
}

/// Appends a frame whose payload fits in memory; `key` masks it.
#[inline]
pub(super) fn write(
    opcode: Opcode,
    fin: bool,
    rsv: u8,
    key: Option<[u8; 4]>,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let len = Header::MAX_LEN + payload.len();
    memory::reserve(out, len, len);
    Header { fin, rsv, opcode, mask: key, len: payload.len() as u64 }.write(out);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        Mask::new(key).apply(&mut out[start..]);
    }
}

/// Takes `len` bytes off the front; the caller knows that they are there.
#[inline]
fn take<'b>(input: &mut &'b mut [u8], len: usize) -> &'b mut [u8] {
    input.split_off_mut(..len).unwrap_or_default()
}
