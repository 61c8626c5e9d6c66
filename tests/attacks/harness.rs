//! A server process to attack, hand-made bytes to attack it with, and what /proc says of it.
//!
//! Nothing here uses our own crate: a fault in it must not hide itself.

#![allow(dead_code, reason = "two test binaries use different parts")]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

/// Whether the attacks run at full size: in release.
pub const FULL: bool = !cfg!(debug_assertions);

/// No single wait takes longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const KIB: i64 = 1 << 10;
pub const MIB: i64 = 1 << 20;

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8A;

/// A number of frames, bytes or sockets: full size in release.
pub fn scale(full: usize, small: usize) -> usize {
    if FULL { full } else { small }
}

/// Polls until `done`, and says what was waited for if it never is.
pub fn await_that(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

// ---- the process

/// The echo server as a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    /// Its first line.
    pub greeting: String,
    pub stdout: BufReader<ChildStdout>,
    pub stderr: ChildStderr,
}

/// The echo server, for tests of its own package; others [spawn](Server::spawn) what they like.
pub fn echo_server() -> &'static str {
    option_env!("CARGO_BIN_EXE_echo-server").expect("a test of the package echo-server")
}

impl Server {
    pub fn new(threads: usize) -> Self {
        Self::with(&["--threads", &threads.to_string()])
    }

    pub fn with(options: &[&str]) -> Self {
        Self::spawn(Command::new(echo_server()).arg("0").args(options))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = child.stderr.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // A test that is a server has a line of the test harness's before.
        let mut greeting = String::new();
        while !greeting.contains("://") {
            greeting.clear();
            assert!(stdout.read_line(&mut greeting).unwrap() > 0, "it ends without a greeting");
        }
        let port = greeting
            .trim_end()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in the first line: {greeting:?}"));
        Self { child, port, greeting, stdout, stderr }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "kill -{name}");
    }

    pub fn has_not_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn assert_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the server has ended: {ended:?}");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        await_that("the server's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Resident memory in bytes. `VmRSS` in /proc/PID/status is off by some dozen pages per CPU on
    /// newer kernels; `smaps_rollup` counts.
    pub fn rss(&self) -> i64 {
        rss(self.pid())
    }

    /// The most that was resident since `forget_peak`.
    pub fn peak(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * KIB
    }

    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    pub fn fds(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// CPU time of all its threads. `stat` counts in ticks of 10 ms, `schedstat` in nanoseconds.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of_one = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap();
            stat.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(tasks.map(|task| of_one(task.unwrap())).sum())
    }

    pub fn await_fds(&self, wanted: usize) -> Duration {
        await_that("file descriptors to be given back", || self.fds() <= wanted)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rss(pid: u32) -> i64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Rss:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * KIB
}

/// A server with bystanders: connections that are open before an attack, and must echo after it.
pub struct Arena {
    pub server: Server,
    bystanders: Vec<Client>,
    fds: usize,
}

impl Arena {
    pub fn new() -> Self {
        Self::with_threads(1)
    }

    pub fn with_threads(threads: usize) -> Self {
        let server = Server::new(threads);
        let bystanders = (0..20).map(|_| Client::open(server.port)).collect();
        let mut arena = Self { server, bystanders, fds: 0 };
        arena.echo();
        arena.fds = arena.server.fds();
        arena.warm_up();
        arena.server.await_fds(arena.fds);
        arena
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }

    pub fn open(&self) -> Client {
        Client::open(self.port())
    }

    /// Ordinary traffic, so that what the server needs in any case it has: its read blocks and
    /// buffers, and the pages of its program.
    fn warm_up(&self) {
        let mut client = self.open();
        client.send_many(&frame(TEXT, [b'a'; 1000]), 300);
        for _ in 0..300 {
            client.frame().unwrap();
        }
        // This fills whole read blocks.
        client.send_many(&frame(PONG, [0; 125]), 10_000);
        client.send(&frame(BINARY, vec![0; 100_000]));
        client.frame().unwrap();
        client.send(&[frame(PING, "ping"), frame(0x01, "a"), frame(0x80, "b")].concat());
        client.send(&close(1000, "warm"));
        client.closed_with(1000);
        let mut rude = self.open();
        rude.send(&frame(TEXT, b"\xFF"));
        rude.closed_with(1007);
        let mut page = Client::tcp(self.port());
        page.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        page.head();
        page.read_out(PATIENCE);
        let _ = page.stream.shutdown(Shutdown::Both);
    }

    fn echo(&mut self) {
        for (number, bystander) in self.bystanders.iter_mut().enumerate() {
            bystander.echo(&format!("bystander {number}"));
        }
    }

    /// What holds after every attack: the process lives, the others echo, new ones are welcome, and
    /// the file descriptors are given back. How long the last took.
    pub fn unharmed(&mut self) -> Duration {
        self.unharmed_but(0)
    }

    /// The same with so many of the attacker's connections still there.
    pub fn unharmed_but(&mut self, held: usize) -> Duration {
        self.server.assert_alive();
        self.echo();
        self.open().echo("a newcomer");
        let took = self.server.await_fds(self.fds + held);
        self.server.assert_alive();
        took
    }

    fn growth_of<T>(&self, size: usize, attack: impl Fn(&Self, usize) -> T) -> i64 {
        let before = self.server.rss();
        let most = AtomicI64::new(before);
        let stop = AtomicBool::new(false);
        let pid = self.server.pid();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(rss(pid), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            });
            // Also when the attack panics, lest the sampler go on for ever.
            let _stop = StopOnDrop(&stop);
            let held = attack(self, size);
            most.fetch_max(self.server.rss(), Ordering::Relaxed);
            drop(held);
        });
        most.into_inner() - before
    }
}

/// The most by which a server's resident memory grows during an attack, `full` or `small` in size,
/// and until what the attack returns is dropped. Prints it.
///
/// The server is warm from ordinary traffic, and has not met the attack before: memory that a first
/// one left behind would hide what a second needs. Allocators are noisy, so where it is above
/// `bound` up to two more servers are tried; the least counts.
pub fn growth<T>(
    name: &str,
    (full, small): (usize, usize),
    bound: i64,
    attack: impl Fn(&Arena, usize) -> T,
) -> i64 {
    let size = scale(full, small);
    let mut tries = Vec::new();
    while tries.len() < 3 && tries.last().is_none_or(|&grown| grown > bound) {
        let mut arena = Arena::new();
        tries.push(arena.growth_of(size, &attack));
        arena.unharmed();
    }
    let shown: Vec<_> = tries.iter().map(|grown| format!("+{} KiB", grown / KIB)).collect();
    println!("{name} ({size}): {}", shown.join(", then "));
    tries.into_iter().min().unwrap()
}

/// The same, and asserts it.
pub fn assert_growth<T>(
    name: &str,
    sizes: (usize, usize),
    bound: i64,
    attack: impl Fn(&Arena, usize) -> T,
) {
    let grown = growth(name, sizes, bound, attack);
    assert!(grown <= bound, "{name}: grew by {grown} bytes, more than {bound}");
}

/// Ends loops also when what they accompany panics.
pub struct StopOnDrop<'a>(pub &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

// ---- bytes

/// The key and its answer in §1.3 of the RFC.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A legal request, with further header lines.
pub fn request(more: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
    .into_bytes()
}

pub const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The head of a masked frame: `first` is FIN, RSV and opcode; the length in its shortest form.
pub fn head(first: u8, len: u64) -> Vec<u8> {
    match len {
        0..=125 => head_with(first, len as u8, &[]),
        126..=0xFFFF => head_with(first, 126, &(len as u16).to_be_bytes()),
        _ => head_with(first, 127, &len.to_be_bytes()),
    }
}

/// The head of a masked frame with any length form.
pub fn head_with(first: u8, short: u8, long: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | short], long, &MASK[..]].concat()
}

/// A masked frame.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// A frame as servers send them.
pub fn unmasked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = match payload.len() {
        len @ 0..=125 => vec![first, len as u8],
        len @ 126..=0xFFFF => vec![first, 126, (len >> 8) as u8, len as u8],
        len => [&[first, 127], &(len as u64).to_be_bytes()[..]].concat(),
    };
    bytes.extend_from_slice(payload);
    bytes
}

pub fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A frame that came.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub first: u8,
    pub mask: Option<[u8; 4]>,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn code(&self) -> u16 {
        assert_eq!(self.first, CLOSE, "{self:?}");
        u16::from_be_bytes([self.payload[0], self.payload[1]])
    }
}

// ---- the peer

/// A peer of the server's, or of our client, byte by byte.
pub struct Client {
    pub stream: TcpStream,
    /// Read and not taken.
    pub input: Vec<u8>,
}

impl Client {
    /// Connected, nothing sent.
    pub fn tcp(port: u16) -> Self {
        Self::over(TcpStream::connect(("127.0.0.1", port)).expect("connects"))
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, input: Vec::new() }
    }

    /// Connected with a tiny receive buffer.
    pub fn narrow(port: u16) -> Self {
        Self::configured(port, |socket| socket.set_recv_buffer_size(4 << 10))
    }

    /// Connected so that dropping it sends a reset instead of a FIN.
    pub fn abrupt(port: u16) -> Self {
        Self::configured(port, TcpSocket::set_zero_linger)
    }

    fn configured(port: u16, set: impl Fn(&TcpSocket) -> std::io::Result<()>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let stream = runtime.block_on(async {
            let socket = TcpSocket::new_v4().unwrap();
            set(&socket).unwrap();
            let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await;
            stream.expect("connects").into_std().unwrap()
        });
        stream.set_nonblocking(false).unwrap();
        Self::over(stream)
    }

    /// With the opening handshake done.
    pub fn open(port: u16) -> Self {
        Self::tcp(port).upgraded()
    }

    pub fn upgraded(mut self) -> Self {
        self.upgrade("");
        self
    }

    /// Does the opening handshake, with further header lines, and gives the answer's head.
    pub fn upgrade(&mut self, more: &str) -> String {
        self.send(&request(more));
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
        head
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server takes it");
    }

    /// Sends `count` times, in large writes.
    pub fn send_many(&mut self, bytes: &[u8], count: usize) {
        let each = (64 << 10) / bytes.len() + 1;
        let many = bytes.repeat(each.min(count));
        for _ in 0..count / each {
            self.send(&many);
        }
        self.send(&many[..count % each * bytes.len()]);
    }

    /// Sends until all is gone, the server has taken nothing for `pause`, or has ended: how much it
    /// took.
    pub fn send_while_taken(&mut self, bytes: &[u8], total: usize, pause: Duration) -> usize {
        self.stream.set_write_timeout(Some(pause)).unwrap();
        let many = bytes.repeat((64 << 10) / bytes.len() + 1);
        let mut sent = 0;
        while sent < total {
            let from = sent % many.len();
            let upto = many.len().min(from + total - sent);
            match self.stream.write(&many[from..upto]) {
                Ok(len) => sent += len,
                Err(_) => break,
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        sent
    }

    /// The head of an answer, with its blank line.
    pub fn head(&mut self) -> String {
        loop {
            let end = self.input.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.input.split_off(end + 4);
                let head = std::mem::replace(&mut self.input, rest);
                return String::from_utf8(head).unwrap();
            }
            assert!(
                self.read(),
                "the end within a head: {:?}",
                self.input.escape_ascii().to_string()
            );
        }
    }

    /// The next frame; `None` at the end.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((len, frame)) = parse(&self.input) {
                self.input.drain(..len);
                return Some(frame);
            }
            if !self.read() {
                assert!(self.input.is_empty(), "the end within a frame");
                return None;
            }
        }
    }

    /// Sends a text and awaits it.
    pub fn echo(&mut self, text: &str) {
        self.send(&frame(TEXT, text));
        let mut came = self.frame().expect("an echo");
        // Who was quiet for 20 s was pinged meanwhile.
        while came.first == PING {
            came = self.frame().expect("an echo");
        }
        assert_eq!((came.first, &*came.payload), (TEXT, text.as_bytes()));
    }

    /// Reads up to a close frame with this code, then up to the end of TCP, which must be clean.
    #[track_caller]
    pub fn closed_with(&mut self, code: u16) {
        let close = self.close_frame();
        assert_eq!(close.code(), code, "{}", close.payload[2..].escape_ascii());
        self.ends();
    }

    /// Reads up to a close frame.
    #[track_caller]
    pub fn close_frame(&mut self) -> Frame {
        loop {
            let frame = self.frame().expect("a close frame before the end");
            if frame.first == CLOSE {
                return frame;
            }
        }
    }

    /// TCP ends, and nothing comes before that.
    #[track_caller]
    pub fn ends(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.read() {}
        assert!(self.input.is_empty(), "{}", self.input.escape_ascii());
    }

    /// Reads some more; `false` at the end. A reset is a failure.
    pub fn read(&mut self) -> bool {
        let mut piece = [0; 16 << 10];
        let len = self.stream.read(&mut piece).expect("something, or the end");
        self.input.extend_from_slice(&piece[..len]);
        len > 0
    }

    /// Reads everything up to the end, a reset or a silence.
    pub fn read_out(&mut self, silence: Duration) -> Vec<u8> {
        self.stream.set_read_timeout(Some(silence)).unwrap();
        let mut piece = [0; 16 << 10];
        while let Ok(len @ 1..) = self.stream.read(&mut piece) {
            self.input.extend_from_slice(&piece[..len]);
        }
        std::mem::take(&mut self.input)
    }

    /// Whether TCP has ended, one way or the other, within `limit`.
    pub fn is_over_within(&mut self, limit: Duration) -> bool {
        self.stream.set_read_timeout(Some(limit)).unwrap();
        let start = Instant::now();
        let mut piece = [0; 16 << 10];
        while start.elapsed() < limit {
            match self.stream.read(&mut piece) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    return !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
            }
        }
        false
    }
}

/// The first frame in `bytes`, and its length on the wire.
pub fn parse(bytes: &[u8]) -> Option<(usize, Frame)> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (len, rest) = match second & 0x7F {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u16::from_be_bytes(*len) as usize, rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*len) as usize, rest)
        }
        len => (len as usize, rest),
    };
    let (mask, rest) = if second & 0x80 != 0 {
        let (mask, rest) = rest.split_first_chunk()?;
        (Some(*mask), rest)
    } else {
        (None, rest)
    };
    let mut payload = rest.get(..len)?.to_vec();
    if let Some(mask) = mask {
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    Some((bytes.len() - rest.len() + len, Frame { first, mask, payload }))
}
