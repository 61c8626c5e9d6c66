//! What has come on a stream and was not read, apart from `h2`.
//!
//! `h2` keeps an entry for each DATA frame that was not read. It allows few small ones over all of a connection. When
//! there are more, it ends the connection: a socket whose task pauses would end the others. So the task that drives the
//! connection takes out what has come, each time it has read. Here a small frame costs its bytes. What a peer may send is
//! limited by its windows, which are given back when the socket has read.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use bytes::{Buf, Bytes, BytesMut};
use h2::RecvStream;
use tokio::io::ReadBuf;

use super::fate;

/// A piece that is shorter is copied: it might hold much more memory than it is long.
const LARGE: usize = 8 << 10;

/// As much as is copied to one place.
const PIECE: usize = 16 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stream: RecvStream,
    pieces: VecDeque<Bytes>,
    /// What comes after them: small pieces in one.
    last: BytesMut,
    /// What comes after that, if it is known.
    end: Option<io::Result<()>>,
    reader: Option<Waker>,
}

/// The streams on which something has come. Its lock is the last that is taken: `h2` wakes while it holds its own.
#[derive(Debug, Default)]
pub(super) struct Arrived(Mutex<Arrivals>);

#[derive(Debug, Default)]
struct Arrivals {
    notices: Vec<Arc<Notice>>,
    /// The task that drives the connection, while it waits.
    driver: Option<Waker>,
}

/// What `h2` knows as the waker of a stream.
#[derive(Debug)]
struct Notice {
    inbox: Weak<Inbox>,
    arrived: Arc<Arrived>,
}

impl Inbox {
    pub(super) fn new(stream: RecvStream, arrived: &Arc<Arrived>) -> Arc<Self> {
        let (pieces, last) = (VecDeque::new(), BytesMut::new());
        let state = Mutex::new(State { stream, pieces, last, end: None, reader: None });
        let inbox = Arc::new(Self { state });
        let notice = Notice { inbox: Arc::downgrade(&inbox), arrived: Arc::clone(arrived) };
        inbox.take(&Arc::new(notice).into());
        inbox
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the stream.
    pub(super) fn stream_id(&self) -> u32 {
        self.lock().stream.stream_id().as_u32()
    }

    /// Takes all that has come out of `h2`, and wakes the task that waits for it. The waker is woken when more comes.
    fn take(&self, waker: &Waker) {
        let cx = &mut Context::from_waker(waker);
        let mut state = self.lock();
        let mut came = false;
        while state.end.is_none() {
            match state.stream.poll_data(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(data))) => state.push(data),
                Poll::Ready(Some(Err(error))) if !fate::is_end(&error) => {
                    state.end = Some(Err(fate::of_stream(error)));
                }
                Poll::Ready(_) => state.end = Some(Ok(())),
            }
            came = true;
        }
        let reader = if came { state.reader.take() } else { None };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Reads all that is here, as far as there is room for it.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        let read = state.read(buf);
        if read > 0 {
            // The stream may be gone, and no task asks for more of it then.
            let _ = state.stream.flow_control().release_capacity(read);
            return Poll::Ready(Ok(()));
        }
        match &mut state.end {
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(()))),
            None if buf.remaining() == 0 => Poll::Ready(Ok(())),
            None => {
                match &mut state.reader {
                    Some(reader) => reader.clone_from(cx.waker()),
                    reader => *reader = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

/// What was not read gives its windows back. `h2` does so only once the writing direction is gone as well.
impl Drop for Inbox {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let unread = state.pieces.iter().map(Bytes::len).sum::<usize>() + state.last.len();
        if unread > 0 {
            let _ = state.stream.flow_control().release_capacity(unread);
        }
    }
}

impl State {
    fn push(&mut self, data: Bytes) {
        if data.len() >= LARGE || self.last.len() + data.len() > PIECE {
            self.end_piece();
        }
        if data.len() >= LARGE {
            self.pieces.push_back(data);
        } else {
            self.last.extend_from_slice(&data);
        }
    }

    fn end_piece(&mut self) {
        if !self.last.is_empty() {
            self.pieces.push_back(std::mem::take(&mut self.last).freeze());
        }
    }

    fn read(&mut self, buf: &mut ReadBuf<'_>) -> usize {
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let Some(piece) = self.pieces.front_mut() else {
                if self.last.is_empty() {
                    break;
                }
                self.end_piece();
                continue;
            };
            let len = piece.len().min(buf.remaining());
            buf.put_slice(&piece[..len]);
            piece.advance(len);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        if self.pieces.is_empty() {
            // A socket that keeps up owns no buffer.
            self.pieces = VecDeque::new();
        }
        buf.filled().len() - before
    }
}

impl Arrived {
    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver is at work, and will [take](Self::take) what comes.
    pub(super) fn begin(&self) {
        self.lock().driver = None;
    }

    /// Takes out of `h2` what has come. Then the driver waits, and is woken by what comes meanwhile. No lock of `h2` may
    /// be held.
    pub(super) fn take(&self, driver: &Waker) {
        loop {
            let mut arrivals = self.lock();
            if arrivals.notices.is_empty() {
                arrivals.driver = Some(driver.clone());
                return;
            }
            let arrived = std::mem::take(&mut arrivals.notices);
            drop(arrivals);
            for notice in arrived {
                // A stream that was dropped gives its windows back itself.
                if let Some(inbox) = notice.inbox.upgrade() {
                    inbox.take(&notice.into());
                }
            }
        }
    }
}

impl Wake for Notice {
    fn wake(self: Arc<Self>) {
        let arrived = Arc::clone(&self.arrived);
        let mut arrivals = arrived.lock();
        arrivals.notices.push(self);
        let driver = arrivals.driver.take();
        drop(arrivals);
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}
