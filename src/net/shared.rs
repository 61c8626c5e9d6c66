//! The writing direction between tasks.
//!
//! [`Shared`] is the lock: held for framing, and for a write that does not block, never across an
//! `await`.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::watch;

use super::error::Error;
use super::link::at_once;
use super::overflow::Overflow;
use super::waiting::Waiting;
use super::writing::Writing;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, Event, Misuse};

/// The writing direction, shared.
pub(super) struct Shared<W> {
    inner: Mutex<Inner<W>>,
    pub(super) waiting: Arc<Waiting>,
    /// The transport took bytes; for the reader's clock.
    pub(super) took: AtomicBool,
    /// How often the peer was heard.
    heard: AtomicU32,
    /// A close frame was sent, which starts the reader's clock.
    pub(super) closed: AtomicBool,
    /// A writer has given the peer up; the reader ends the connection.
    pub(super) given_up: AtomicBool,
    /// What becomes of messages for which there is no room.
    pub(super) policy: Overflow,
    /// How long a peer may take nothing before a writer that waits gives it up.
    pub(super) patience: Option<Duration>,
    /// Whom it is told when much waits to be written, and when little does.
    pressure: OnceLock<Box<Pressure>>,
}

pub(super) struct Inner<W> {
    /// `None` once it was given up: whoever still holds a writer holds no descriptor.
    stream: Option<W>,
    pub(super) writing: Writing,
    /// How often the transport took something.
    taken: u32,
}

/// Two marks, so that what happens between them is told to nobody.
struct Pressure {
    low_water: usize,
    full: watch::Sender<bool>,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Shared<W> {
    pub(super) fn new(stream: W, writing: Writing, patience: Option<Duration>) -> Arc<Self> {
        let waiting = Waiting::default();
        waiting.pending.store(true, Ordering::Relaxed);
        Arc::new(Self {
            closed: AtomicBool::new(writing.sender.has_closed()),
            policy: writing.policy(),
            inner: Mutex::new(Inner { stream: Some(stream), writing, taken: 0 }),
            waiting: Arc::new(waiting),
            took: AtomicBool::new(false),
            heard: AtomicU32::new(0),
            given_up: AtomicBool::new(false),
            patience,
            pressure: OnceLock::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // Nothing is left half done by a panic: what is framed is framed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames something once there is room.
    pub(super) fn poll_frame(
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
        if inner.writing.is_full()
            && self.poll_write(inner, cx)?.is_pending()
            && inner.writing.is_full()
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// Frames an event once there is room, or does what the connection's policy says.
    pub(super) fn poll_feed(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        event: &impl AsEvent,
    ) -> Poll<Result<(), Error>> {
        match self.policy {
            Overflow::Wait => self.poll_frame(cx, |inner| inner.send(event)),
            policy => Poll::Ready(self.push(event, policy, false).map(drop)),
        }
    }

    /// Frames an event at once, or does what this policy says; where that is to wait, nothing. Whether
    /// anything was done. What the transport takes now is written, if `write` says so.
    pub(super) fn push(
        self: &Arc<Self>,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<bool, Error> {
        self.push_to(&mut self.lock(), event, policy, write)
    }

    /// The same for somebody who knows nothing of a message that may be under way in parts: behind that it
    /// waits.
    #[cfg(feature = "server")]
    pub(super) fn publish(
        self: &Arc<Self>,
        event: &impl AsEvent,
        policy: Overflow,
        write: bool,
    ) -> Result<(), Error> {
        let inner = &mut self.lock();
        if inner.writing.sender.is_unfinished() {
            if !inner.writing.may_queue() {
                self.write_now(inner);
            }
            inner.check()?;
            let queued = self.with(inner, |inner| inner.writing.queue(event, policy));
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
        if inner.writing.is_full() {
            self.write_now(inner);
        }
        inner.check()?;
        let pushed = if inner.writing.is_full() {
            self.with(inner, |inner| inner.writing.overflow(event, policy))
        } else {
            Some(self.with(inner, |inner| inner.send(event)).map_err(Error::from))
        };
        if write {
            self.write_now(inner);
        }
        pushed.map_or(Ok(false), |pushed| pushed.map(|()| true))
    }

    /// Frames the next part of a message once there is room. `began` says whether the message under way
    /// is this writer's, and is used under the lock alone.
    pub(super) fn poll_part(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        part: Event<'_>,
        fin: bool,
        began: &AtomicBool,
    ) -> Poll<Result<(), Error>> {
        let inner = &mut self.lock();
        ready!(self.poll_room(inner, cx))?;
        self.with(inner, |Inner { writing, .. }| {
            if part.is_control() {
                return writing.send_part(part, fin);
            }
            // §5.4: fragments of one message MUST NOT be interleaved with another's.
            if writing.sender.is_unfinished() && !began.load(Ordering::Relaxed) {
                return Err(Misuse::Unfinished);
            }
            writing.send_part(part, fin)?;
            began.store(!fin, Ordering::Relaxed);
            Ok(())
        })?;
        if fin && inner.writing.has_backlog() {
            // What was published meanwhile was to be written at once, and waited for this alone.
            self.write_now(inner);
        }
        Poll::Ready(Ok(()))
    }

    /// Closes the connection, for the writer has gone that alone could end the message under way. Nothing
    /// is written here, where a task may be falling apart: the reader is woken for it.
    #[cold]
    pub(super) fn leave_unfinished(&self) {
        let inner = &mut self.lock();
        // What nobody hears any more, or was closed since, has ended otherwise.
        if inner.check().is_ok() && inner.writing.sender.is_unfinished() {
            let close =
                Close { code: CloseCode::INTERNAL_ERROR, reason: "a message was left unfinished" };
            let framed = self.with(inner, |inner| inner.writing.send(close));
            debug_assert_eq!(framed, Ok(()));
        }
    }

    /// Gives the transport up, and tells everybody who waits.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        inner.writing.abandon();
        self.gauge(&inner);
        let stream = inner.stream.take();
        drop(inner);
        drop(stream);
        self.waiting.wake_by_ref();
        self.waiting.wake_reader();
    }

    /// Gives the peer up; the reader ends the connection.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.abandon();
    }

    /// Notes that bytes came from the peer.
    pub(super) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever the peer takes or says something. A kernel with megabytes of room tells only
    /// now and then that something was taken, so that a slow peer may have to speak for itself.
    pub(super) fn signs_of_life(&self) -> u32 {
        self.lock().taken.wrapping_add(self.heard.load(Ordering::Relaxed))
    }

    /// Writes what the transport takes now. The reader is woken when it takes more.
    #[cfg(feature = "server")]
    pub(super) fn flush_now(self: &Arc<Self>) {
        self.write_now(&mut self.lock());
    }

    /// Frames an event at once.
    pub(super) fn frame(&self, event: Event<'_>) -> Result<(), Misuse> {
        self.with(&mut self.lock(), |inner| inner.writing.send(event))
    }

    /// How many bytes wait to be written, and how many messages were dropped for want of room.
    pub(super) fn load(&self) -> (usize, u64) {
        let writing = &self.lock().writing;
        (writing.buffered(), writing.dropped())
    }

    /// Tells from now on whether much waits to be written.
    pub(super) fn pressure(&self, low_water: usize) -> watch::Receiver<bool> {
        let inner = self.lock();
        let full = inner.writing.is_full();
        let pressure = self
            .pressure
            .get_or_init(|| Box::new(Pressure { low_water, full: watch::Sender::new(full) }));
        pressure.full.subscribe()
    }

    /// How much compression has spared of what was sent.
    #[cfg(feature = "deflate")]
    pub(super) fn ratio(&self) -> Ratio {
        self.lock().writing.sender.ratio()
    }

    pub(super) fn with<T>(
        &self,
        inner: &mut Inner<W>,
        frame: impl FnOnce(&mut Inner<W>) -> T,
    ) -> T {
        let framed = frame(inner);
        self.waiting.pending.store(true, Ordering::Relaxed);
        if inner.writing.sender.has_closed() && !self.closed.swap(true, Ordering::Relaxed) {
            self.waiting.wake_reader();
        }
        self.gauge(inner);
        framed
    }

    /// Looks at the marks.
    fn gauge(&self, inner: &Inner<W>) {
        let Some(pressure) = self.pressure.get() else { return };
        let buffered = inner.writing.buffered();
        pressure.full.send_if_modified(|full| {
            let was = *full;
            *full = buffered > inner.writing.high_water() || was && buffered > pressure.low_water;
            was != *full
        });
    }

    /// Writes everything that is framed.
    pub(super) fn poll_flush(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut inner = self.lock();
        inner.check()?;
        self.poll_write(&mut inner, cx).map_err(Error::from)
    }

    /// Writes what is framed; the task is woken when the transport takes more.
    pub(super) fn poll_write(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.ask(inner, Some(cx.waker()), Writing::poll_write).unwrap_or(Poll::Ready(Ok(())))
    }

    /// Ends the writing direction, once everything is written.
    pub(super) fn poll_shutdown(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let inner = &mut self.lock();
        self.ask(inner, Some(cx.waker()), Writing::poll_shutdown).unwrap_or(Poll::Ready(()))
    }

    fn write_now(self: &Arc<Self>, inner: &mut Inner<W>) {
        self.ask(inner, None, |writing, mut stream, cx| {
            at_once(cx, |cx| writing.poll_write(stream.as_mut(), cx))
        });
    }

    /// Polls the transport, to write all or to end, on behalf of everybody who waits for it, and of this
    /// waker if there is one. `None`: it was given up.
    fn ask<T>(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        waker: Option<&Waker>,
        poll: impl FnOnce(&mut Writing, Pin<&mut W>, &mut Context<'_>) -> Poll<T>,
    ) -> Option<Poll<T>> {
        let Inner { stream, writing, taken } = inner;
        let stream = Pin::new(stream.as_mut()?);
        let enlisted = waker.filter(|waker| self.waiting.enlist(waker));
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let polled = poll(writing, stream, &mut Context::from_waker(&everybody));
        if writing.took_bytes() {
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
    /// transport then, for the outbox tries only where it was not full.
    fn send(&mut self, event: &impl AsEvent) -> Result<(), Misuse> {
        match &mut self.stream {
            Some(stream) => self.writing.send_apart(event, Pin::new(stream)),
            None => self.writing.send(event),
        }
    }
}

impl<W> Inner<W> {
    fn check(&self) -> Result<(), Error> {
        if self.writing.outbox.is_broken() { Err(Error::Closed) } else { Ok(()) }
    }
}
