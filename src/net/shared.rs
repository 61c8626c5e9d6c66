//! The writing direction between tasks.
//!
//! [`Shared`] is the lock: held for framing, and for a write that does not block. [`Half`] is what the
//! reading task has: its own direction, and a hand on the shared one that it uses only where it owes the
//! peer something, or where writers who do not wait have left something to be written.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::error::Error;
use super::link::{Link, at_once};
use super::overflow::Overflow;
use super::timer::{Timer, now};
#[cfg(feature = "metrics")]
use super::traffic::Count;
use super::waiting::Waiting;
use super::writing::Writing;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{AsEvent, Event, Expired, Misuse, Replies};

/// The writing direction, shared.
pub(super) struct Shared<W> {
    inner: Mutex<Inner<W>>,
    waiting: Arc<Waiting>,
    /// The transport took bytes; for the reader's clock.
    took: AtomicBool,
    /// A close frame was sent, which starts the reader's clock.
    closed: AtomicBool,
    /// A writer has given the peer up; the reader ends the connection.
    given_up: AtomicBool,
    /// What becomes of messages for which there is no room.
    pub(super) policy: Overflow,
    /// How long a peer may take nothing before a writer that waits gives it up.
    patience: Option<Duration>,
    /// Whom it is told when much waits to be written, and when little does.
    pressure: OnceLock<Box<Pressure>>,
}

struct Inner<W> {
    /// `None` once it was given up: whoever still holds a writer holds no descriptor.
    stream: Option<W>,
    writing: Writing,
    /// How often the transport took something.
    taken: u32,
}

/// A writer that waits: how long it does, and that it is forgotten when it does not any more.
pub(super) struct Patience<'a, W: AsyncWrite + Unpin + Send + 'static> {
    shared: &'a Shared<W>,
    timer: Timer,
    /// Until when, unless the transport takes more than when it had taken this.
    until: Option<(Instant, u32)>,
    /// Under which it is known to the others.
    waker: Option<Waker>,
}

/// Two marks, so that what happens between them is told to nobody.
struct Pressure {
    low_water: usize,
    full: watch::Sender<bool>,
}

impl<W: AsyncWrite + Unpin + Send + 'static> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // Nothing is left half done by a panic: what is framed is framed whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames something once there is room.
    pub(super) fn poll_frame(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        frame: impl FnOnce(&mut Writing) -> Result<(), Misuse>,
    ) -> Poll<Result<(), Error>> {
        let mut inner = self.lock();
        inner.check()?;
        if inner.writing.is_full()
            && self.poll_write(&mut inner, cx)?.is_pending()
            && inner.writing.is_full()
        {
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.with(&mut inner, frame)?))
    }

    /// Frames an event once there is room, or does what the connection's policy says.
    pub(super) fn poll_feed(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        event: &impl AsEvent,
    ) -> Poll<Result<(), Error>> {
        match self.policy {
            Overflow::Wait => self.poll_frame(cx, |writing| writing.send(event)),
            policy => Poll::Ready(self.push(event, policy).map(drop)),
        }
    }

    /// Frames an event at once, or does what this policy says; where that is to wait, nothing. Whether
    /// anything was done.
    pub(super) fn push(
        self: &Arc<Self>,
        event: &impl AsEvent,
        policy: Overflow,
    ) -> Result<bool, Error> {
        let mut inner = self.lock();
        if inner.writing.is_full() {
            self.write_now(&mut inner);
        }
        inner.check()?;
        if inner.writing.is_full() {
            let done = self.with(&mut inner, |writing| writing.overflow(event, policy));
            return done.map_or(Ok(false), |done| done.map(|()| true));
        }
        self.with(&mut inner, |writing| writing.send(event))?;
        Ok(true)
    }

    /// Gives the transport up, and tells everybody who waits.
    fn abandon(&self) {
        let mut inner = self.lock();
        inner.writing.abandon();
        self.gauge(&inner);
        let stream = inner.stream.take();
        drop(inner);
        drop(stream);
        self.waiting.wake_by_ref();
        self.waiting.wake_reader();
    }

    /// For one who begins to wait.
    pub(super) fn patience(&self) -> Patience<'_, W> {
        Patience { shared: self, timer: Timer::default(), until: None, waker: None }
    }

    /// Counts a message that was not said.
    #[cfg(feature = "server")]
    pub(super) fn drop_one(&self) {
        self.lock().writing.drop_one();
    }

    /// Writes what the transport takes now. The reader is woken when it takes more.
    pub(super) fn flush_now(self: &Arc<Self>) {
        self.write_now(&mut self.lock());
    }

    /// Frames an event at once.
    pub(super) fn frame(&self, event: Event<'_>) -> Result<(), Misuse> {
        self.with(&mut self.lock(), |writing| writing.send(event))
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

    fn with<T>(&self, inner: &mut Inner<W>, frame: impl FnOnce(&mut Writing) -> T) -> T {
        let framed = frame(&mut inner.writing);
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

    fn poll_write(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.wait(inner, cx, Writing::poll_write, || Ok(()));
        self.wrote(inner, &polled);
        polled
    }

    fn write_now(self: &Arc<Self>, inner: &mut Inner<W>) {
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let Inner { stream: Some(stream), writing, .. } = inner else { return };
        let polled = at_once(&mut Context::from_waker(&everybody), |cx| {
            writing.poll_write(Pin::new(&mut *stream), cx)
        });
        if writing.took_bytes() {
            inner.taken = inner.taken.wrapping_add(1);
            self.took.store(true, Ordering::Relaxed);
        }
        self.wrote(inner, &polled);
        if polled.is_ready() {
            everybody.wake();
        }
    }

    fn wrote(&self, inner: &Inner<W>, polled: &Poll<io::Result<()>>) {
        if polled.is_ready() {
            self.waiting.pending.store(false, Ordering::Relaxed);
        }
        self.gauge(inner);
    }

    /// Polls the transport on behalf of everybody who waits for it.
    fn wait<T>(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Writing, Pin<&mut W>, &mut Context<'_>) -> Poll<T>,
        gone: impl FnOnce() -> T,
    ) -> Poll<T> {
        let Inner { stream: Some(stream), writing, .. } = inner else {
            return Poll::Ready(gone());
        };
        let enlisted = self.waiting.enlist(cx.waker());
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let polled = poll(writing, Pin::new(stream), &mut Context::from_waker(&everybody));
        if writing.took_bytes() {
            inner.taken = inner.taken.wrapping_add(1);
            self.took.store(true, Ordering::Relaxed);
        }
        if polled.is_ready() {
            // Another future of this task may have waited before.
            if enlisted {
                self.waiting.dismiss(cx.waker());
            }
            everybody.wake();
        }
        polled
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Patience<'_, W> {
    /// Ready when a peer has taken nothing for too long: then the connection is given up.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        let Some(patience) = self.shared.patience else { return Poll::Pending };
        loop {
            let taken = self.shared.lock().taken;
            let at = match self.until {
                Some((at, before)) if before == taken => at,
                _ => now() + patience,
            };
            self.until = Some((at, taken));
            ready!(self.timer.poll(cx, at, || {}));
            if self.shared.lock().taken == taken {
                self.shared.given_up.store(true, Ordering::Relaxed);
                self.shared.abandon();
                return Poll::Ready(Expired::Pong.into());
            }
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Drop for Patience<'_, W> {
    fn drop(&mut self) {
        // Another future of its task may wait under the same waker, and must be asked again then.
        if let Some(waker) = &self.waker
            && self.shared.waiting.dismiss(waker)
        {
            waker.wake_by_ref();
        }
    }
}

impl<W> Inner<W> {
    fn check(&self) -> Result<(), Error> {
        if self.writing.outbox.is_broken() { Err(Error::Closed) } else { Ok(()) }
    }
}

/// The reading direction, and a hand on the writing one.
pub(super) struct Half<R, W> {
    reading: R,
    shared: Arc<Shared<W>>,
}

impl<R, W> Half<R, W> {
    pub(super) fn new(reading: R, stream: W, writing: Writing, patience: Option<Duration>) -> Self {
        let closed = AtomicBool::new(writing.sender.has_closed());
        let policy = writing.policy();
        let waiting = Waiting::default();
        waiting.pending.store(true, Ordering::Relaxed);
        let shared = Shared {
            inner: Mutex::new(Inner { stream: Some(stream), writing, taken: 0 }),
            waiting: Arc::new(waiting),
            took: AtomicBool::new(false),
            closed,
            given_up: AtomicBool::new(false),
            policy,
            patience,
            pressure: OnceLock::new(),
        };
        Self { reading, shared: Arc::new(shared) }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<W>> {
        &self.shared
    }
}

impl<R, W> Link for Half<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Reading = R;

    fn reading(&mut self) -> Pin<&mut R> {
        Pin::new(&mut self.reading)
    }

    fn settle(&mut self, replies: &mut Replies) {
        if !replies.is_empty() {
            self.shared.with(&mut self.shared.lock(), |writing| writing.settle(replies));
        }
    }

    fn frame(&mut self, event: Event<'_>) {
        let _ = self.shared.frame(event);
    }

    fn rest(&mut self) {
        self.shared.lock().writing.sender.rest();
    }

    /// Only where something is pending: what writers wait for they write themselves.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // First, so that what becomes pending from here on wakes this task.
        self.shared.waiting.set_reader(cx.waker());
        if self.shared.given_up.load(Ordering::Relaxed) {
            let message = "the peer takes nothing";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
        }
        if self.shared.waiting.pending.load(Ordering::Relaxed) {
            self.shared.poll_write(&mut self.shared.lock(), cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.shared.lock();
        let polled = self.shared.wait(&mut inner, cx, Writing::poll_shutdown, || ());
        self.shared.gauge(&inner);
        polled
    }

    /// Writers wait; the reader never does, lest two peers wait for each other.
    fn is_full(&self) -> bool {
        false
    }

    /// What it is answered with is for the writers to see to.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Writing, which comes before, has left word whom to wake.
    fn poll_closed(&mut self, _: &mut Context<'_>) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }

    fn took_bytes(&mut self) -> bool {
        self.shared.took.load(Ordering::Relaxed) && self.shared.took.swap(false, Ordering::Relaxed)
    }

    #[cfg(feature = "metrics")]
    fn sent(&self) -> Count {
        self.shared.lock().writing.outbox.sent
    }

    fn abandon(&mut self) {
        self.shared.abandon();
    }
}
