//! Peers that packets no longer reach (S34): no FIN, no reset, nothing. The server lives in a network
//! namespace, we reach it over a veth pair, and iptables drops everything both ways.
//!
//! Needs root, so `cargo test` leaves it out and `tests/netns.sh` runs it.

#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]

#[path = "attacks/harness.rs"]
mod harness;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bowstring::handshake::ClientRequest;
use bowstring::net::connect_with;
use bowstring::proto::Expired;
use bowstring::{Config, Error};

use harness::*;

/// The ends of the veth pair: from the range for documentation, so nobody's.
const OURS: &str = "192.0.2.1";
const THEIRS: &str = "192.0.2.2";

const PING_INTERVAL: Duration = Duration::from_secs(1);
const PONG_TIMEOUT: Duration = Duration::from_secs(1);

/// What is promised: a peer that is gone is found by then.
const FOUND: Duration = Duration::from_secs(3);

/// A namespace on a wire of its own; gone when dropped.
struct Network {
    name: String,
    _alone: MutexGuard<'static, ()>,
}

impl Network {
    fn new() -> Self {
        static WIRE: Mutex<()> = Mutex::new(());
        let _alone = WIRE.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("bow{}", std::process::id());
        ip(&format!("netns add {name}"));
        let this = Self { name, _alone };
        let name = &this.name;
        ip(&format!("link add {name} type veth peer name wire netns {name}"));
        ip(&format!("address add {OURS}/30 dev {name}"));
        ip(&format!("link set {name} up"));
        ip(&format!("-n {name} address add {THEIRS}/30 dev wire"));
        ip(&format!("-n {name} link set wire up"));
        this
    }

    /// The echo server at the other end, with the keep-alive from above.
    fn server(&self) -> Server {
        let seconds = |time: Duration| time.as_secs_f64().to_string();
        Server::spawn(
            Command::new("ip")
                .args(["netns", "exec", &self.name, env!("CARGO_BIN_EXE_echo-server")])
                .arg(format!("{THEIRS}:0"))
                .args(["--ping-interval", &seconds(PING_INTERVAL)])
                .args(["--pong-timeout", &seconds(PONG_TIMEOUT)]),
        )
    }

    /// From now on no packet passes.
    fn swallow(&self) {
        self.iptables("-A");
    }

    fn restore(&self) {
        self.iptables("-D");
    }

    fn iptables(&self, change: &str) {
        for chain in ["INPUT", "OUTPUT"] {
            ip(&format!("netns exec {} iptables -w {change} {chain} -j DROP", self.name));
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // A namespace takes its end of the wire along, but in its own time.
        let _ = Command::new("ip").args(["link", "delete", &self.name]).status();
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).status();
    }
}

fn ip(arguments: &str) {
    let done = Command::new("ip").args(arguments.split(' ')).output().expect("ip (iproute2) runs");
    assert!(
        done.status.success(),
        "this test needs root and iptables; ip {arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn open(server: &Server) -> Client {
    Client::over(TcpStream::connect((THEIRS, server.port)).expect("connects")).upgraded()
}

#[test]
fn s34_a_black_holed_client_is_found_and_freed() {
    let network = Network::new();
    let mut server = network.server();
    open(&server).echo("a first visitor");
    thread::sleep(Duration::from_millis(300));
    let fds = server.fds();

    let idle: Vec<_> = (0..10).map(|_| open(&server)).collect();
    let mut half = open(&server);
    half.send(&header(FIN | BINARY, Some(KEY), 1 << 20));
    half.send(&[0; 100_000]);
    // Reads nothing: the server's queue is full.
    let mut stuck = open(&server);
    stuck.send_while_taken(
        &client_frame(FIN | BINARY, [0; 1000]),
        64 << 20,
        Duration::from_millis(300),
    );
    // With messages and echoes under way.
    let busy = open(&server);
    let mut reading = busy.stream.try_clone().unwrap();
    let mut writing = busy.stream.try_clone().unwrap();
    writing.set_write_timeout(Some(FOUND)).unwrap();
    reading.set_read_timeout(Some(FOUND)).unwrap();
    let reader = thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while matches!(reading.read(&mut piece), Ok(1..)) {}
    });
    let writer =
        thread::spawn(
            move || while writing.write_all(&client_frame(FIN | TEXT, "and on")).is_ok() {},
        );
    assert_eq!(server.fds(), fds + 13);

    network.swallow();
    let gone = Instant::now();
    server.await_fds(fds);
    let took = gone.elapsed();
    println!("black-holed clients: all 13 descriptors are back after {took:.2?}");
    assert!(took <= FOUND, "{took:?}");
    reader.join().unwrap();
    writer.join().unwrap();

    network.restore();
    server.assert_alive();
    open(&server).echo("and it goes on");
    drop((idle, half, stuck, busy));
}

#[test]
fn s34_a_black_holed_server_is_found_by_the_client() {
    let network = Network::new();
    let server = network.server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
        let mut config = Config::default();
        config.timeouts.keep_alive = Some(PING_INTERVAL);
        config.timeouts.pong = PONG_TIMEOUT;
        config.handshake_timeout = Duration::from_secs(1);
        let request =
            ClientRequest::new(format!("ws://{THEIRS}:{}/", server.port).parse().unwrap());
        let before = descriptors();

        let (mut idle, _) = connect_with(&request, &config).await.unwrap();
        // With packets that pass it stays, however long nobody says anything.
        let quiet = tokio::time::timeout(FOUND + PING_INTERVAL, idle.recv()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        let (busy, _) = connect_with(&request, &config).await.unwrap();
        let (mut reader, writer) = busy.split();
        let writing = tokio::spawn(async move {
            loop {
                if let Err(error) = writer.send("and on").await {
                    break error;
                }
            }
        });
        let mut echoes = 0;
        let listening = tokio::spawn(async move {
            loop {
                match reader.recv().await {
                    Ok(Some(_)) => echoes += 1,
                    end => break (echoes, end),
                }
            }
        });

        network.swallow();
        let gone = Instant::now();
        let end = idle.recv().await;
        let took = gone.elapsed();
        assert!(matches!(end, Err(Error::Timeout(Expired::Pong))), "{end:?}");
        let (echoes, end) = listening.await.unwrap();
        let both = gone.elapsed();
        // Where the flood has filled what the system holds, the ping itself did not get out.
        let silent =
            |error: &Error| matches!(error, Error::Timeout(Expired::Pong | Expired::Write));
        assert!(echoes > 0 && end.as_ref().is_err_and(silent), "{end:?}");
        let told = writing.await.unwrap();
        assert!(matches!(told, Error::Closed(_)) || silent(&told), "{told}");
        println!("black-holed server: found after {took:.2?} idle, {both:.2?} in a flood");
        assert!(took <= FOUND && both <= FOUND, "{took:?}, {both:?}");
        drop(idle);
        assert_eq!(descriptors(), before);

        // Nor does connecting wait for what TCP thinks is long.
        let start = Instant::now();
        let refused = connect_with(&request, &config).await.map(drop);
        let late = |error: &Error| matches!(error, Error::Connect(tried) if tried.is_timeout());
        assert!(refused.as_ref().is_err_and(late), "{refused:?}");
        assert!(start.elapsed() < Duration::from_secs(2));
    });
}
