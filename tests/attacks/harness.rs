//! The real echo server as a process, servers with bystanders, and how much an attack may cost.
//!
//! Nothing here uses our own crate: a fault in it must not hide itself.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

use std::net::Shutdown;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

pub use bowstring_testing::frames::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, RSV1, TEXT, client_close,
    client_frame, close_payload, header, header_with, server_frame,
};
pub use bowstring_testing::handshake::{self, request};
pub use bowstring_testing::io::client::Client;
pub use bowstring_testing::io::process::{Server, resident};
pub use bowstring_testing::io::wait::{LIMIT as PATIENCE, until};

/// Whether the attacks run at full size: in release.
pub const FULL: bool = !cfg!(debug_assertions);

pub const KIB: i64 = 1 << 10;
pub const MIB: i64 = 1 << 20;

/// A number of frames, bytes or sockets: full size in release.
pub fn scale(full: usize, small: usize) -> usize {
    if FULL { full } else { small }
}

/// How long [`hasty_server`] waits for an opening handshake. At full size it is the default.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(if FULL { 10 } else { 2 });
/// How long [`hasty_server`] waits for the end of a close. At full size it is the default.
pub const CLOSE_DEADLINE: Duration = Duration::from_secs(if FULL { 5 } else { 1 });

/// The echo server's program: these are tests of its package.
pub const BINARY_PATH: &str = env!("CARGO_BIN_EXE_echo-server");

/// The echo server on a port that the system chooses, with so many threads.
pub fn echo_server(threads: usize) -> Server {
    echo_server_with(&["--threads", &threads.to_string()])
}

/// The same with these options.
pub fn echo_server_with(options: &[&str]) -> Server {
    Server::spawn(Command::new(BINARY_PATH).arg("0").args(options))
}

/// The echo server with the deadlines above and these options: for tests that wait for a deadline.
pub fn hasty_server(options: &[&str]) -> Server {
    let [handshake, close] =
        [HANDSHAKE_DEADLINE, CLOSE_DEADLINE].map(|deadline| deadline.as_secs_f64().to_string());
    let deadlines = ["--handshake-timeout", &handshake, "--close-timeout", &close];
    echo_server_with(&[&deadlines, options].concat())
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
        let arena = Self::around(echo_server(threads));
        arena.warm_up();
        arena.server.await_fds(arena.fds);
        arena
    }

    /// Without the traffic that warms a server up: for attacks whose memory nobody asks about.
    pub fn cold() -> Self {
        Self::around(echo_server(1))
    }

    /// Around a server that was started with options.
    pub fn around(server: Server) -> Self {
        let bystanders = (0..20).map(|_| Client::open(server.port)).collect();
        let mut arena = Self { server, bystanders, fds: 0 };
        arena.echo();
        arena.fds = arena.server.fds();
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
        client.send_many(&client_frame(FIN | TEXT, [b'a'; 1000]), 300);
        for _ in 0..300 {
            client.frame().unwrap();
        }
        // This fills whole read blocks.
        client.send_many(&client_frame(FIN | PONG, [0; 125]), 10_000);
        client.send(&client_frame(FIN | BINARY, vec![0; 100_000]));
        client.frame().unwrap();
        client.send(
            &[
                client_frame(FIN | PING, "ping"),
                client_frame(TEXT, "a"),
                client_frame(FIN | CONTINUATION, "b"),
            ]
            .concat(),
        );
        client.send(&client_close(1000, "warm"));
        client.closed_with(1000);
        let mut rude = self.open();
        rude.send(&client_frame(FIN | TEXT, b"\xFF"));
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
                    most.fetch_max(resident(pid), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            });
            // Also when the attack panics: the sampler must not go on for ever.
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
