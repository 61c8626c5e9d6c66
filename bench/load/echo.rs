//! Echo: each connection writes its messages, and writes them again when all have come back.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::connection::{self, PATIENCE};
use crate::http2::{self, Http2};
use crate::pace::{self, Used};
use crate::script::Script;
use crate::sys::Epoll;

pub struct Load {
    epoll: Epoll,
    script: Script,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Bytes of the present round written; all of them between rounds.
    said: usize,
    /// Bytes of the present round come back; none between rounds.
    heard: usize,
    /// What carries them, if it is not the connection itself.
    http2: Option<Http2>,
}

/// What the connections speak.
#[derive(Clone, Copy)]
pub enum Http<'a> {
    /// HTTP/1.1, with this offer of an extension.
    One(Option<&'a str>),
    Two,
}

impl Load {
    pub fn open(
        port: u16,
        connections: usize,
        script: Script,
        http: Http<'_>,
    ) -> Result<Self, Failure> {
        let epoll = Epoll::new()?;
        let open = |n| {
            let (stream, http2) = match http {
                Http::One(extension) => (connection::open(port, extension)?, None),
                Http::Two => http2::open(port).map(|(stream, http2)| (stream, Some(http2)))?,
            };
            stream.set_nonblocking(true)?;
            epoll.add(&stream, n)?;
            Ok(Connection { stream, said: 0, heard: 0, http2 })
        };
        let connections = (0..connections).map(open).collect::<Result<_, Failure>>()?;
        Ok(Self { epoll, script, connections, buffer: vec![0; 512 << 10] })
    }

    /// What the server uses for a message.
    pub fn measure(mut self, pid: i32, window: Duration) -> Result<Used, Failure> {
        pace::measure(pid, window, |stop| self.burst(|| Instant::now() < stop))
    }

    /// Exactly so many messages, rounded up to whole rounds.
    pub fn exactly(mut self, messages: u64) -> Result<(), Failure> {
        let mut rounds = messages.div_ceil(self.script.at_once as u64);
        self.burst(|| {
            let more = rounds > 0;
            rounds = rounds.saturating_sub(1);
            more
        })?;
        Ok(())
    }

    /// Sends as long as `more` says so, and waits until everything has come back. How many messages
    /// that were.
    fn burst(&mut self, mut more: impl FnMut() -> bool) -> Result<u64, Failure> {
        let (mut busy, mut rounds) = (0, 0);
        for n in 0..self.connections.len() {
            if more() {
                self.begin(n)?;
                busy += 1;
            }
        }
        while busy > 0 {
            let events = self.epoll.wait(PATIENCE)?;
            if events == 0 {
                return Err(format!("{busy} connections wait for an answer in vain").into());
            }
            for event in 0..events {
                let n = self.epoll.token(event);
                self.write(n)?;
                if !self.read(n)? {
                    continue;
                }
                rounds += 1;
                if more() {
                    self.begin(n)?;
                } else {
                    busy -= 1;
                }
            }
        }
        Ok(rounds * self.script.at_once as u64)
    }

    fn begin(&mut self, n: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[n];
        connection.said = 0;
        if let Some(http2) = &mut connection.http2 {
            http2.sends(self.script.said(n).len())?;
        }
        self.write(n)
    }

    /// Writes what is left of the round, as far as the server takes it.
    fn write(&mut self, n: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[n];
        let words = self.script.said(n);
        if let Some(http2) = connection.http2.as_mut().filter(|http2| !http2.owed.is_empty()) {
            // Between two rounds, so it falls into no frame; and it is short.
            if connection.said < words.len() && connection.said > 0 {
                return Err("an answer is owed amid a frame".into());
            }
            connection.stream.write_all(&http2.owed)?;
            http2.owed.clear();
        }
        while connection.said < words.len() {
            match connection.stream.write(&words[connection.said..]) {
                Ok(len) => connection.said += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(format!("sending: {error}").into()),
            }
        }
        Ok(())
    }

    /// Reads what has come, and compares it; whether the round is complete.
    fn read(&mut self, n: usize) -> Result<bool, Failure> {
        let connection = &mut self.connections[n];
        let expected = self.script.heard(n);
        loop {
            let len = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return Err("the server ended a connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(format!("receiving: {error}").into()),
            };
            let Connection { heard, http2, .. } = connection;
            let mut compare = |came: &[u8]| {
                let (at, len) = (*heard, came.len());
                if expected.get(at..at + len) != Some(came) {
                    let start = &came[..len.min(16)];
                    let text = "an answer differs within";
                    return Err(
                        format!("{text} {len} bytes after its {at}th: {start:02x?}…").into()
                    );
                }
                *heard += len;
                Ok(())
            };
            let came = &self.buffer[..len];
            match http2 {
                Some(http2) => http2.receive(came, compare)?,
                None => compare(came)?,
            }
            if connection.heard == expected.len() {
                connection.heard = 0;
                return Ok(true);
            }
            // A short read has emptied the socket: what comes next is an edge of its own.
            if len < self.buffer.len() {
                return Ok(false);
            }
        }
    }
}
