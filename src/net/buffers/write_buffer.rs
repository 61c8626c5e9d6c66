//! Bytes that were framed and not yet written.
//!
//! Frames gather here until somebody writes: that is the cork. Once the stream has taken everything,
//! the buffer goes back to the thread's [pool].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

use super::pool;
use super::traffic::Count;

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct WriteBuffer {
    bytes: Vec<u8>,
    /// `bytes[..written]` has been taken by the stream.
    written: usize,
    /// The rest of a frame that others write as well; it comes behind `bytes`. Boxed, for it is rare.
    shared: Option<Box<SharedFrame>>,
    /// The stream took bytes that it may still buffer itself.
    unflushed: bool,
    /// The stream was full when it was last asked.
    waiting: bool,
    /// It was not done flushing when it was last asked.
    flushing: bool,
    /// FrameWriter failed: what is framed now goes nowhere.
    broken: bool,
    /// The stream took bytes that had to wait, since somebody last asked: then the peer has taken
    /// some before them.
    pub(in crate::net) took: bool,
    /// The stream was shut down.
    pub(in crate::net) shut: bool,
    /// What was framed into it, and what the stream took.
    pub(in crate::net) sent: Count,
}

/// See [`WriteBuffer::put`].
#[derive(Debug, Default)]
struct SharedFrame {
    /// Never empty.
    frame: Bytes,
    /// What was framed since.
    behind: Vec<u8>,
}

impl WriteBuffer {
    /// How many bytes wait.
    #[inline]
    pub(in crate::net) fn len(&self) -> usize {
        let shared = self.shared.as_ref();
        self.bytes.len() - self.written
            + shared.map_or(0, |shared| shared.frame.len() + shared.behind.len())
    }

    /// Whether everything is written, as far as the stream can tell.
    pub(in crate::net) fn is_clear(&self) -> bool {
        self.len() == 0 && !self.unflushed
    }

    pub(in crate::net) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Where to append frames.
    #[inline]
    pub(in crate::net) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.broken {
            self.bytes.clear();
            return &mut self.bytes;
        }
        match &mut self.shared {
            Some(shared) => &mut shared.behind,
            None => {
                if self.bytes.capacity() == 0 {
                    self.bytes = pool::take_buffer();
                }
                &mut self.bytes
            }
        }
    }

    /// Puts a frame behind what waits, where it is not copied but for another that comes behind it.
    pub(in crate::net) fn put(&mut self, frame: Bytes) {
        self.own();
        if !self.broken && !frame.is_empty() {
            self.shared = Some(Box::new(SharedFrame { frame, behind: Vec::new() }));
        }
    }

    /// Copies the shared frame: something else comes behind it that is not to be copied.
    fn own(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.bytes.extend_from_slice(&shared.frame);
            self.bytes.extend_from_slice(&shared.behind);
        }
    }

    /// Writes what waits and then `payload`, which ends a frame, as far as the stream takes it now; the
    /// rest waits. So what is large is not copied.
    ///
    /// The stream wakes nobody for this: whoever waits polls it before. An error is left for then.
    /// Whether the stream took anything.
    pub(in crate::net) fn write_apart(
        &mut self,
        mut payload: &[u8],
        mut stream: Pin<&mut impl AsyncWrite>,
    ) -> bool {
        self.own();
        let mut took = false;
        while !payload.is_empty() && !self.broken && !self.waiting && !self.flushing {
            let waits = &self.bytes[self.written..];
            let slices = [IoSlice::new(waits), IoSlice::new(payload)];
            let cx = &mut Context::from_waker(Waker::noop());
            match stream.as_mut().poll_write_vectored(cx, &slices) {
                Poll::Ready(Ok(len @ 1..)) => {
                    let old = len.min(waits.len());
                    self.written += old;
                    payload = &payload[len - old..];
                    self.unflushed = true;
                    took = true;
                    self.sent.bytes(len);
                }
                Poll::Ready(_) => break,
                Poll::Pending => self.waiting = true,
            }
        }
        if payload.is_empty() {
            self.compact();
        } else {
            let buffer = self.buffer();
            pool::reserve(buffer, payload.len());
            buffer.extend_from_slice(payload);
        }
        took
    }

    /// What waits.
    pub(in crate::net) fn into_rest(mut self) -> Vec<u8> {
        if self.broken {
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
        while self.len() > 0 && !self.broken {
            let polled = stream.as_mut().poll_write(cx, self.next());
            let waited = std::mem::replace(&mut self.waiting, polled.is_pending());
            match ready!(polled) {
                Ok(0) => return Poll::Ready(Err(self.fail(io::ErrorKind::WriteZero.into()))),
                Ok(len) => {
                    self.took |= waited;
                    self.unflushed = true;
                    self.sent.bytes(len);
                    self.forget(len);
                }
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        if self.unflushed && !self.broken {
            let polled = stream.poll_flush(cx);
            let flushing = std::mem::replace(&mut self.flushing, polled.is_pending());
            // Encryption takes at once what the peer takes later.
            self.took |= flushing && polled.is_ready();
            if let Err(error) = ready!(polled) {
                return Poll::Ready(Err(self.fail(error)));
            }
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
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
                    std::mem::take(&mut shared.behind),
                ));
                self.written = 0;
                self.shared = None;
            }
        }
    }

    /// Drops everything: nothing can be written any more.
    pub(in crate::net) fn abandon(&mut self) {
        let Self { took, shut, .. } = *self;
        let sent = std::mem::take(&mut self.sent);
        *self = Self { broken: true, took, shut, sent, ..Self::default() };
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
