//! Broadcast: 1,000 connections, one of which says 100 bytes that all of them hear. When the last has
//! heard them, it says the next.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::connection::{self, PATIENCE};
use bowstring_testing::frames::{BINARY, FIN, client_frame, server_frame};

use crate::script::Script;
use crate::sys::Epoll;
use crate::{Failure, pace};

const MEMBERS: usize = 1000;
const LEN: usize = 100;

/// The server's nanoseconds for a delivery.
pub fn run(port: u16, pid: i32, window: Duration) -> Result<f64, Failure> {
    let mut epoll = Epoll::new()?;
    let mut members = Vec::with_capacity(MEMBERS);
    for n in 0..MEMBERS {
        let stream = connection::open(port, None)?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, n)?;
        members.push(stream);
    }
    let script = script();
    let mut said = 0;
    let used = pace::measure(pid, window, |stop| {
        let mut delivered = 0;
        while Instant::now() < stop {
            members[0].write_all(script.said(said))?;
            hear(&mut epoll, &mut members, script.heard(said))?;
            delivered += MEMBERS as u64;
            said += 1;
        }
        Ok(delivered)
    })?;
    Ok(used.nanoseconds)
}

/// Messages that differ, so that one delivered twice or late is noticed.
fn script() -> Script {
    let mut script = Script::new(1);
    for n in 0..16 {
        let payload = [b'a' + n; LEN];
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        said.extend(client_frame(FIN | BINARY, payload));
        heard.extend(server_frame(FIN | BINARY, payload));
        script.push(said, heard);
    }
    script
}

/// Waits until all members have received it, once.
fn hear(epoll: &mut Epoll, members: &mut [TcpStream], expected: &[u8]) -> Result<(), Failure> {
    let mut buffer = [0; 2 * LEN];
    let mut left = members.len();
    while left > 0 {
        let events = epoll.wait(PATIENCE)?;
        if events == 0 {
            return Err(format!("{left} members wait for a message in vain").into());
        }
        for event in 0..events {
            match members[epoll.token(event)].read(&mut buffer) {
                Ok(len) if &buffer[..len] == expected => left = left.saturating_sub(1),
                Ok(len) => return Err(format!("a member heard {:02x?}", &buffer[..len]).into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(format!("receiving: {error}").into()),
            }
        }
    }
    Ok(())
}
