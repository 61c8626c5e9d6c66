//! Bytes that were read and not yet taken.
//!
//! They lie in a block of the thread's [pool] while they are parsed. Before the thread turns to another
//! connection the block goes back. What is left moves to a small buffer of the connection's own. Mostly
//! nothing is left; else a partial header or control frame of at most 130 bytes, or the messages after
//! the one that was just handed out.
//!
//! The rest of a large message is read into the message itself, past this buffer.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::pool;

/// How many bytes are read at first if the last message was a large one. What lies in a block has to be copied
/// into its message, and the rest need not. The receiver wants 16 KiB of a message before it takes the rest
/// past the block.
const BEGINNING: usize = 32 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct ReadBuffer {
    bytes: Vec<u8>,
    memory: Memory,
    /// What was read and not taken: `bytes[start..end]`.
    start: usize,
    end: usize,
    progress: Progress,
    /// The last message was read past this buffer: so will the next one, perhaps.
    large: bool,
}

/// Whose the memory of the bytes is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Memory {
    /// This connection's own.
    #[default]
    Own,
    /// A block of the thread's pool.
    Block,
}

/// What the parser can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Progress {
    /// Take what is here, if anything is.
    #[default]
    Unknown,
    /// Nothing: it wants more than is here.
    Starved,
    /// Something, though nothing may be here: bytes were read past this buffer.
    Fed,
}

impl ReadBuffer {
    /// Begins with bytes that came before, for instance after the head of the handshake.
    pub(in crate::net) fn new(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), bytes, ..Self::default() }
    }

    pub(in crate::net) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether the parser can do nothing with what is here.
    pub(in crate::net) fn is_starved(&self) -> bool {
        match self.progress {
            Progress::Unknown => self.is_empty(),
            Progress::Starved => true,
            Progress::Fed => false,
        }
    }

    /// Lets `parse` take bytes off the front. What it gives may be lent from there. If it gives
    /// nothing, it wants more.
    #[inline]
    pub(in crate::net) fn take<'a, T, E>(
        &'a mut self,
        parse: impl FnOnce(&mut &'a mut [u8]) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let Self { bytes, start, end, progress, .. } = self;
        let mut rest = &mut bytes[*start..*end];
        let before = rest.len();
        let taken = parse(&mut rest);
        *start += before - rest.len();
        *progress = if let Ok(None) = taken { Progress::Starved } else { Progress::Unknown };
        taken
    }

    /// Drops everything.
    pub(in crate::net) fn clear(&mut self) {
        self.start = self.end;
    }

    /// Everything that was not taken.
    pub(in crate::net) fn into_rest(mut self) -> Vec<u8> {
        let rest = self.bytes[self.start..self.end].to_vec();
        self.clear();
        self.park();
        rest
    }

    /// Reads more after what is here, at most so much; 0 is the end of the stream.
    pub(in crate::net) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let most = if self.large { self.expect_large(most) } else { most };
        let end = self.bytes.len().min(self.end.saturating_add(most));
        let mut buf = ReadBuf::new(&mut self.bytes[self.end..end]);
        ready!(stream.poll_read(cx, &mut buf))?;
        let len = buf.filled().len();
        self.end += len;
        self.progress = Progress::Unknown;
        Poll::Ready(Ok(len))
    }

    /// How much of what may be read is read into a block after a large message.
    #[cold]
    fn expect_large(&mut self, most: usize) -> usize {
        self.large = false;
        most.min(BEGINNING)
    }

    /// Notes that bytes were read past this buffer.
    pub(in crate::net) fn feed(&mut self) {
        self.progress = Progress::Fed;
        self.large = true;
    }

    /// Like [`park`](Self::park), between two batches. Where much is left in the block, the block is
    /// kept: the next batch goes on where this one ends.
    #[inline]
    pub(in crate::net) fn pause(&mut self) {
        if self.end - self.start <= pool::BLOCK / 16 {
            self.park();
        }
    }

    /// Gives a borrowed block back, and keeps what is left in it. To be called before the thread may turn
    /// to another connection.
    #[inline]
    pub(in crate::net) fn park(&mut self) {
        if !self.is_empty() {
            self.keep_rest();
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        (self.start, self.end) = (0, 0);
        if std::mem::take(&mut self.memory) == Memory::Block {
            pool::give_block(bytes);
        }
    }

    /// Moves what is left to memory of this connection's own.
    #[inline(never)]
    fn keep_rest(&mut self) {
        if self.memory == Memory::Block {
            let rest = self.bytes[self.start..self.end].to_vec();
            (self.start, self.end) = (0, rest.len());
            pool::give_block(std::mem::replace(&mut self.bytes, rest));
            self.memory = Memory::Own;
        }
    }

    /// Makes sure of a block with room after what is here.
    fn make_room(&mut self) {
        if self.memory == Memory::Own {
            let mut block = pool::take_block();
            if !self.is_empty() {
                let rest = &self.bytes[self.start..self.end];
                // The parser leaves less than a header and a control frame (§5.5), so this fits.
                block[..rest.len()].copy_from_slice(rest);
            }
            (self.start, self.end) = (0, self.end - self.start);
            self.bytes = block;
            self.memory = Memory::Block;
        } else if self.end == self.bytes.len() || self.is_empty() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}

/// Reads after what `buf` holds; there is room.
pub(in crate::net) fn poll_read_buf(
    mut stream: Pin<&mut (impl AsyncRead + Unpin)>,
    cx: &mut Context<'_>,
    buf: &mut impl BufMut,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(buf)).poll(cx)
}
