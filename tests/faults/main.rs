//! A network that delays, cuts, resets and swallows; peers that come and go by the thousand, are
//! killed, or are still there when the server is told to end.
//!
//! [`proxy`] stands between our client and a server: our library's in this process, or the real echo
//! server. [`exchange`] says numbered, checksummed messages through it, by every door of the API. What
//! then must hold, in [`delivery`] and [`ends`]: everything arrives exactly once, whole and in order;
//! or a prefix of it does, and the side that is hit has a typed error. In release the tests run at
//! full size and print what they measure:
//!
//! ```text
//! cargo test --release --test faults -- --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub)]

mod churn;
mod delivery;
mod drain;
mod ends;
mod exchange;
mod fan_out;
#[path = "../attacks/harness.rs"]
mod harness;
mod killed;
mod proxy;
#[path = "../support/mod.rs"]
mod support;

use std::future::Future;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use harness::{Client, Server, until};

/// One test at a time: each uses all cores, and some look at the clock.
pub fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs it on two threads, for at most two minutes: a hang is a failure.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(120), test).await.expect("it ends in time")
    })
}

/// How many file descriptors the server has when nobody is connected any more: the first line comes
/// before its threads are all there, so somebody is served first, and then it must not change.
pub fn fds_at_rest(server: &Server) -> usize {
    Client::open(server.port).echo("a first visitor");
    let mut last = (server.fds(), Instant::now());
    until("the number of file descriptors to stay", || {
        let now = server.fds();
        if now != last.0 {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(200)
    });
    last.0
}

/// Raises the limit on file descriptors where it is lower.
pub fn allow_descriptors(wanted: usize) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    if soft < wanted {
        let raised = Command::new("prlimit")
            .args(["--pid", &std::process::id().to_string()])
            .arg(format!("--nofile={wanted}:"))
            .status();
        assert!(
            raised.is_ok_and(|status| status.success()),
            "{wanted} file descriptors are needed, {soft} are allowed (ulimit -n)"
        );
    }
}
