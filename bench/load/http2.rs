//! A WebSocket that is a stream of HTTP/2 (RFC 8441): its opening, and the frames that carry its bytes.
//!
//! It knows as much of HTTP/2 as a load generator needs: one stream on a connection, requests without
//! compression of fields, and windows so large that they are never used up.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use crate::connection::PATIENCE;
use crate::{Failure, sys};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;

/// What a frame may hold at most, unless the receiver allows more (RFC 9113 §4.2).
const MAX_FRAME: usize = 16 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const SETTINGS_INITIAL_WINDOW_SIZE: u16 = 4;
const SETTINGS_ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// What both windows of a receiver are before it says otherwise (RFC 9113 §6.9.2).
const WINDOW: i64 = 65_535;
const MAX_WINDOW: u32 = (1 << 31) - 1;

/// The first stream of a client.
const STREAM: u32 = 1;

/// A field of a request (RFC 7541 §6.2.2, without an index).
fn field(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(u8::try_from(text.len()).ok().filter(|len| *len < 127).expect("a short text"));
        block.extend_from_slice(text.as_bytes());
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The same bytes as the payload of as few DATA frames as can be.
pub fn data(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + HEAD * bytes.len().div_ceil(MAX_FRAME));
    for part in bytes.chunks(MAX_FRAME) {
        frame(&mut out, DATA, 0, STREAM, part);
    }
    out
}

/// What a connection of HTTP/2 remembers.
#[derive(Default)]
pub struct Http2 {
    /// The frame that is being read: its head as far as it has come.
    head: [u8; HEAD],
    head_len: usize,
    /// How much of its payload is to come.
    left: usize,
    /// The payload, if it is not data.
    payload: Vec<u8>,
    /// What is to be written before anything else.
    pub owed: Vec<u8>,
    /// How many bytes the server takes of the stream, and of the connection.
    stream_window: i64,
    connection_window: i64,
    initial_window: i64,
    connects: Option<bool>,
    admitted: bool,
}

impl Http2 {
    /// How many bytes of data are about to be written.
    ///
    /// A server that gives no room in time stops the measurement: no workload waits for a window.
    pub fn sends(&mut self, len: usize) -> Result<(), Failure> {
        self.stream_window -= len as i64;
        self.connection_window -= len as i64;
        match self.stream_window.min(self.connection_window) {
            0.. => Ok(()),
            _ => Err("the server's window is used up".into()),
        }
    }

    /// Takes what has come, and gives the data in it to `take`, piece by piece.
    pub fn receive(
        &mut self,
        mut came: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while !came.is_empty() {
            if self.head_len < HEAD {
                let len = came.len().min(HEAD - self.head_len);
                self.head[self.head_len..self.head_len + len].copy_from_slice(&came[..len]);
                (self.head_len, came) = (self.head_len + len, &came[len..]);
                if self.head_len < HEAD {
                    return Ok(());
                }
                let [a, b, c, ..] = self.head;
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            }
            let (part, rest) = came.split_at(came.len().min(self.left));
            (self.left, came) = (self.left - part.len(), rest);
            if self.head[3] == DATA {
                take(part)?;
            } else {
                self.payload.extend_from_slice(part);
            }
            if self.left == 0 {
                self.frame()?;
                self.payload.clear();
                self.head_len = 0;
            }
        }
        Ok(())
    }

    /// A frame is complete.
    fn frame(&mut self) -> Result<(), Failure> {
        let [_, _, _, kind, flags, stream @ ..] = self.head;
        let stream = u32::from_be_bytes(stream);
        match kind {
            DATA => {}
            SETTINGS if flags & ACK != 0 => {}
            SETTINGS => {
                self.connects = Some(false);
                for setting in self.payload.chunks_exact(6) {
                    let name = u16::from_be_bytes([setting[0], setting[1]]);
                    let value =
                        u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]);
                    match name {
                        SETTINGS_INITIAL_WINDOW_SIZE => {
                            self.stream_window += i64::from(value) - self.initial_window;
                            self.initial_window = i64::from(value);
                        }
                        SETTINGS_ENABLE_CONNECT_PROTOCOL => self.connects = Some(value == 1),
                        _ => {}
                    }
                }
                frame(&mut self.owed, SETTINGS, ACK, 0, &[]);
            }
            PING if flags & ACK == 0 => frame(&mut self.owed, PING, ACK, 0, &self.payload),
            PING => {}
            WINDOW_UPDATE => {
                let more = <[u8; 4]>::try_from(&self.payload[..]).map_err(|_| "a bad update")?;
                let more = i64::from(u32::from_be_bytes(more));
                *(if stream == 0 {
                    &mut self.connection_window
                } else {
                    &mut self.stream_window
                }) += more;
            }
            // The indexed field `:status: 200` (RFC 7541 appendix A).
            HEADERS if self.payload.first() == Some(&0x88) => self.admitted = true,
            kind => return Err(format!("the server sends a frame of type {kind}").into()),
        }
        Ok(())
    }
}

/// Connects, and opens the WebSocket.
pub fn open(port: u16) -> Result<(TcpStream, Http2), Failure> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| format!("connecting: {error}"))?;
    sys::reset_on_drop(&stream)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut http2 = Http2 {
        stream_window: WINDOW,
        connection_window: WINDOW,
        initial_window: WINDOW,
        ..Http2::default()
    };

    let mut hello = PREFACE.to_vec();
    let mut window = SETTINGS_INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
    window.extend(MAX_WINDOW.to_be_bytes());
    frame(&mut hello, SETTINGS, 0, 0, &window);
    frame(&mut hello, WINDOW_UPDATE, 0, 0, &(MAX_WINDOW - WINDOW as u32).to_be_bytes());
    stream.write_all(&hello)?;
    until(&mut stream, &mut http2, |http2| http2.connects.is_some())?;
    if http2.connects != Some(true) {
        return Err("the server takes no WebSockets over HTTP/2".into());
    }

    let mut block = Vec::new();
    for (name, value) in [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", &*format!("127.0.0.1:{port}")),
        ("sec-websocket-version", "13"),
    ] {
        field(&mut block, name, value);
    }
    let mut request = Vec::new();
    frame(&mut request, HEADERS, END_HEADERS, STREAM, &block);
    stream.write_all(&request)?;
    until(&mut stream, &mut http2, |http2| http2.admitted)?;
    Ok((stream, http2))
}

/// Reads and answers until something has come.
fn until(
    stream: &mut TcpStream,
    http2: &mut Http2,
    mut has_come: impl FnMut(&Http2) -> bool,
) -> Result<(), Failure> {
    let mut buffer = [0; 4096];
    while !has_come(http2) {
        let len = stream.read(&mut buffer).map_err(|error| format!("opening: {error}"))?;
        if len == 0 {
            return Err("the server ended the connection".into());
        }
        http2.receive(&buffer[..len], |_| Err("the server sends data too early".into()))?;
        stream.write_all(&http2.owed)?;
        http2.owed.clear();
    }
    Ok(())
}
