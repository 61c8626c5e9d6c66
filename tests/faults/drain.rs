//! A server with 10,000 connections is told to end. Nothing that was queued is lost:
//!
//! - every message that the server had read whole when the signal came is echoed before the 1001;
//! - what arrives is a prefix of what was said: in order, whole, nothing twice, nothing left out;
//! - behind the close frame TCP ends cleanly, once the client has answered;
//! - the process exits with 0, within its deadline of 5 s and some time for a busy machine.
//!
//! What the server has read the kernel knows: what a client wrote, less what still lies in the
//! client's and in the server's queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::harness::*;
use crate::{allow_descriptors, alone, run};

/// What a client does until the close frame comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// Has one message echoed, and is quiet.
    Idle,
    /// Says 20 messages at once and reads nothing before the signal.
    Burst,
    /// Says more than the server may frame, with a small receive buffer, and reads nothing before
    /// the signal: the server's queue is full.
    Stuck,
    /// Says messages and reads echoes all the time.
    Busy,
}

impl Kind {
    fn of(number: usize) -> Self {
        match number % 100 {
            0..=39 => Self::Idle,
            40..=79 => Self::Burst,
            80 => Self::Stuck,
            _ => Self::Busy,
        }
    }
}

struct Visitor {
    kind: Kind,
    stream: TcpStream,
    input: Vec<u8>,
    /// Bytes behind the request that the kernel took.
    written: Arc<AtomicUsize>,
    /// What could not be written whole.
    unwritten: Vec<u8>,
    said: u32,
    heard: u32,
}

fn text(number: u32) -> String {
    format!("{number:08} {}", "x".repeat(number as usize * 37 % 700))
}

impl Visitor {
    async fn new(port: u16, kind: Kind) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if kind == Kind::Stuck {
            socket.set_recv_buffer_size(4 << 10).unwrap();
        }
        let stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("connects");
        stream.set_nodelay(true).unwrap();
        let (input, unwritten, written) = Default::default();
        let mut this = Self { kind, stream, input, written, unwritten, said: 0, heard: 0 };
        this.stream.write_all(&request("")).await.unwrap();
        while !this.input.ends_with(b"\r\n\r\n") {
            assert!(this.read().await > 0, "an end within the head");
        }
        this.input.clear();
        this.say().await;
        while this.heard == 0 {
            assert!(this.read().await > 0, "an end before the echo");
            assert!(!this.hear());
        }
        match kind {
            Kind::Burst => {
                for _ in 0..20 {
                    this.say().await;
                }
            }
            Kind::Stuck => {
                let mut much = Vec::new();
                for _ in 0..2000 {
                    much.extend(client_frame(FIN | TEXT, text(this.said)));
                    this.said += 1;
                }
                this.unwritten = much;
                this.write_some();
            }
            _ => {}
        }
        this
    }

    async fn say(&mut self) {
        let bytes = client_frame(FIN | TEXT, text(self.said));
        self.said += 1;
        self.stream.write_all(&bytes).await.expect("the server takes it");
        self.written.fetch_add(bytes.len(), Relaxed);
    }

    /// Writes what the kernel takes now.
    fn write_some(&mut self) {
        while let Ok(len @ 1..) = self.stream.try_write(&self.unwritten) {
            self.unwritten.drain(..len);
            self.written.fetch_add(len, Relaxed);
        }
    }

    async fn read(&mut self) -> usize {
        self.stream.read_buf(&mut self.input).await.expect("something, or a clean end")
    }

    /// Takes echoes, which must be in order; `true` at the close frame.
    fn hear(&mut self) -> bool {
        let (mut taken, mut closed) = (0, false);
        while let Some((frame, len)) = Frame::parse(&self.input[taken..])
            && !closed
        {
            taken += len;
            closed = frame.first() == FIN | CLOSE;
            if closed {
                assert_eq!(frame.code(), 1001);
            } else {
                assert_eq!(frame.first(), FIN | TEXT);
                assert_eq!(frame.payload, text(self.heard).as_bytes(), "{:?}", self.kind);
                self.heard += 1;
            }
        }
        self.input.drain(..taken);
        closed
    }

    /// Goes on as its kind does until the close frame, then ends as it should.
    async fn stay(mut self, mut signalled: watch::Receiver<bool>) -> Self {
        if matches!(self.kind, Kind::Burst | Kind::Stuck) {
            signalled.wait_for(|signalled| *signalled).await.unwrap();
        }
        let mut closed = false;
        while !closed {
            if self.kind == Kind::Busy && self.said - self.heard < 10 {
                self.say().await;
                // Not faster than the others get their turns.
                tokio::task::yield_now().await;
                if self.said - self.heard < 5 {
                    continue;
                }
            }
            assert!(self.read().await > 0, "an end without a close frame: {:?}", self.kind);
            closed = self.hear();
        }
        // §5.5.1: the answer. A frame that was begun cannot be ended any more.
        if self.unwritten.is_empty() {
            self.stream.write_all(&client_close(1001, "")).await.unwrap();
        }
        self.stream.shutdown().await.unwrap();
        while self.read().await > 0 {}
        assert!(self.input.is_empty(), "something behind the close frame");
        self
    }
}

/// For each client's port, how many bytes lie unread in the server's queue or in its own.
fn queued(server: u16) -> HashMap<u16, usize> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let mut queued = HashMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let port = |address: &str| u16::from_str_radix(&address[9..], 16).unwrap();
        let (local, remote) = (port(fields[1]), port(fields[2]));
        let (unsent, unread) = fields[4].split_once(':').unwrap();
        let bytes = |hex| usize::from_str_radix(hex, 16).unwrap();
        if remote == server {
            *queued.entry(local).or_default() += bytes(unsent);
        } else if local == server {
            *queued.entry(remote).or_default() += bytes(unread);
        }
    }
    queued
}

/// How many messages lie whole in the first `bytes` bytes of what clients say.
fn whole(bytes: usize) -> u32 {
    let ends = (0..).scan(0, |sum, number| {
        *sum += client_frame(FIN | TEXT, text(number)).len();
        Some(*sum)
    });
    ends.take_while(|end| *end <= bytes).count() as u32
}

#[test]
fn ten_thousand_connections_drain() {
    let _alone = alone();
    let count = scale(10_000, 300);
    // One here and one in the server, which inherits the limit.
    allow_descriptors(count + 200);
    let mut server = echo_server(2);
    let port = server.port;
    let (signal, signalled) = watch::channel(false);
    run(async {
        let turns = Arc::new(Semaphore::new(128));
        let mut opening = JoinSet::new();
        for number in 0..count {
            let turns = Arc::clone(&turns);
            opening.spawn(async move {
                let _turn = turns.acquire().await.unwrap();
                Visitor::new(port, Kind::of(number)).await
            });
        }
        let mut visitors = opening.join_all().await;
        let port_of = |visitor: &Visitor| visitor.stream.local_addr().unwrap().port();
        let bursts = visitors.iter().filter(|visitor| visitor.kind == Kind::Burst);
        let bursts: Vec<_> = bursts.map(port_of).collect();
        // The bursts are read whole, and the stuck say what is taken, until nothing moves.
        let (start, mut before) = (Instant::now(), HashMap::new());
        loop {
            assert!(start.elapsed() < PATIENCE, "what was said is read");
            visitors.iter_mut().for_each(Visitor::write_some);
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = queued(port);
            if now == before && bursts.iter().all(|port| now[port] == 0) {
                break;
            }
            before = now;
        }
        let mut known = HashMap::new();
        for visitor in &visitors {
            let facts = (visitor.kind, visitor.heard, Arc::clone(&visitor.written));
            known.insert(port_of(visitor), facts);
        }
        let mut staying = JoinSet::new();
        for visitor in visitors {
            staying.spawn(visitor.stay(signalled.clone()));
        }
        // The busy ones are busy by then.
        tokio::time::sleep(Duration::from_millis(200)).await;

        // What it has read by now it must echo. What was written is looked at before the queues, so
        // that what is written meanwhile only makes it less.
        let written: HashMap<_, _> =
            known.iter().map(|(port, (.., written))| (*port, written.load(Relaxed))).collect();
        let queued = queued(port);
        let start = Instant::now();
        tokio::task::block_in_place(|| server.signal("TERM"));
        signal.send(true).unwrap();

        let (mut least, mut heard, mut unread) = (0u64, 0u64, 0u64);
        while let Some(visitor) = staying.join_next().await {
            let visitor = visitor.expect("a visitor's end is as it should be");
            let port = port_of(&visitor);
            let (kind, before, _) = &known[&port];
            let owed = whole(written[&port].saturating_sub(queued[&port]));
            assert!(visitor.heard >= owed, "{} of {owed} echoes: {kind:?}", visitor.heard);
            if *kind == Kind::Burst {
                assert_eq!(visitor.heard, 21, "all that it said was read");
            }
            least += u64::from(owed);
            heard += u64::from(visitor.heard);
            unread += u64::from(visitor.heard - before);
        }
        let gone = start.elapsed();
        let status = tokio::task::block_in_place(|| server.wait());
        println!(
            "drain: {count} connections; at the signal the server had read {least} messages at least; \
             {heard} echoes arrived, {unread} of them unread or unsaid at that time; all closed after \
             {gone:.1?}, ended after {:.1?}",
            start.elapsed()
        );
        assert_eq!(status.code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(if FULL { 8 } else { 15 }));
        assert!(unread > count as u64, "nothing was queued");
    });
}
