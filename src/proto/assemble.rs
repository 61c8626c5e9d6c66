//! Joining fragments into messages (§5.4).
//!
//! [`Assembler::admit`] checks every data frame as soon as its header is there: order and limits are enforced on what
//! it declares. Memory grows with what arrives, to at most twice that, and never past what was declared. So a
//! length alone costs nothing. (Buffers that the thread keeps are lent, within a bound.)

use bytes::buf::Limit;
use bytes::{BufMut, Bytes};

use super::config::Bounds;
use super::error::Violation;
use super::frame::Piece;
use super::header::Header;
use super::message::{Event, Message};
use super::message_buffer::MessageBuffer;
use super::opcode::Opcode;
use super::utf8::Text;

/// When so many bytes of a message are stored, the rest may be read directly after them. A message of unknown
/// length borrows memory from the thread then.
const ENOUGH: usize = 16 << 10;

/// The message that is being received, and the pieces of it that were stored.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// Between the first frame of a message and the end of its last.
    under_way: Option<Kind>,
    /// What its frames have declared so far, in bytes, and how many they are.
    len: u64,
    fragments: u32,
    /// Whether its frames carry a compressed message.
    compressed: bool,
    store: Store,
    /// The store was lent: the next call takes it back.
    lent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

#[derive(Debug, Default)]
enum Store {
    #[default]
    Empty,
    Text(Text),
    Binary(MessageBuffer),
}

impl Assembler {
    /// Takes a data frame into the message under way, or begins one, by its header. A message that
    /// [passes at once](Piece::is_message) is only checked.
    #[inline]
    pub(super) fn admit(
        &mut self,
        header: &Header,
        whole: bool,
        limits: &Bounds,
    ) -> Result<(), Violation> {
        let kind = match (header.opcode, self.under_way) {
            // §5.4: the fragments of one message MUST NOT be interleaved with another's.
            (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(Violation::ExpectedContinuation);
            }
            (Opcode::Text, None) if !limits.accept_text => return Err(Violation::UnwantedText),
            (Opcode::Text, None) => Kind::Text,
            (_, None) if header.opcode == Opcode::Continuation => {
                return Err(Violation::UnexpectedContinuation);
            }
            (_, None) if !limits.accept_binary => return Err(Violation::UnwantedBinary),
            (_, None) => Kind::Binary,
            (_, Some(kind)) => kind,
        };
        if header.len > limits.max_frame_size {
            // Only a limit that was set as a `usize` can be passed.
            let limit = limits.max_frame_size as usize;
            return Err(Violation::FrameTooLarge { len: header.len, limit });
        }
        let compressed = if self.under_way.is_none() { header.rsv != 0 } else { self.compressed };
        let limit = limits.max_message_size;
        // What does not shrink grows, the more the smaller its parts are: a compressed message may be
        // that much longer, and its real length is looked at while inflating.
        let most =
            if compressed { limit.saturating_mul(2).saturating_add(64) } else { limit } as u64;
        let len = self.len.saturating_add(header.len);
        if len > most {
            return Err(Violation::MessageTooLarge { len, limit });
        }
        if self.fragments >= limits.max_fragments {
            return Err(Violation::TooManyFragments { limit: limits.max_fragments });
        }
        self.compressed = compressed;
        if whole && header.fin && !compressed && self.under_way.is_none() {
            return Ok(());
        }
        self.under_way = Some(kind);
        self.len = len;
        self.fragments += 1;
        Ok(())
    }

    /// Stores a piece that is not compressed.
    pub(super) fn gather(&mut self, piece: &Piece<'_>, limits: &Bounds) -> Result<(), Violation> {
        let to_come = piece.payload.len() as u64 + piece.remaining;
        let to_come = if piece.fin { to_come } else { u64::MAX };
        self.add(piece.payload, to_come, limits)
    }

    /// Stores a piece that was inflated, `len` bytes of the message so far; it is no longer than its
    /// limit, whatever its frames declared (RFC 7692 §8).
    pub(super) fn gather_inflated(
        &mut self,
        plain: &[u8],
        len: u64,
        limits: &Bounds,
    ) -> Result<(), Violation> {
        let limit = limits.max_message_size;
        let over = len.saturating_sub(limit as u64);
        if over > 0 {
            // What comes before the limit is looked at, so that it does not matter how it was cut.
            let fits = plain.len() - (over as usize).min(plain.len());
            self.add(&plain[..fits], u64::MAX, limits)?;
            return Err(Violation::MessageTooLarge { len, limit });
        }
        self.add(plain, u64::MAX, limits)
    }

    fn add(&mut self, payload: &[u8], to_come: u64, limits: &Bounds) -> Result<(), Violation> {
        self.begin(to_come);
        // Twice what there is, so that many pieces cost linear time, but no more than is to come.
        let (len, limit) = (payload.len() as u64, limits.max_message_size as u64);
        let room = |there: usize| {
            let there = there as u64;
            to_come.min(limit.saturating_sub(there)).min(there + len) as usize
        };
        match &mut self.store {
            Store::Text(text) => text.push(payload, room(text.as_str().len()))?,
            Store::Binary(buffer) => {
                if buffer.capacity() - buffer.len() < payload.len() {
                    let (arrived, known) = (buffer.len() + payload.len(), to_come != u64::MAX);
                    // One whose length was known when it began has asked for memory already.
                    if arrived >= ENOUGH && !(known && buffer.is_empty()) {
                        let to_come = usize::try_from(to_come).unwrap_or(usize::MAX);
                        let len = known.then(|| buffer.len().saturating_add(to_come));
                        buffer.borrow(arrived, len);
                    }
                }
                if buffer.capacity() - buffer.len() < payload.len() {
                    let more = room(buffer.len());
                    buffer.reserve_exact(more);
                }
                buffer.extend_from_slice(payload);
            }
            Store::Empty => {}
        }
        Ok(())
    }

    /// Makes sure that there is something to store in; so much is to come if nothing goes wrong.
    fn begin(&mut self, to_come: u64) {
        if let Store::Empty = self.store {
            self.store = match self.under_way {
                Some(Kind::Text) => Store::Text(Text::default()),
                _ => Store::Binary(MessageBuffer::lend(to_come)),
            };
        }
    }

    /// Room for the next bytes of a frame of which so much is to come, after what was gathered of its
    /// message. It is as large as that was.
    pub(super) fn room(&mut self, to_come: u64) -> Option<Limit<&mut Vec<u8>>> {
        let Store::Binary(buffer) = &mut self.store else { return None };
        let data = &mut **buffer;
        // From a few bytes on, room for as much again would mean many small reads.
        if self.compressed || self.lent || data.len() < ENOUGH {
            return None;
        }
        let to_come = usize::try_from(to_come).unwrap_or(usize::MAX);
        if data.len() == data.capacity() {
            data.reserve_exact(to_come.min(data.len()));
        }
        let room = to_come.min(data.capacity() - data.len());
        Some(data.limit(room))
    }

    /// The last bytes that were gathered, if they were [put there](Self::room) from outside.
    pub(super) fn last(&mut self, len: usize) -> &mut [u8] {
        let Store::Binary(buffer) = &mut self.store else { return &mut [] };
        let start = buffer.len().saturating_sub(len);
        &mut buffer[start..]
    }

    /// Ends the message whose pieces were gathered, if there were any.
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        self.begin(0);
        if let Store::Text(text) = &self.store {
            text.finish()?;
        }
        self.end();
        Ok(())
    }

    /// Notes that the message under way has ended.
    pub(super) fn end(&mut self) {
        self.under_way = None;
        self.len = 0;
        self.fragments = 0;
    }

    /// Whether no message is under way.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Whether the message under way is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.compressed
    }

    /// Whether the message under way is binary and nothing of it is stored: then its pieces can be
    /// lent from where they are.
    pub(super) fn passes(&self) -> bool {
        self.under_way == Some(Kind::Binary)
            && !self.compressed
            && matches!(self.store, Store::Empty)
    }

    /// Whether there is something to lend.
    pub(super) fn has_data(&self) -> bool {
        match &self.store {
            Store::Empty => false,
            Store::Text(text) => !text.as_str().is_empty(),
            Store::Binary(data) => !data.is_empty(),
        }
    }

    /// What was gathered.
    pub(super) fn lend(&mut self) -> Event<'_> {
        self.lent = true;
        match &self.store {
            Store::Text(text) => Event::Text(text.as_str()),
            Store::Binary(data) => Event::Binary(data),
            Store::Empty => Event::Binary(&[]),
        }
    }

    /// What was gathered, handed over.
    pub(super) fn take(&mut self) -> Message {
        match std::mem::take(&mut self.store) {
            Store::Text(text) => Message::Text(text.into_string().into()),
            Store::Binary(buffer) => Message::Binary(buffer.into_bytes()),
            Store::Empty => Message::Binary(Bytes::new()),
        }
    }

    /// Gives back the memory of what was lent.
    #[inline]
    pub(super) fn reclaim(&mut self) {
        if std::mem::take(&mut self.lent) {
            match &mut self.store {
                // A text that goes on keeps its half character.
                Store::Text(text) if self.under_way.is_some() => text.clear(),
                store => *store = Store::Empty,
            }
        }
    }

    /// Drops everything: what comes now belongs to no message.
    pub(super) fn clear(&mut self) {
        if let Store::Binary(buffer) = std::mem::take(&mut self.store) {
            buffer.discard();
        }
        *self = Self::default();
    }
}
