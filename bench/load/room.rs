//! A room: 200 connections, one of which sends several messages of 100 bytes with one write. All of
//! them hear each. When the last has heard the last of them, it sends the next.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bowstring_testing::frames::{BINARY, FIN, client_frame, server_frame};

use crate::connection::{self, PATIENCE};
use crate::script::Script;
use crate::sys::Epoll;
use crate::{Failure, pace};

const MEMBERS: usize = 200;
const LEN: usize = 100;

/// The server's nanoseconds for a delivery, with so many messages in flight.
pub fn run(port: u16, pid: i32, window: Duration, in_flight: usize) -> Result<f64, Failure> {
    let mut epoll = Epoll::new()?;
    let mut members = Vec::with_capacity(MEMBERS);
    for number in 0..MEMBERS {
        let stream = connection::open(port, None)?;
        stream.set_nonblocking(true)?;
        epoll.add(&stream, number)?;
        members.push(Member { stream, heard: 0 });
    }
    let script = script(in_flight);
    let mut said = 0;
    let used = pace::measure(pid, window, |stop| {
        let mut delivered = 0;
        while Instant::now() < stop {
            members[0].stream.write_all(script.said(said))?;
            hear(&mut epoll, &mut members, script.heard(said))?;
            delivered += (MEMBERS * in_flight) as u64;
            said += 1;
        }
        Ok(delivered)
    })?;
    Ok(used.nanoseconds)
}

struct Member {
    stream: TcpStream,
    /// How many bytes of what is expected have come.
    heard: usize,
}

/// Messages that differ, so that one delivered twice, late or out of turn is noticed.
fn script(in_flight: usize) -> Script {
    let mut script = Script::new(in_flight);
    for round in 0..16 {
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        for number in 0..in_flight {
            let payload = [(round * 7 + number) as u8; LEN];
            said.extend(client_frame(FIN | BINARY, payload));
            heard.extend(server_frame(FIN | BINARY, payload));
        }
        script.push(said, heard);
    }
    script
}

/// Waits until everybody has heard all of it, in order.
fn hear(epoll: &mut Epoll, members: &mut [Member], expected: &[u8]) -> Result<(), Failure> {
    let mut buffer = [0; 16 << 10];
    let mut left = members.len();
    members.iter_mut().for_each(|member| member.heard = 0);
    while left > 0 {
        let events = epoll.wait(PATIENCE)?;
        if events == 0 {
            return Err(format!("{left} members wait for a message in vain").into());
        }
        for event in 0..events {
            let Member { stream, heard } = &mut members[epoll.token(event)];
            while *heard < expected.len() {
                match stream.read(&mut buffer) {
                    Ok(0) => return Err("a member was closed".into()),
                    Ok(len) if expected[*heard..].starts_with(&buffer[..len]) => *heard += len,
                    Ok(_) => return Err("a member heard something else".into()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(format!("receiving: {error}").into()),
                }
                left -= usize::from(*heard == expected.len());
            }
        }
    }
    Ok(())
}
