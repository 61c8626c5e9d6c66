//! A transport that follows a script.
//!
//! [`scripted`] gives a stream and its [`Peer`]. What the peer sends comes out of reads in pieces of
//! the [`Cut`]. What is written is kept until the peer takes it, as far as the peer has made room. Any
//! operation can fail, or be not ready at first. Too many operations are a busy loop, and panic.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;

use crate::frames::{CLOSE, Frame, parse_frames};
use crate::random::Random;

/// How many bytes one operation moves at most.
#[derive(Clone, Debug)]
pub enum Cut {
    /// All there is.
    Whole,
    /// Always so many.
    Each(usize),
    /// From 1 to so many, drawn.
    Drawn(Random, usize),
}

impl Cut {
    /// The limit for the next operation.
    #[allow(clippy::should_implement_trait, reason = "an iterator would have an end")]
    pub fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Each(len) => *len,
            Self::Drawn(rng, most) => 1 + rng.below(*most),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.log.fmt(f)
    }
}

/// What the socket did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// So many bytes.
    Read(usize),
    /// There was nothing to read.
    Wait,
    /// It read the end.
    End,
    /// So many bytes.
    Write(usize),
    /// There was no room to write.
    Full,
    /// It flushed.
    Flush,
    /// It ended its direction.
    Shutdown,
    /// It was told of a failure.
    Fail,
}

/// The script, and what has happened.
pub struct State {
    /// What the peer has sent and nobody has read.
    pub input: VecDeque<u8>,
    /// What reads give when `input` is empty; `None`: nothing yet.
    pub end: Option<Result<(), io::ErrorKind>>,
    /// Comes again and again, instead of `input`.
    flood: Option<Vec<u8>>,
    /// How much of it has been read.
    pub flooded: usize,
    /// How many bytes are taken before writes wait.
    pub room: usize,
    /// How much a read gives.
    pub reads: Cut,
    /// How much a write takes.
    pub writes: Cut,
    /// One operation in so many is not ready at first.
    pub stutter: Option<(Random, usize)>,
    stuttered: bool,
    /// The operation with this number fails, and those after it too if `dead`.
    pub fail: Option<(usize, io::ErrorKind)>,
    /// Whether a failure is for good.
    pub dead: bool,
    /// Every write fails so; reads go on.
    pub broken: Option<io::ErrorKind>,
    /// Operations that moved something.
    pub acts: usize,
    /// The peer ends TCP when it reads our end; if `true`, after our close frame too.
    pub polite: Option<bool>,
    /// What the peer sends when it has received this many messages, or a close frame.
    pub last: Option<(usize, Vec<u8>)>,
    /// What was written and the peer has not taken.
    pub written: Vec<u8>,
    /// How many bytes were written in all.
    pub total: usize,
    /// Whether to forget what is written.
    pub forget: bool,
    /// Whether the socket has ended its direction.
    pub shut: bool,
    /// What the socket did, in order.
    pub log: Vec<Op>,
    /// Operations that were asked for.
    pub polls: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The transport.
#[derive(Debug)]
pub struct Scripted(Arc<Mutex<State>>);

impl Scripted {
    /// Two that share one script: one to read from, one to write to.
    pub fn halves(self) -> (Self, Self) {
        (Self(Arc::clone(&self.0)), self)
    }
}

/// The other end of the transport.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Mutex<State>>);

/// A transport and its peer, which has sent nothing and takes everything.
pub fn scripted() -> (Scripted, Peer) {
    let state = State {
        input: VecDeque::new(),
        end: None,
        flood: None,
        flooded: 0,
        room: usize::MAX,
        reads: Cut::Whole,
        writes: Cut::Whole,
        stutter: None,
        stuttered: false,
        fail: None,
        dead: true,
        broken: None,
        acts: 0,
        polite: None,
        last: None,
        written: Vec::new(),
        total: 0,
        forget: false,
        shut: false,
        log: Vec::new(),
        polls: 0,
        reader: None,
        writer: None,
    };
    let state = Arc::new(Mutex::new(state));
    (Scripted(Arc::clone(&state)), Peer(state))
}

impl Peer {
    /// The script, to change it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Sends bytes.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut state = self.state();
        state.input.extend(bytes.as_ref());
        wake(state.reader.take());
    }

    /// Sends this again and again, as fast as it is read.
    pub fn flood(&self, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state();
        state.flood = Some(bytes.into());
        wake(state.reader.take());
    }

    /// Ends a flood, at the end of the block that it is in.
    pub fn quiet(&self) {
        let mut state = self.state();
        if let Some(block) = state.flood.take() {
            let rest = block[state.flooded % block.len()..].to_vec();
            state.input.extend(rest);
        }
    }

    /// How many bytes it has received in all.
    pub fn total(&self) -> usize {
        self.state().total
    }

    /// Ends its direction.
    pub fn end(&self) {
        self.finish(Ok(()));
    }

    /// Resets the connection.
    pub fn reset(&self) {
        self.finish(Err(io::ErrorKind::ConnectionReset));
    }

    fn finish(&self, end: Result<(), io::ErrorKind>) {
        let mut state = self.state();
        state.end = Some(end);
        wake(state.reader.take());
    }

    /// Takes so many bytes more, and then no more.
    pub fn room(&self, len: usize) {
        let mut state = self.state();
        state.room = len;
        wake(state.writer.take());
    }

    /// The same, but nobody is woken: the socket learns it when it asks.
    pub fn room_unnoticed(&self, len: usize) {
        self.state().room = len;
    }

    /// What it has received since it last took something.
    pub fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    /// The same as frames, which must be whole.
    #[track_caller]
    pub fn frames(&self) -> Vec<Frame> {
        let taken = self.taken();
        let (frames, rest) = parse_frames(&taken);
        assert!(rest.is_empty(), "half a frame: {rest:?}");
        frames
    }

    /// What the socket did since this was last asked.
    pub fn log(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().log)
    }

    /// The writes among it.
    pub fn writes(&self) -> Vec<usize> {
        let log = self.log().into_iter();
        log.filter_map(|op| if let Op::Write(len) = op { Some(len) } else { None }).collect()
    }

    /// Whether the socket has let go of the transport.
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Whether the socket has ended its direction.
    pub fn is_shut(&self) -> bool {
        self.state().shut
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl State {
    /// Whether this operation is not ready yet; it will be next time.
    fn stutters(&mut self, cx: &Context<'_>) -> bool {
        self.polls += 1;
        assert!(self.polls < 2_000_000, "a busy loop");
        if let Some((rng, one_in)) = &mut self.stutter {
            self.stuttered = !self.stuttered && rng.below(*one_in) == 0;
            if self.stuttered {
                cx.waker().wake_by_ref();
                return true;
            }
        }
        false
    }

    /// What the peer does about what it has received.
    fn react(&mut self) {
        if !self.input.is_empty() || self.last.is_none() && self.polite != Some(true) {
            return;
        }
        let (frames, _) = parse_frames(&self.written);
        let messages = frames.iter().filter(|frame| frame.opcode < CLOSE && frame.fin).count();
        let closed = frames.iter().any(|frame| frame.opcode == CLOSE);
        if let Some((_, last)) = self.last.take_if(|(enough, _)| messages >= *enough || closed) {
            self.input.extend(last);
        } else if self.last.is_none() && closed && self.polite == Some(true) {
            self.end.get_or_insert(Ok(()));
        }
    }

    /// Counts an operation that moves something, and fails it if it is its turn.
    fn act(&mut self) -> io::Result<()> {
        self.acts += 1;
        match self.fail {
            Some((n, kind)) if self.acts == n || self.dead && self.acts > n => {
                self.log.push(Op::Fail);
                Err(kind.into())
            }
            _ => Ok(()),
        }
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        assert!(buf.remaining() > 0, "no room to read: it would look like the end");
        if state.stutters(cx) {
            return Poll::Pending;
        }
        if let Some(block) = state.flood.clone() {
            // As the runtime's own sockets do, so that a task does not keep the thread for ever.
            ready!(coop::poll_proceed(cx)).made_progress();
            state.act()?;
            let start = state.flooded % block.len();
            let len = (block.len() - start).min(buf.remaining()).min(state.reads.next());
            buf.put_slice(&block[start..start + len]);
            state.flooded += len;
            return Poll::Ready(Ok(()));
        }
        state.react();
        if state.input.is_empty() {
            let Some(end) = state.end else {
                state.log.push(Op::Wait);
                state.reader = Some(cx.waker().clone());
                return Poll::Pending;
            };
            state.act()?;
            state.log.push(Op::End);
            return Poll::Ready(end.map_err(Into::into));
        }
        state.act()?;
        let len = state.reads.next().min(state.input.len()).min(buf.remaining());
        let bytes: Vec<u8> = state.input.drain(..len).collect();
        buf.put_slice(&bytes);
        state.log.push(Op::Read(len));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        assert!(!bytes.is_empty(), "nothing to write");
        assert!(!state.shut, "written after the end");
        if state.stutters(cx) {
            return Poll::Pending;
        }
        if state.flood.is_some() {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        if let Some(kind) = state.broken {
            state.log.push(Op::Fail);
            return Poll::Ready(Err(kind.into()));
        }
        if state.room == 0 {
            state.log.push(Op::Full);
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.act()?;
        let len = state.writes.next().min(bytes.len()).min(state.room);
        if state.room != usize::MAX {
            state.room -= len;
        }
        if !state.forget {
            state.written.extend_from_slice(&bytes[..len]);
        }
        state.total += len;
        state.log.push(Op::Write(len));
        if state.last.is_some() || state.polite.is_some() {
            wake(state.reader.take());
        }
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.stutters(cx) {
            return Poll::Pending;
        }
        state.act()?;
        state.log.push(Op::Flush);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.stutters(cx) {
            return Poll::Pending;
        }
        state.act()?;
        state.log.push(Op::Shutdown);
        state.shut = true;
        if state.polite.is_some() {
            state.end.get_or_insert(Ok(()));
            wake(state.reader.take());
        }
        Poll::Ready(Ok(()))
    }
}
