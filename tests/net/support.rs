//! A transport that follows a script, the bytes of frames written by hand, and ways to poll.
//!
//! [`scripted`] gives a stream and its [`Peer`]: what the peer says comes out of reads in pieces of
//! the [`Cut`], what is written is kept for the peer to see, as far as it has made room. Any
//! operation can be made to fail or to stutter. An operation too many is a busy loop, and panics.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use bowstring::net::{Split, masking_key};
use bowstring::proto::Role;
use bowstring::{Config, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;

/// How many bytes one operation moves at most.
#[derive(Clone, Debug)]
pub enum Cut {
    Whole,
    /// Always so many.
    Each(usize),
    /// 1 to so many, drawn.
    Drawn(Rng, usize),
}

impl Cut {
    pub fn next(&mut self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Each(len) => *len,
            Self::Drawn(rng, most) => 1 + rng.below(*most),
        }
    }
}

/// A small generator (SplitMix64), so that a seed says everything.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.log.fmt(f)
    }
}

/// What the socket did, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// So many bytes.
    Read(usize),
    /// There was nothing to read.
    Wait,
    End,
    Write(usize),
    /// There was no room to write.
    Full,
    Flush,
    Shutdown,
    Fail,
}

pub struct State {
    input: VecDeque<u8>,
    /// What reads give when `input` is empty; `None`: nothing yet.
    end: Option<Result<(), io::ErrorKind>>,
    /// Repeats for ever, instead of `input`.
    flood: Option<Vec<u8>>,
    pub flooded: usize,
    /// How many bytes are taken before writes wait.
    room: usize,
    pub reads: Cut,
    pub writes: Cut,
    /// One operation in so many is not ready at first.
    pub stutter: Option<(Rng, usize)>,
    stuttered: bool,
    /// The operation with this number fails, and those behind it too if `dead`.
    pub fail: Option<(usize, io::ErrorKind)>,
    pub dead: bool,
    /// Operations that moved something.
    pub acts: usize,
    /// The peer ends TCP when it sees our end, a server's also when it sees our close frame.
    pub polite: Option<bool>,
    /// What it says when it has got this many messages, or a close frame.
    pub last: Option<(usize, Vec<u8>)>,
    /// What was written, for the peer to take.
    pub written: Vec<u8>,
    pub total: usize,
    /// Whether to forget what is written.
    pub forget: bool,
    pub shut: bool,
    pub log: Vec<Op>,
    polls: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The transport.
#[derive(Debug)]
pub struct Scripted(Arc<Mutex<State>>);

/// Who sits at its other end.
#[derive(Clone)]
pub struct Peer(Arc<Mutex<State>>);

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

/// A server's socket after its handshake, with no keep-alive unless `config` says so.
pub fn server(config: &Config) -> (WebSocket<Scripted>, Peer) {
    let (stream, peer) = scripted();
    (WebSocket::from_raw(stream, Role::Server, [], config), peer)
}

pub fn client(config: &Config) -> (WebSocket<Scripted>, Peer) {
    let (stream, peer) = scripted();
    (WebSocket::from_raw(stream, Role::Client(masking_key), [], config), peer)
}

impl Peer {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut state = self.state();
        state.input.extend(bytes.as_ref());
        wake(state.reader.take());
    }

    /// Sends this for ever, as fast as anybody can read.
    pub fn flood(&self, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state();
        state.flood = Some(bytes.into());
        wake(state.reader.take());
    }

    /// Says nothing for now.
    pub fn quiet(&self) {
        let mut state = self.state();
        // To the end of what it is saying.
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

    /// The same, and nobody is told: whoever asks finds out.
    pub fn room_unnoticed(&self, len: usize) {
        self.state().room = len;
    }

    /// What it has received since it last looked.
    pub fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.state().written)
    }

    /// The same, as frames; they are whole.
    pub fn frames(&self) -> Vec<Frame> {
        let taken = self.taken();
        let (frames, rest) = parse(&taken);
        assert!(rest.is_empty(), "half a frame: {rest:?}");
        frames
    }

    /// What the socket did since somebody last looked.
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

    /// What the peer does about what it has got.
    fn react(&mut self) {
        if !self.input.is_empty() || self.last.is_none() && self.polite != Some(true) {
            return;
        }
        let (frames, _) = parse(&self.written);
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
            // As the runtime's own sockets do, lest a task keep the thread for ever.
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
        assert!(!state.shut, "written behind the end");
        if state.stutters(cx) {
            return Poll::Pending;
        }
        if state.flood.is_some() {
            ready!(coop::poll_proceed(cx)).made_progress();
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

impl Split for Scripted {
    type Read = Self;
    type Write = Self;

    fn split(self) -> (Self, Self) {
        (Self(Arc::clone(&self.0)), self)
    }
}

/// A frame as the peer saw it, unmasked.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub fin: bool,
    pub opcode: u8,
    pub masked: bool,
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { fin, opcode, masked, payload } = self;
        let start = String::from_utf8_lossy(&payload[..payload.len().min(40)]);
        let fin = if *fin { "fin" } else { "" };
        let masked = if *masked { "masked" } else { "" };
        write!(f, "{opcode:X} {fin} {masked} {}: {start:?}", payload.len())
    }
}

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The whole frames in `bytes`, and what is left; by the book and by nothing of the crate's.
pub fn parse(bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((frame, len)) = parse_one(rest) {
        frames.push(frame);
        rest = &rest[len..];
    }
    (frames, rest)
}

fn parse_one(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let opcode = first & 15;
    assert!([0, 1, 2, 8, 9, 10].contains(&opcode) && first & 0x70 == 0, "no frame: {first:02x}");
    let (len, mut at) = match second & 0x7F {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()), 10),
        len => (u64::from(len), 2),
    };
    assert!(len < 1 << 32, "no frame of ours is so long");
    let mut key = [0; 4];
    let masked = second & 0x80 != 0;
    if masked {
        key.copy_from_slice(bytes.get(at..at + 4)?);
        at += 4;
    }
    let end = at + len as usize;
    let payload = bytes.get(at..end)?.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
    Some((Frame { fin: first & 0x80 != 0, opcode, masked, payload }, end))
}

/// A frame's bytes; masked as a client's if `masked`.
pub fn frame(masked: bool, fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::from(fin) << 7 | opcode];
    let bit = u8::from(masked) << 7;
    match payload.len() {
        len @ 0..126 => out.push(bit | len as u8),
        len @ 126..65536 => {
            out.push(bit | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(bit | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    let key = [0x12, 0x34, 0xAB, 0xCD];
    if masked {
        out.extend(key);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        out.extend(payload);
    }
    out
}

/// What a client says to a server.
pub fn said(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(true, true, opcode, payload.as_ref())
}

/// What a server says to a client.
pub fn told(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(false, true, opcode, payload.as_ref())
}

pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// Polls until it is ready or waits for something: a future that wakes itself only takes turns with
/// others.
pub fn poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    while woken.0.swap(false, Ordering::Relaxed) {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}

/// How often a task was woken.
pub struct Wakes(AtomicUsize);

impl Wakes {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// Since this was last asked.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The output of a future that is ready at once.
#[track_caller]
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

/// A future that is not ready, and dropped then.
#[track_caller]
pub fn not_yet<T: std::fmt::Debug>(future: impl Future<Output = T>) {
    if let Poll::Ready(output) = poll(pin!(future)) {
        panic!("ready: {output:?}");
    }
}

/// Waits, in virtual time, and calls what takes longer than anything should a hang.
#[track_caller]
pub fn in_time<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let at = std::panic::Location::caller();
    async move {
        let patience = Duration::from_secs(3600);
        let waited = tokio::time::timeout(patience, future).await;
        waited.unwrap_or_else(|_| panic!("hangs: {at}"))
    }
}

/// No timers but those of closing.
pub fn quiet() -> Config {
    let mut config = Config::default();
    config.timeouts.keep_alive = None;
    config
}

/// How long something takes, in virtual time.
pub async fn seconds(future: impl Future<Output = ()>) -> f64 {
    let start = tokio::time::Instant::now();
    in_time(future).await;
    start.elapsed().as_secs_f64()
}
