//! A peer that speaks bytes, over TCP.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;

use super::wait::LIMIT;
use crate::frames::{CLOSE, FIN, Frame, PING, TEXT, client_frame};
use crate::handshake::{ACCEPT, request};

/// A peer over TCP that blocks: what it sends is bytes, what it reads is frames.
#[derive(Debug)]
pub struct Client {
    /// The connection.
    pub stream: TcpStream,
    /// Read and not taken.
    pub input: Vec<u8>,
}

impl Client {
    /// Connected; nothing is sent.
    pub fn tcp(port: u16) -> Self {
        Self::over(TcpStream::connect(("127.0.0.1", port)).expect("connects"))
    }

    /// The peer at one end of this connection.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
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

    fn configured(port: u16, set: impl Fn(&TcpSocket) -> io::Result<()>) -> Self {
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

    /// Connected, and the opening handshake is done.
    pub fn open(port: u16) -> Self {
        Self::tcp(port).upgraded()
    }

    /// Does the opening handshake.
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

    /// Sends bytes.
    #[track_caller]
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
        self.stream.set_write_timeout(Some(LIMIT)).unwrap();
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
            if let Some((frame, len)) = Frame::parse(&self.input) {
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
        self.send(&client_frame(FIN | TEXT, text));
        let mut came = self.frame().expect("an echo");
        // A peer that was quiet for 20 s was pinged meanwhile.
        while came.opcode == PING {
            came = self.frame().expect("an echo");
        }
        assert_eq!((came.first(), &*came.payload), (FIN | TEXT, text.as_bytes()));
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
            if frame.opcode == CLOSE {
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
