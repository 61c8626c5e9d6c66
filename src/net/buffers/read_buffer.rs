//! Bytes that were read and not yet taken.
//!
//! They lie in a block borrowed from the thread's [pool] while they are being parsed, and move to a
//! small buffer of their own when the socket goes to sleep on them: usually none, else a partial
//! header or control frame of at most 130 bytes, or the messages behind the one just handed out.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::pool;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct ReadBuffer {
    bytes: Vec<u8>,
    /// Whether `bytes` is a block of the pool; if not it is this connection's own.
    borrowed: bool,
    /// What was read and not taken: `bytes[start..end]`.
    start: usize,
    end: usize,
    /// What is there is no whole header or control frame: the parser wants more.
    starved: bool,
    /// Bytes were read past this input: the parser has something to do all the same.
    fed: bool,
}

impl ReadBuffer {
    /// Begins with bytes that came before, for instance behind the head of the handshake.
    pub(in crate::net) fn new(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), bytes, ..Self::default() }
    }

    pub(in crate::net) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether the parser can do nothing with what is there.
    pub(in crate::net) fn is_starved(&self) -> bool {
        self.starved || self.is_empty() && !self.fed
    }

    /// Lets `parse` take bytes off the front. What it gives may be lent from there; if it gives
    /// nothing, it wants more.
    #[inline]
    pub(in crate::net) fn take<'a, T, E>(
        &'a mut self,
        parse: impl FnOnce(&mut &'a mut [u8]) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let Self { bytes, start, end, starved, fed, .. } = self;
        *fed = false;
        let mut rest = &mut bytes[*start..*end];
        let before = rest.len();
        let taken = parse(&mut rest);
        *start += before - rest.len();
        *starved = matches!(taken, Ok(None));
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

    /// Reads more behind what is there, at most so much; 0 is the end of the stream.
    pub(in crate::net) fn poll_read(
        &mut self,
        stream: Pin<&mut impl AsyncRead>,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.make_room();
        let end = self.bytes.len().min(self.end.saturating_add(most));
        let mut buf = ReadBuf::new(&mut self.bytes[self.end..end]);
        ready!(stream.poll_read(cx, &mut buf))?;
        let len = buf.filled().len();
        self.end += len;
        self.starved = false;
        Poll::Ready(Ok(len))
    }

    /// Notes that bytes were read past this input.
    pub(in crate::net) fn feed(&mut self) {
        self.starved = false;
        self.fed = true;
    }

    /// Like [`park`](Self::park), between two batches: where much is left in the block, that is kept
    /// for the next, which takes up where this one ends.
    #[inline]
    pub(in crate::net) fn pause(&mut self) {
        if self.end - self.start <= pool::BLOCK / 16 {
            self.park();
        }
    }

    /// Gives a borrowed block back, keeping what is left in it. To be called whenever the thread may
    /// turn to another connection.
    #[inline]
    pub(in crate::net) fn park(&mut self) {
        if !self.is_empty() {
            self.keep_rest();
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        (self.start, self.end) = (0, 0);
        if std::mem::take(&mut self.borrowed) {
            pool::give_block(bytes);
        }
    }

    /// Moves what is left to memory of this connection's own.
    #[inline(never)]
    fn keep_rest(&mut self) {
        if self.borrowed {
            let rest = self.bytes[self.start..self.end].to_vec();
            (self.start, self.end) = (0, rest.len());
            pool::give_block(std::mem::replace(&mut self.bytes, rest));
            self.borrowed = false;
        }
    }

    /// Makes sure of a block with room behind what is there.
    fn make_room(&mut self) {
        if !self.borrowed {
            let mut block = pool::take_block();
            if !self.is_empty() {
                let rest = &self.bytes[self.start..self.end];
                // The parser leaves less than a header and a control frame (§5.5), so this fits.
                block[..rest.len()].copy_from_slice(rest);
            }
            (self.start, self.end) = (0, self.end - self.start);
            self.bytes = block;
            self.borrowed = true;
        } else if self.end == self.bytes.len() || self.is_empty() {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }
}

/// Reads behind what `buf` holds; there is room.
pub(in crate::net) fn poll_read_buf(
    mut stream: Pin<&mut (impl AsyncRead + Unpin)>,
    cx: &mut Context<'_>,
    buf: &mut impl BufMut,
) -> Poll<io::Result<usize>> {
    pin!(stream.read_buf(buf)).poll(cx)
}
