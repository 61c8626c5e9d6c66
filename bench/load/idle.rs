//! Idle connections: how much memory the server holds for each of 10,000.
//!
//! Row `g` is after the handshake, `g1` after one message each was sent back: what a connection that
//! has once been busy keeps. A few connections come first, so that the server's own pages are in.

use std::thread;
use std::time::Duration;

use crate::{Failure, clock, connection, workload};

const FIRST: usize = 100;
const COUNT: usize = 10_000;

pub fn run(port: u16, pid: i32) -> Result<Vec<(String, f64)>, Failure> {
    let script = workload::find("a").ok_or("workload a")?.script(false);
    let mut open = Vec::with_capacity(FIRST + COUNT);
    for n in 0..FIRST {
        let mut stream = connection::open(port, None)?;
        connection::exchange(&mut stream, script.said(n), script.heard(n))?;
        open.push(stream);
    }
    let before = settled(pid)?;
    for _ in 0..COUNT {
        open.push(connection::open(port, None)?);
    }
    let opened = settled(pid)?;
    for (n, stream) in open.iter_mut().enumerate().skip(FIRST) {
        connection::exchange(stream, script.said(n), script.heard(n))?;
    }
    let used = settled(pid)?;
    let each = |now: u64| now.saturating_sub(before) as f64 / COUNT as f64;
    Ok(vec![("g".to_owned(), each(opened)), ("g1".to_owned(), each(used))])
}

/// What is in memory when the server has had time to give back what it wants to.
fn settled(pid: i32) -> Result<u64, Failure> {
    thread::sleep(Duration::from_millis(500));
    clock::resident(pid)
}
