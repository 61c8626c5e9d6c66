//! What two threads share, in every order in which they can take turns.
//!
//! ```text
//! RUSTFLAGS="--cfg bowstring_loom" cargo test --profile loom --test loom
//! ```
//!
//! The models drive the types that ship, with loom's locks and atomics in place of the standard
//! library's. A wake-up that is missed is a deadlock, which loom reports; and where a model is told to
//! drop one on purpose, it must.
#![cfg(bowstring_loom)]

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowstring::net::{Split, drop_wake};
use bowstring::proto::Role;
use bowstring::{Config, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use loom::future::block_on;
use loom::sync::Mutex;
use loom::thread::spawn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Runs through all orders with up to so many switches that no thread asked for.
fn model(switches: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(switches);
    builder.check(body);
}

/// A transport, and its other end.
#[derive(Clone)]
struct Pipe(Arc<Mutex<State>>);

struct State {
    /// How many bytes are taken before writes wait.
    room: usize,
    taken: Vec<u8>,
    input: VecDeque<u8>,
    /// Whether writing fails.
    broken: bool,
    /// Whether it was shut down, which the other end answers.
    shut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(room: usize) -> Self {
        let state = State {
            room,
            taken: Vec::new(),
            input: VecDeque::new(),
            broken: false,
            shut: false,
            reader: None,
            writer: None,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn give_room(&self, room: usize) {
        let mut state = self.0.lock().unwrap();
        state.room = room;
        let waker = state.writer.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// How many frames were written; all are short.
    fn frames(&self) -> usize {
        let taken = self.0.lock().unwrap().taken.clone();
        let (mut rest, mut frames) = (&taken[..], 0);
        while !rest.is_empty() {
            rest = &rest[2 + usize::from(rest[1])..];
            frames += 1;
        }
        frames
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.input.is_empty() && !state.shut {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let input = std::mem::take(&mut state.input);
        buf.put_slice(&Vec::from(input));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if state.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = bytes.len().min(state.room);
        state.room -= len;
        state.taken.extend_from_slice(&bytes[..len]);
        // A close frame is answered.
        let reader = if bytes[..len].contains(&0x88) {
            state.input.extend([0x88, 0x80, 0, 0, 0, 0]);
            state.reader.take()
        } else {
            None
        };
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.change(|state| state.shut = true);
        Poll::Ready(Ok(()))
    }
}

impl Split for Pipe {
    type Read = Self;
    type Write = Self;

    fn split(self) -> (Self, Self) {
        (self.clone(), self)
    }
}

/// A server's socket without timers: there is no runtime.
fn socket(pipe: &Pipe, high_water: usize) -> WebSocket<Pipe> {
    let mut config = Config::default();
    config.high_water = high_water;
    config.timeouts.keep_alive = None;
    config.timeouts.close = Duration::from_secs(1 << 40);
    WebSocket::from_raw(pipe.clone(), Role::Server, [], &config)
}

/// A model that drops a wake-up ends in a deadlock. It does so in a process of its own, which does not
/// survive it.
fn is_missed(name: &str, broken: impl Fn(u32), wakes: u32) {
    const DROPPED: &str = "BOWSTRING_LOOM_DROPPED";
    if let Ok(dropped) = std::env::var(DROPPED) {
        return broken(dropped.parse().unwrap());
    }
    for dropped in 0..wakes {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", name, "--nocapture"]).env(DROPPED, dropped.to_string());
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("deadlock"), "{dropped}: {said}");
    }
}

fn poll_once(future: Pin<&mut impl Future>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// One that writes to the transport wakes the next; all get room in the end.
fn writers_wait_for_room(dropped: Option<u32>) {
    model(3, move || {
        dropped.map(drop_wake);
        let pipe = Pipe::new(0);
        let (_reader, writer) = socket(&pipe, 0).split();
        block_on(writer.feed("full")).unwrap();
        let threads = ["a", "b"].map(|text| {
            let writer = writer.clone();
            spawn(move || block_on(writer.send(text)).unwrap())
        });
        pipe.give_room(1000);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(pipe.frames(), 3);
    });
}

#[test]
fn all_who_wait_for_room_get_it() {
    writers_wait_for_room(None);
}

/// That of the transport to a writer, and of that writer to the next.
#[test]
fn a_dropped_wake_up_of_a_writer_is_missed() {
    let broken = |dropped| writers_wait_for_room(Some(dropped));
    is_missed("a_dropped_wake_up_of_a_writer_is_missed", broken, 2);
}

/// A wait that is given up passes its wake-up on.
#[test]
fn a_writer_that_leaves_holds_up_nobody() {
    for sink in [false, true] {
        model(3, move || {
            let pipe = Pipe::new(0);
            let (_reader, writer) = socket(&pipe, 0).split();
            block_on(writer.feed("full")).unwrap();
            let leaving = writer.clone();
            let leaver = spawn(move || {
                if sink {
                    let mut leaving = leaving;
                    let polled = poll_once(pin!(SinkExt::feed(&mut leaving, Message::text("a"))));
                    drop((polled, leaving));
                } else {
                    poll_once(pin!(leaving.feed("a")));
                }
            });
            let stays = spawn(move || block_on(writer.send("b")).unwrap());
            pipe.give_room(1000);
            leaver.join().unwrap();
            stays.join().unwrap();
        });
    }
}

/// Those who flush are done when their own bytes are written, though others frame on.
#[test]
fn a_flush_waits_for_its_own_bytes() {
    model(3, || {
        let pipe = Pipe::new(0);
        let (_reader, writer) = socket(&pipe, 1000).split();
        let other = writer.clone();
        block_on(writer.feed("mine")).unwrap();
        let mut flush = pin!(writer.flush());
        assert!(!poll_once(flush.as_mut()));
        let publisher = spawn(move || other.send_now("another's").unwrap());
        let peer = pipe.clone();
        let peer = spawn(move || peer.give_room(6));
        block_on(flush).unwrap();
        publisher.join().unwrap();
        peer.join().unwrap();
    });
}

/// What a writer leaves, and how writing fails, the reader learns while it waits.
fn reader_learns(dropped: Option<u32>, fails: bool) {
    model(3, move || {
        dropped.map(drop_wake);
        let pipe = Pipe::new(1000);
        let (mut reader, writer) = socket(&pipe, 1000).split();
        block_on(writer.flush()).unwrap();
        let reading = spawn(move || {
            block_on(async {
                loop {
                    match reader.recv().await {
                        Ok(Some(_)) => {}
                        end => break end,
                    }
                }
            })
        });
        if fails {
            pipe.0.lock().unwrap().broken = true;
            let _ = writer.try_send("fails");
        } else {
            block_on(writer.feed_part("a part", false)).unwrap();
        }
        drop(writer);
        let ended = reading.join().unwrap();
        if fails {
            assert!(ended.is_err_and(|error| error.is_disconnect()));
        } else {
            assert!(matches!(ended, Ok(None)), "{ended:?}");
        }
    });
}

#[test]
fn a_reader_closes_for_a_writer_that_leaves_a_message_unfinished() {
    reader_learns(None, false);
}

#[test]
fn a_reader_learns_that_writing_failed() {
    reader_learns(None, true);
}

#[test]
fn a_dropped_wake_up_of_a_reader_is_missed() {
    is_missed(
        "a_dropped_wake_up_of_a_reader_is_missed",
        |dropped| reader_learns(Some(dropped), true),
        1,
    );
}

/// A handle's close is heard by a task that is about to wait.
fn handle_closes(dropped: Option<u32>) {
    model(3, move || {
        dropped.map(drop_wake);
        let pipe = Pipe::new(1000);
        let mut ws = socket(&pipe, 1000);
        let handle = ws.handle();
        let reading = spawn(move || block_on(async { while let Ok(Some(_)) = ws.recv().await {} }));
        handle.close(1001, "").unwrap();
        reading.join().unwrap();
        assert!(handle.ended().is_some_and(|ended| ended.clean));
    });
}

#[test]
fn a_task_that_waits_hears_a_handle() {
    handle_closes(None);
}

#[test]
fn a_dropped_wake_up_of_a_handle_is_missed() {
    is_missed("a_dropped_wake_up_of_a_handle_is_missed", |dropped| handle_closes(Some(dropped)), 1);
}

/// A socket polled by two tasks: each is woken for what it waits for.
fn stream_and_sink(dropped: Option<u32>) {
    model(3, move || {
        dropped.map(drop_wake);
        let pipe = Pipe::new(0);
        let (mut sink, mut stream) = StreamExt::split(socket(&pipe, 1000));
        let sending = spawn(move || {
            block_on(SinkExt::send(&mut sink, Message::text("a"))).unwrap();
            sink
        });
        let receiving = spawn(move || {
            assert_eq!(block_on(stream.next()).unwrap().unwrap(), Message::text("b"));
            stream
        });
        pipe.change(|state| {
            state.room = 1000;
            state.input.extend([0x81, 0x81, 0, 0, 0, 0, b'b']);
        });
        let halves = (sending.join().unwrap(), receiving.join().unwrap());
        drop(halves);
    });
}

#[test]
fn a_stream_and_a_sink_are_both_woken() {
    stream_and_sink(None);
}

#[test]
fn a_dropped_wake_up_of_a_stream_or_a_sink_is_missed() {
    is_missed(
        "a_dropped_wake_up_of_a_stream_or_a_sink_is_missed",
        |dropped| stream_and_sink(Some(dropped)),
        1,
    );
}
