//! The writing direction between tasks.
//!
//! [`SharedWriter`] is the lock: held for framing, and for a write that does not block, never across an
//! `await`.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::watch;

use super::waker_set::WakerSet;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::error::Error;
use crate::net::overflow::Overflow;
use crate::net::socket::link::at_once;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, CloseFrame, Event, Misuse};

/// The writing direction, shared.
pub(in crate::net) struct SharedWriter<W> {
    inner: Mutex<Inner<W>>,
    pub(in crate::net) waiting: Arc<WakerSet>,
    /// The transport took bytes; for the reader's clock.
    pub(in crate::net) took: AtomicBool,
    /// How often the peer was heard.
    heard: AtomicU32,
    /// A close frame was sent, which starts the reader's clock.
    pub(in crate::net) closed: AtomicBool,
    /// A writer has given the peer up; the reader ends the connection.
    pub(in crate::net) given_up: AtomicBool,
    /// What becomes of messages for which there is no room.
    pub(in crate::net) policy: Overflow,
    /// How long a peer may take nothing before a writer that waits gives it up.
    pub(in crate::net) stall_timeout: Option<Duration>,
    /// Whom it is told when much waits to be written, and when little does.
    pressure: OnceLock<Box<Pressure>>,
}

pub(in crate::net) struct Inner<W> {
    /// `None` once it was given up: whoever still holds a writer holds no descriptor.
    stream: Option<W>,
    pub(in crate::net) frame_writer: FrameWriter,
    /// How often the transport took something.
    taken: u32,
    /// How the connection ends, once that is known: then it is not the caller's fault that nothing can
    /// be sent.
    ending: Option<Box<CloseFrame>>,
}

/// Two marks, so that what happens between them is told to nobody.
struct Pressure {
    low_water: usize,
    full: watch::Sender<bool>,
}

impl<W: AsyncWrite + Unpin + Send + 'static> SharedWriter<W> {
    pub(in crate::net) fn new(
        stream: W,
        frame_writer: FrameWriter,
        stall_timeout: Option<Duration>,
    ) -> Arc<Self> {
        let waiting = WakerSet::default();
        waiting.pending.store(true, Ordering::Relaxed);
        Arc::new(Self {
            closed: AtomicBool::new(frame_writer.sender.has_closed()),
            policy: frame_writer.policy(),
            inner: Mutex::new(Inner { stream: Some(stream), frame_writer, taken: 0, ending: None }),
            waiting: Arc::new(waiting),
            took: AtomicBool::new(false),
            heard: AtomicU32::new(0),
            given_up: AtomicBool::new(false),
            stall_timeout,
            pressure: OnceLock::new(),
        })
    }

    pub(in crate::net) fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // Nothing is left half done by a panic: what is framed is framed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames something once there is room.
    pub(in crate::net) fn poll_frame(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        frame: impl FnOnce(&mut Inner<W>) -> Result<(), Misuse>,
    ) -> Poll<Result<(), Error>> {
        let inner = &mut self.lock();
        ready!(self.poll_room(inner, cx))?;
        Poll::Ready(Ok(self.with(inner, frame)?))
    }

    /// Waits until something may be framed.
    fn poll_room(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        inner.check()?;
        if inner.frame_writer.is_full()
            && self.poll_write(inner, cx).map_err(Error::from_transport)?.is_pending()
            && inner.frame_writer.is_full()
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Frames an event once there is room, or does what the connection's policy says.
    pub(in crate::net) fn poll_feed(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        event: &impl AsEvent,
    ) -> Poll<Result<(), Error>> {
        match self.policy {
            Overflow::Wait => self.poll_frame(cx, |inner| inner.feed(event)),
            policy => Poll::Ready(self.push(event, policy, false).map(drop)),
        }
    }

    /// Frames an event at once, or does what this policy says; where that is to wait, nothing. Whether
    /// anything was done. What the transport takes now is written, if `write` says so.
    pub(in crate::net) fn push(
        self: &Arc<Self>,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<bool, Error> {
        self.push_to(&mut self.lock(), event, policy, write)
    }

    /// The same for somebody who knows nothing of a message that may be under way in parts: behind that it
    /// waits.
    pub(in crate::net) fn publish(
        self: &Arc<Self>,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<(), Error> {
        let inner = &mut self.lock();
        if inner.frame_writer.sender.is_unfinished() {
            if !inner.frame_writer.may_queue() {
                self.write_now(inner);
            }
            inner.check()?;
            let queued = self.with(inner, |inner| inner.frame_writer.queue(event, policy));
            if write {
                self.write_now(inner);
            }
            return queued;
        }
        self.push_to(inner, event, policy, write).map(drop)
    }

    fn push_to(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<bool, Error> {
        if inner.frame_writer.is_full() {
            self.write_now(inner);
        }
        inner.check()?;
        let pushed = if inner.frame_writer.is_full() {
            self.with(inner, |inner| inner.frame_writer.overflow(event, policy))
        } else {
            Some(self.with(inner, |inner| inner.feed(event)).map_err(Error::from))
        };
        if write {
            self.write_now(inner);
        }
        pushed.map_or(Ok(false), |pushed| pushed.map(|()| true))
    }

    /// Frames the next part of a message once there is room. `began` says whether the message under way
    /// is this writer's, and is used under the lock alone.
    pub(in crate::net) fn poll_part(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        part: Event<'_>,
        fin: bool,
        began: &AtomicBool,
    ) -> Poll<Result<(), Error>> {
        let inner = &mut self.lock();
        ready!(self.poll_room(inner, cx))?;
        self.with(inner, |Inner { frame_writer, .. }| {
            if part.is_control() {
                return frame_writer.feed_part(part, fin);
            }
            // §5.4: fragments of one message MUST NOT be interleaved with another's.
            if frame_writer.sender.is_unfinished() && !began.load(Ordering::Relaxed) {
                return Err(Misuse::Unfinished);
            }
            frame_writer.feed_part(part, fin)?;
            began.store(!fin, Ordering::Relaxed);
            Ok(())
        })?;
        if fin && inner.frame_writer.has_backlog() {
            // What was published meanwhile was to be written at once, and waited for this alone.
            self.write_now(inner);
        }
        Poll::Ready(Ok(()))
    }

    /// Closes the connection, for the writer has gone that alone could end the message under way. Nothing
    /// is written here, where a task may be falling apart: the reader is woken for it.
    #[cold]
    pub(in crate::net) fn leave_unfinished(&self) {
        let inner = &mut self.lock();
        // What nobody hears any more, or was closed since, has ended otherwise.
        if inner.check().is_ok() && inner.frame_writer.sender.is_unfinished() {
            let close =
                Close { code: CloseCode::INTERNAL_ERROR, reason: "a message was left unfinished" };
            let framed = self.with(inner, |inner| inner.frame_writer.feed(close));
            debug_assert_eq!(framed, Ok(()));
        }
    }

    /// Gives the transport up, and tells everybody who waits.
    pub(in crate::net) fn abandon(&self) {
        let mut inner = self.lock();
        inner.frame_writer.abandon();
        self.gauge(&inner);
        let stream = inner.stream.take();
        drop(inner);
        drop(stream);
        self.waiting.wake_by_ref();
        self.waiting.wake_reader();
    }

    /// Gives the peer up; the reader ends the connection.
    pub(in crate::net) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.abandon();
    }

    /// Notes how the connection ends.
    pub(in crate::net) fn note_ending(&self, close: &CloseFrame) {
        self.lock().ending.get_or_insert_with(|| Box::new(close.clone()));
    }

    /// Why nothing can be sent: how the peer has ended the connection, if it was the peer.
    pub(in crate::net) fn explain(&self, error: Error) -> Error {
        match (error, &self.lock().ending) {
            (Error::Misuse(Misuse::Closed) | Error::Closed(_), Some(close)) => {
                Error::Closed((**close).clone())
            }
            (error, _) => error,
        }
    }

    /// Notes that bytes came from the peer.
    pub(in crate::net) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever the peer takes or says something. A kernel with megabytes of room tells only
    /// now and then that something was taken, so that a slow peer may have to speak for itself.
    pub(in crate::net) fn signs_of_life(&self) -> u32 {
        self.lock().taken.wrapping_add(self.heard.load(Ordering::Relaxed))
    }

    /// Writes what the transport takes now. The reader is woken when it takes more.
    pub(in crate::net) fn flush_now(self: &Arc<Self>) {
        self.write_now(&mut self.lock());
    }

    /// Frames an event at once.
    pub(in crate::net) fn frame(&self, event: Event<'_>) -> Result<(), Misuse> {
        self.with(&mut self.lock(), |inner| inner.frame_writer.feed(event))
    }

    /// How many bytes wait to be written, and how many messages were dropped for want of room.
    pub(in crate::net) fn load(&self) -> (usize, u64) {
        let frame_writer = &self.lock().frame_writer;
        (frame_writer.buffered(), frame_writer.dropped())
    }

    /// Tells from now on whether much waits to be written.
    pub(in crate::net) fn pressure(&self, low_water: usize) -> watch::Receiver<bool> {
        let inner = self.lock();
        let full = inner.frame_writer.is_full();
        let pressure = self
            .pressure
            .get_or_init(|| Box::new(Pressure { low_water, full: watch::Sender::new(full) }));
        pressure.full.subscribe()
    }

    /// How much compression has spared of what was sent.
    #[cfg(feature = "deflate")]
    pub(in crate::net) fn ratio(&self) -> Ratio {
        self.lock().frame_writer.sender.ratio()
    }

    pub(in crate::net) fn with<T>(
        &self,
        inner: &mut Inner<W>,
        frame: impl FnOnce(&mut Inner<W>) -> T,
    ) -> T {
        let framed = frame(inner);
        self.waiting.pending.store(true, Ordering::Relaxed);
        if inner.frame_writer.sender.has_closed() && !self.closed.swap(true, Ordering::Relaxed) {
            self.waiting.wake_reader();
        }
        self.gauge(inner);
        framed
    }

    /// Looks at the marks.
    fn gauge(&self, inner: &Inner<W>) {
        let Some(pressure) = self.pressure.get() else { return };
        let buffered = inner.frame_writer.buffered();
        pressure.full.send_if_modified(|full| {
            let was = *full;
            *full =
                buffered > inner.frame_writer.high_water() || was && buffered > pressure.low_water;
            was != *full
        });
    }

    /// Writes everything that is framed.
    pub(in crate::net) fn poll_flush(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let mut inner = self.lock();
        inner.check()?;
        self.poll_write(&mut inner, cx).map_err(Error::from_transport)
    }

    /// Writes what is framed; the task is woken when the transport takes more.
    pub(in crate::net) fn poll_write(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.ask(inner, Some(cx.waker()), FrameWriter::poll_write).unwrap_or(Poll::Ready(Ok(())))
    }

    /// Ends the writing direction, once everything is written.
    pub(in crate::net) fn poll_shutdown(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let inner = &mut self.lock();
        self.ask(inner, Some(cx.waker()), FrameWriter::poll_shutdown).unwrap_or(Poll::Ready(()))
    }

    fn write_now(self: &Arc<Self>, inner: &mut Inner<W>) {
        self.ask(inner, None, |frame_writer, mut stream, cx| {
            at_once(cx, |cx| frame_writer.poll_write(stream.as_mut(), cx))
        });
    }

    /// Polls the transport, to write all or to end, on behalf of everybody who waits for it, and of this
    /// waker if there is one. `None`: it was given up.
    fn ask<T>(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        waker: Option<&Waker>,
        poll: impl FnOnce(&mut FrameWriter, Pin<&mut W>, &mut Context<'_>) -> Poll<T>,
    ) -> Option<Poll<T>> {
        let Inner { stream, frame_writer, taken, .. } = inner;
        let stream = Pin::new(stream.as_mut()?);
        let enlisted = waker.filter(|waker| self.waiting.enlist(waker));
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let polled = poll(frame_writer, stream, &mut Context::from_waker(&everybody));
        if frame_writer.took_bytes() {
            *taken = taken.wrapping_add(1);
            self.took.store(true, Ordering::Relaxed);
        }
        if polled.is_ready() {
            self.waiting.pending.store(false, Ordering::Relaxed);
            // Another future of this task may have waited before.
            if let Some(waker) = enlisted {
                self.waiting.dismiss(waker);
            }
            everybody.wake();
        }
        self.gauge(inner);
        Some(polled)
    }
}

impl<W: AsyncWrite + Unpin> Inner<W> {
    /// Frames an event, and writes it at once if it is large, lest it be copied: nobody waits for the
    /// transport then, for the write buffer tries only where it was not full.
    fn feed(&mut self, event: &impl AsEvent) -> Result<(), Misuse> {
        match &mut self.stream {
            Some(stream) => self.frame_writer.feed_borrowed(event, Pin::new(stream)),
            None => self.frame_writer.feed(event),
        }
    }
}

impl<W> Inner<W> {
    fn check(&self) -> Result<(), Error> {
        if self.frame_writer.write_buffer.is_broken() {
            return Err(Error::closed_abnormally());
        }
        Ok(())
    }
}
