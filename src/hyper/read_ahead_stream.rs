//! A WebSocket's stream of HTTP/2, as hyper gives it, made fit for a socket.
//!
//! **It is read although its handler pauses.** A handler that waits for something else does not read. What comes
//! then lies in h2 as one entry for each DATA frame. h2 allows few small ones over all of a connection. When there
//! are more it ends the connection with all its WebSockets. So a task of each stream, the guard, reads on into a
//! buffer of up to [`READ_AHEAD`] bytes. It does so only while the handler pauses. Else the socket reads from
//! hyper directly, and the guard finds nothing to do.
//!
//! ```text
//!   DATA comes ──▶ guard and reader are woken
//!                    │      └─ reader polls: it reads directly, and waits again
//!                    └─ the reader has not come back: reads on, up to READ_AHEAD bytes
//! ```
//!
//! **Its errors are ends.** Whatever hyper says of a stream means that the stream or its connection has ended
//! (RFC 8441 §5, RFC 9113 §5.4). So an error without a kind of its own is a reset.
//!
//! **It takes little at once.** hyper copies what it is given, so it is given no more than [`WRITE`] bytes.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read while the handler pauses: 1,600 frames of 20 bytes.
pub(super) const READ_AHEAD: usize = 32 << 10;

/// hyper holds up to three such pieces.
const WRITE: usize = 8 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct ReadAheadStream(Arc<Shared>);

/// What the socket and the guard share.
#[derive(Debug)]
struct Shared {
    /// Held while hyper's stream is polled, which may wake. So [`Wakers`] are not in here.
    state: Mutex<State>,
    wakers: Arc<Wakers>,
}

#[derive(Debug)]
struct State {
    /// `None` once the socket has dropped it.
    stream: Option<TokioIo<Upgraded>>,
    /// What was read while the handler paused.
    ahead: BytesMut,
    /// What comes after `ahead`, if that is known to be the end.
    end: Option<io::Result<()>>,
}

/// Who is woken when something can be read. hyper's stream knows this as its one waker.
#[derive(Debug, Default)]
struct Wakers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Set while the socket waits for something to read.
    reader: Option<Waker>,
    guard: Option<Waker>,
}

impl ReadAheadStream {
    /// Takes hold of the stream, and spawns its guard on the runtime of this task.
    pub(super) fn new(upgraded: Upgraded) -> Self {
        let stream = Some(TokioIo::new(upgraded));
        let state = Mutex::new(State { stream, ahead: BytesMut::new(), end: None });
        let shared = Arc::new(Shared { state, wakers: Arc::default() });
        tokio::spawn(guard(shared.clone()));
        Self(shared)
    }
}

impl Drop for ReadAheadStream {
    fn drop(&mut self) {
        // The guard must not keep it.
        drop(self.0.lock().stream.take());
        self.0.wakers.forget_reader();
    }
}

/// Reads on while the socket does not, until the socket has dropped the stream.
async fn guard(shared: Arc<Shared>) {
    let mut patient = true;
    poll_fn(|cx| {
        if shared.wakers.is_awaited(cx) {
            patient = true;
            return Poll::Pending;
        }
        // What has woken the guard has woken the reader: that goes first.
        if std::mem::take(&mut patient) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        patient = true;
        shared.read_ahead()
    })
    .await;
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what has come, as far as there is room for it. `Ready` when the stream is gone.
    fn read_ahead(&self) -> Poll<()> {
        let waker = Waker::from(self.wakers.clone());
        let cx = &mut Context::from_waker(&waker);
        let mut piece = [0; 4 << 10];
        let mut state = self.lock();
        let State { stream, ahead, end } = &mut *state;
        let Some(stream) = stream else { return Poll::Ready(()) };
        while end.is_none() && ahead.len() < READ_AHEAD {
            let most = piece.len().min(READ_AHEAD - ahead.len());
            let mut room = ReadBuf::new(&mut piece[..most]);
            match Pin::new(&mut *stream).poll_read(cx, &mut room) {
                Poll::Ready(Ok(())) if room.filled().is_empty() => *end = Some(Ok(())),
                Poll::Ready(Ok(())) => ahead.extend_from_slice(room.filled()),
                Poll::Ready(Err(error)) => *end = Some(Err(error)),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for ReadAheadStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Shared { wakers, .. } = &*self.0;
        let mut state = self.0.lock();
        if !state.ahead.is_empty() {
            let len = state.ahead.len().min(buf.remaining());
            buf.put_slice(&state.ahead[..len]);
            state.ahead.advance(len);
            if state.ahead.is_empty() {
                // A socket whose handler keeps up owns no buffer.
                state.ahead = BytesMut::new();
            }
            drop(state);
            // There is room again.
            wakers.wake_guard();
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = &mut state.end {
            return Poll::Ready(std::mem::replace(end, Ok(())).map_err(as_end));
        }
        let Some(stream) = &mut state.stream else { return Poll::Ready(Ok(())) };
        wakers.set_reader(cx);
        let waker = Waker::from(wakers.clone());
        let polled = ready!(Pin::new(stream).poll_read(&mut Context::from_waker(&waker), buf));
        drop(state);
        // From here on no task waits for what comes next, unless the reader comes back.
        wakers.forget_reader();
        Poll::Ready(polled.map_err(as_end))
    }
}

impl AsyncWrite for ReadAheadStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, &bytes[..bytes.len().min(WRITE)]))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

impl ReadAheadStream {
    /// Does something with hyper's stream.
    fn with<T>(
        &self,
        act: impl FnOnce(Pin<&mut TokioIo<Upgraded>>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.0.lock().stream {
            Some(stream) => act(Pin::new(stream)).map_err(as_end),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

/// See the module. What has a kind is the transport's own error.
fn as_end(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Other => io::Error::new(io::ErrorKind::ConnectionReset, error),
        _ => error,
    }
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket is about to wait.
    fn set_reader(&self, cx: &Context<'_>) {
        let mut waiting = self.lock();
        match &mut waiting.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            reader => *reader = Some(cx.waker().clone()),
        }
    }

    /// The socket has read something, and its handler may pause now.
    fn forget_reader(&self) {
        self.lock().reader = None;
        self.wake_guard();
    }

    /// Whether the socket waits. The guard is woken when that changes.
    fn is_awaited(&self, cx: &Context<'_>) -> bool {
        let mut waiting = self.lock();
        match &mut waiting.guard {
            Some(guard) => guard.clone_from(cx.waker()),
            guard => *guard = Some(cx.waker().clone()),
        }
        waiting.reader.is_some()
    }

    fn wake_guard(&self) {
        let guard = self.lock().guard.clone();
        if let Some(guard) = guard {
            guard.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Something can be read. hyper and h2 hold locks of their own while they call this.
    fn wake_by_ref(self: &Arc<Self>) {
        let reader = self.lock().reader.take();
        // The reader goes last, because the runtime runs next who was woken last.
        self.wake_guard();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
