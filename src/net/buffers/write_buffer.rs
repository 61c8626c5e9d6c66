//! Bytes that were framed and not yet written.
//!
//! Frames gather here until a task writes. Once the stream has taken everything,
//! the buffer goes back to the thread's [pool].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::pool;
use super::traffic::Count;

/// How much of a large message is copied to stand with its header, where the stream takes one slice at a time.
/// A DATA frame of HTTP/2 holds as much at first (RFC 9113 §6.5.2).
const JOINED: usize = 16 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct WriteBuffer {
    bytes: Vec<u8>,
    /// `bytes[..written]` has been taken by the stream.
    written: usize,
    /// The rest of a frame that others write as well; it comes after `bytes`. Boxed, because it is rare.
    shared: Option<Box<SharedFrame>>,
    state: State,
    /// The stream took bytes that had to wait, since this was last asked. Then the peer has taken
    /// some before them.
    progressed: bool,
    /// Whether a caller was told that nothing can be sent any more. It is here because there is room for
    /// it.
    pub(super) refused: bool,
    /// How many bytes the stream took since this was last asked, modulo 2^32.
    taken: u32,
    /// What was framed into it, and what the stream took.
    pub(in crate::net) sent: Count,
}

/// How writing fares.
///
/// ```text
///           bytes were taken            no more is taken
///   Open ────────────────────▶ Taken ─────────────────────▶ Full
///    ▲                        │ ▲  ▲                          │
///    └─────── flushed ────────┤ │  └────── bytes were taken ──┘
///                             ▼ │
///                           Flushing       any ──▶ Shut, or Broken ──▶ Ended
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The stream has flushed what it took.
    #[default]
    Open,
    /// The stream took bytes that it may still buffer itself.
    Taken,
    /// The stream had no room when it was last asked. It may buffer bytes as well.
    Full,
    /// The stream was not done flushing when it was last asked.
    Flushing,
    /// The writing direction was ended.
    Shut,
    /// Writing failed or was given up: what is framed now goes nowhere.
    Broken,
    /// The same, and the direction was ended.
    Ended,
}

/// See [`WriteBuffer::put`].
#[derive(Debug, Default)]
struct SharedFrame {
    /// Never empty.
    frame: Bytes,
    /// What was framed since.
    after: Vec<u8>,
}

impl WriteBuffer {
    /// How many bytes wait.
    #[inline]
    pub(in crate::net) fn len(&self) -> usize {
        let shared = self.shared.as_ref();
        self.bytes.len() - self.written
            + shared.map_or(0, |shared| shared.frame.len() + shared.after.len())
    }

    /// Whether everything is written, as far as the stream can tell.
    pub(in crate::net) fn is_clear(&self) -> bool {
        self.len() == 0 && !matches!(self.state, State::Taken | State::Full | State::Flushing)
    }

    /// Whether nothing can be written any more.
    #[inline]
    pub(in crate::net) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken | State::Ended)
    }

    /// Whether the writing direction was ended.
    pub(in crate::net) fn is_shut(&self) -> bool {
        matches!(self.state, State::Shut | State::Ended)
    }

    /// Notes that the writing direction was ended.
    pub(in crate::net) fn shut(&mut self) {
        self.state = if self.is_broken() { State::Ended } else { State::Shut };
    }

    /// Whether the stream took bytes that had to wait, since this was last asked.
    pub(in crate::net) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progressed)
    }

    /// How many bytes the stream took since this was last asked.
    pub(in crate::net) fn take_taken(&mut self) -> u32 {
        std::mem::take(&mut self.taken)
    }

    /// Whether the stream has flushed all that it took, as far as it can tell.
    pub(in crate::net) fn is_flushed(&self) -> bool {
        matches!(self.state, State::Open | State::Shut)
    }

    /// Where to append frames.
    #[inline]
    pub(in crate::net) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.is_broken() {
            self.bytes.clear();
            return &mut self.bytes;
        }
        match &mut self.shared {
            Some(shared) => &mut shared.after,
            None => {
                if self.bytes.capacity() == 0 {
                    self.bytes = pool::take_buffer();
                }
                &mut self.bytes
            }
        }
    }

    /// Puts a frame after what waits. It is not copied, unless another such frame follows.
    pub(in crate::net) fn put(&mut self, frame: Bytes) {
        self.own();
        if !self.is_broken() && !frame.is_empty() {
            self.shared = Some(Box::new(SharedFrame { frame, after: Vec::new() }));
        }
    }

    /// Copies the shared frame: something else follows that is not to be copied.
    fn own(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.bytes.extend_from_slice(&shared.frame);
            self.bytes.extend_from_slice(&shared.after);
        }
    }

    /// Writes what waits and then `payload`, which ends a frame, as far as the stream takes it now; the
    /// rest waits. So what is large is not copied.
    ///
    /// The stream wakes no task for this: a task that waits polls it before. An error is left for then.
    /// Whether the stream took anything.
    pub(in crate::net) fn write_apart(
        &mut self,
        mut payload: &[u8],
        mut stream: Pin<&mut impl AsyncWrite>,
    ) -> bool {
        self.own();
        let whole = payload.len();
        let mut took = false;
        if !stream.is_write_vectored() && !self.is_broken() {
            // It takes one slice at a time: the header alone would be a frame of HTTP/2, or a packet, of its own.
            let (joined, rest) =
                payload.split_at(payload.len().min(JOINED.saturating_sub(self.len())));
            self.buffer().extend_from_slice(joined);
            payload = rest;
        }
        while !payload.is_empty() && matches!(self.state, State::Open | State::Taken) {
            let waits = &self.bytes[self.written..];
            let slices = [IoSlice::new(waits), IoSlice::new(payload)];
            let cx = &mut Context::from_waker(Waker::noop());
            match stream.as_mut().poll_write_vectored(cx, &slices) {
                Poll::Ready(Ok(len @ 1..)) => {
                    let old = len.min(waits.len());
                    self.written += old;
                    payload = &payload[len - old..];
                    self.note_taken(len);
                    took = true;
                }
                Poll::Ready(_) => break,
                Poll::Pending => self.state = State::Full,
            }
        }
        if payload.is_empty() {
            self.compact();
        } else {
            let buffer = self.buffer();
            pool::reserve(buffer, payload.len(), whole);
            buffer.extend_from_slice(payload);
        }
        took
    }

    /// What waits.
    pub(in crate::net) fn into_rest(mut self) -> Vec<u8> {
        if self.is_broken() {
            // What was framed since goes nowhere.
            return Vec::new();
        }
        self.own();
        self.bytes.split_off(self.written)
    }

    /// Writes and flushes everything.
    ///
    /// After an error nothing is written any more, and what is framed is dropped.
    pub(in crate::net) fn poll_write(
        &mut self,
        mut stream: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let flushing = self.state == State::Flushing;
        while self.len() > 0 && !self.is_broken() {
            let polled = stream.as_mut().poll_write(cx, self.next());
            match polled {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(self.fail(io::ErrorKind::WriteZero.into())));
                }
                Poll::Ready(Ok(len)) => {
                    self.progressed |= self.state == State::Full;
                    self.note_taken(len);
                    self.forget(len);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(error))),
                Poll::Pending => {
                    self.state = State::Full;
                    return Poll::Pending;
                }
            }
        }
        if self.is_clear() || self.is_broken() {
            return Poll::Ready(Ok(()));
        }
        match stream.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                // Encryption takes at once what the peer takes later.
                self.progressed |= flushing;
                self.state = State::Open;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.fail(error))),
            Poll::Pending => {
                self.state = State::Flushing;
                Poll::Pending
            }
        }
    }

    #[inline]
    fn note_taken(&mut self, len: usize) {
        self.state = State::Taken;
        self.taken = self.taken.wrapping_add(len as u32);
        self.sent.bytes(len);
    }

    /// What is to be written next: some of what waits, if anything does.
    #[inline]
    fn next(&self) -> &[u8] {
        match &self.shared {
            Some(shared) if self.written == self.bytes.len() => &shared.frame,
            _ => &self.bytes[self.written..],
        }
    }

    /// Notes that the stream took so much of that.
    #[inline]
    fn forget(&mut self, len: usize) {
        if self.written < self.bytes.len() {
            self.written += len;
            self.compact();
        } else if let Some(shared) = &mut self.shared {
            shared.frame.advance(len);
            if shared.frame.is_empty() {
                pool::give_buffer(std::mem::replace(
                    &mut self.bytes,
                    std::mem::take(&mut shared.after),
                ));
                self.written = 0;
                self.shared = None;
            }
        }
    }

    /// Drops everything: nothing can be written any more.
    pub(in crate::net) fn abandon(&mut self) {
        let state = if self.is_shut() { State::Ended } else { State::Broken };
        let Self { progressed, taken, refused, .. } = *self;
        let sent = std::mem::take(&mut self.sent);
        *self = Self { state, progressed, refused, taken, sent, ..Self::default() };
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        self.abandon();
        error
    }

    /// Forgets what was written: all of it at once, or when it is half of what is there, so that fewer
    /// bytes are moved than were written.
    #[inline]
    fn compact(&mut self) {
        if self.written == self.bytes.len() {
            pool::give_buffer(std::mem::take(&mut self.bytes));
            self.written = 0;
        } else if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}
