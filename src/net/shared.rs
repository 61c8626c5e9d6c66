//! The writing direction between tasks.
//!
//! [`Shared`] is the lock: held for framing, and for a write that does not block. [`Waiting`] is the
//! waker that the transport gets, for many may wait and a transport remembers one; it owns nothing
//! but their wakers, or a transport that waits would keep itself alive. [`Half`] is what the reading
//! task has: its own direction, and a hand on the shared one that it uses only where it owes the
//! peer something.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::error::Error;
use super::link::Link;
use super::writing::Writing;
#[cfg(feature = "deflate")]
use crate::proto::Ratio;
use crate::proto::{Event, Misuse, Replies};

/// The writing direction, shared.
pub(super) struct Shared<W> {
    inner: Mutex<Inner<W>>,
    waiting: Arc<Waiting>,
    /// Something is framed that the reader should see written when it next waits.
    pending: AtomicBool,
    /// The transport took bytes; for the reader's clock.
    took: AtomicBool,
}

struct Inner<W> {
    stream: W,
    writing: Writing,
    /// Tells the reader that a close frame was sent, which starts its clock.
    closed: Option<oneshot::Sender<()>>,
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

    /// Frames an event at once.
    pub(super) fn frame(&self, event: Event<'_>) -> Result<(), Misuse> {
        self.with(&mut self.lock(), |writing| writing.send(event))
    }

    /// How much compression has spared of what was sent.
    #[cfg(feature = "deflate")]
    pub(super) fn ratio(&self) -> Ratio {
        self.lock().writing.sender.ratio()
    }

    fn with<T>(&self, inner: &mut Inner<W>, frame: impl FnOnce(&mut Writing) -> T) -> T {
        let framed = frame(&mut inner.writing);
        self.pending.store(true, Ordering::Relaxed);
        if inner.writing.sender.has_closed()
            && let Some(closed) = inner.closed.take()
        {
            let _ = closed.send(());
        }
        framed
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
        let polled = self.wait(inner, cx, Writing::poll_write);
        if polled.is_ready() {
            self.pending.store(false, Ordering::Relaxed);
        }
        polled
    }

    /// Polls the transport on behalf of everybody who waits for it.
    fn wait<T>(
        self: &Arc<Self>,
        inner: &mut Inner<W>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Writing, Pin<&mut W>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.waiting.enlist(cx.waker());
        let everybody = Waker::from(Arc::clone(&self.waiting));
        let Inner { stream, writing, .. } = inner;
        let polled = poll(writing, Pin::new(stream), &mut Context::from_waker(&everybody));
        if writing.took_bytes() {
            self.took.store(true, Ordering::Relaxed);
        }
        if polled.is_ready() {
            self.waiting.dismiss(cx.waker());
            everybody.wake();
        }
        polled
    }
}

/// The tasks that wait to write.
#[derive(Default)]
struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enlist(&self, waker: &Waker) {
        let mut waiting = self.lock();
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    fn dismiss(&self, waker: &Waker) {
        self.lock().retain(|other| !other.will_wake(waker));
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.into_iter().for_each(Waker::wake);
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
    /// Resolves when a close frame is sent; `None` after that.
    on_close: Option<oneshot::Receiver<()>>,
}

impl<R, W> Half<R, W> {
    pub(super) fn new(reading: R, stream: W, writing: Writing) -> Self {
        let (closed, on_close) = oneshot::channel();
        let on_close = (!writing.sender.has_closed()).then_some(on_close);
        let shared = Shared {
            inner: Mutex::new(Inner { stream, writing, closed: Some(closed) }),
            waiting: Arc::default(),
            pending: AtomicBool::new(true),
            took: AtomicBool::new(false),
        };
        Self { reading, shared: Arc::new(shared), on_close }
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
        if self.shared.pending.load(Ordering::Relaxed) {
            self.shared.poll_write(&mut self.shared.lock(), cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.wait(&mut self.shared.lock(), cx, Writing::poll_shutdown)
    }

    /// Writers wait; the reader never does, lest two peers wait for each other.
    fn is_full(&self) -> bool {
        false
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(on_close) = &mut self.on_close {
            if Pin::new(on_close).poll(cx).is_pending() {
                return false;
            }
            self.on_close = None;
        }
        true
    }

    fn took_bytes(&mut self) -> bool {
        self.shared.took.load(Ordering::Relaxed) && self.shared.took.swap(false, Ordering::Relaxed)
    }

    fn abandon(&mut self) {
        self.shared.lock().writing.outbox.abandon();
        self.shared.waiting.wake_by_ref();
    }
}
