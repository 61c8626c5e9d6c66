//! What the tests of the core share: a runner that feeds a connection in pieces, in the way that its
//! documentation asks for. What needs nothing of the crate's is in `crates/testing`.

#![allow(dead_code, unreachable_pub, unused_macros, unused_imports)] // No test uses all of it.

use std::time::Instant;

use bowstring::proto::*;
pub use bowstring_testing::bytes;
pub use bowstring_testing::frames::{
    BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, RSV1, TEXT, fragments, legal_frames,
    legal_frames_with, masked, server_frame,
};
pub use bowstring_testing::random::Random;

/// A server needs no mask, so everything is written as a server's. A client's key is always this.
pub const CLIENT: Role = Role::Client(|| KEY);
pub const BOTH: [Role; 2] = [CLIENT, Role::Server];

/// What a peer of `role` sends for `stream`, which is written as a server would send it.
pub fn from_peer_of(role: Role, stream: &[u8]) -> Vec<u8> {
    match role {
        Role::Client(_) => stream.to_vec(),
        Role::Server => masked(stream),
    }
}

/// The frame that tells the peer of a violation, unmasked.
pub fn complaint(violation: Violation) -> Vec<u8> {
    let reason = violation.to_string();
    bytes![0x88, 2 + reason.len() as i32, violation.code().get(), &*reason]
}

/// Which of the three receiving methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Recv,
    Message,
    Part,
}

pub const WAYS: [Way; 3] = [Way::Recv, Way::Message, Way::Part];

/// A connection and what went in and out of it.
pub struct Run {
    pub connection: Connection,
    way: Way,
    /// What `recv` left, as its documentation asks for.
    left: Vec<u8>,
    /// The message of which parts have come.
    joined: Option<Message>,
    pub events: Vec<Message>,
    pub violation: Option<Violation>,
    pub out: Vec<u8>,
}

impl Run {
    pub fn new(role: Role, config: &ProtocolConfig, way: Way) -> Self {
        Self {
            connection: Connection::new(role, config, Instant::now()),
            way,
            left: Vec::new(),
            joined: None,
            events: Vec::new(),
            violation: None,
            out: Vec::new(),
        }
    }

    /// Feeds a piece, takes all events, and keeps what is left.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut buffer = std::mem::take(&mut self.left);
        buffer.extend(piece);
        let mut input = &mut buffer[..];
        loop {
            match self.step(&mut input) {
                Ok(true) => {}
                Ok(false) => break,
                Err(violation) => {
                    assert!(self.violation.is_none_or(|before| before == violation), "not sticky");
                    self.violation = Some(violation);
                    self.connection.queue_replies(&mut self.out);
                    return;
                }
            }
        }
        assert!(self.violation.is_none(), "a violation was forgotten");
        assert!(input.len() <= 130, "{} bytes were left", input.len());
        self.left = input.to_vec();
        self.connection.queue_replies(&mut self.out);
    }

    /// One call; whether it gave something.
    fn step(&mut self, input: &mut &mut [u8]) -> Result<bool, Violation> {
        match self.way {
            Way::Recv => match self.connection.recv(input, &mut self.out)? {
                None => return Ok(false),
                Some(event) => self.events.push(event.into()),
            },
            Way::Message => match self.connection.recv_message(input, &mut self.out)? {
                None => return Ok(false),
                Some(message) => self.events.push(message),
            },
            Way::Part => {
                let Some(Part { event, fin }) = self.connection.recv_part(input, &mut self.out)?
                else {
                    return Ok(false);
                };
                if event.is_control() {
                    assert!(fin, "a control frame in parts");
                    self.events.push(event.into());
                    return Ok(true);
                }
                assert!(fin || !Message::from(event).as_bytes().is_empty(), "an empty part");
                let joined = match (self.joined.take(), event) {
                    (None, first) => first.into(),
                    (Some(Message::Text(text)), Event::Text(more)) => {
                        Message::text(format!("{text}{more}"))
                    }
                    (Some(Message::Binary(data)), Event::Binary(more)) => {
                        Message::binary([&data, more].concat())
                    }
                    (before, part) => panic!("{part:?} goes on with {before:?}"),
                };
                if fin {
                    self.events.push(joined);
                } else {
                    self.joined = Some(joined);
                }
            }
        }
        Ok(true)
    }
}

/// A run from beginning to end.
pub fn run<'a>(
    role: Role,
    config: &ProtocolConfig,
    way: Way,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Run {
    let mut run = Run::new(role, config, way);
    for piece in pieces {
        run.feed(piece);
    }
    run
}
