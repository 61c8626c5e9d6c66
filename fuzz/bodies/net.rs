//! The tokio layer: operations, dropped futures and a transport's faults drawn from bytes, and then
//! everything that was written read again by nothing of the crate's.
//!
//! Byte 0: role, split or not, high-water mark, reports. Byte 1: compression. The rest is a program, one or more bytes to
//! a step: the peer says something (frames that are legal, or raw bytes), takes bytes, ends; we
//! call something and poll it so many times before it is dropped; time passes.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bowstring::handshake::{Agreed, DeflateParams};
use bowstring::net::{Memory, Reader, Writer};
use bowstring::proto::Role;
use bowstring::{Close, Config, Error, Event, Message, WebSocket};
use bowstring_testing::frames::{
    self, BINARY, CLOSE, CONTINUATION, FIN, Frame, KEY, PING, PONG, RSV1, TEXT,
};
use bowstring_testing::io::poll::{poll, poll_times};
use bowstring_testing::io::scripted::{Cut, Peer};
use zlib_rs::{Inflate, InflateFlush};

use crate::scripted::{Scripted, scripted};

pub fn net(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(run(data));
}

enum Socket {
    Whole(WebSocket<Scripted>),
    Halves(Reader<Scripted>, Writer<Scripted>),
}

/// What happened, for the check at the end.
#[derive(Default)]
struct Story {
    /// Data that the peer said in legal frames, while it said nothing else.
    said: Vec<Message>,
    /// It said something that may be illegal, or its close, or ended.
    unclear: bool,
    heard: Vec<Message>,
    /// How much of that came before a `close`, which drops what arrives.
    before_close: Option<usize>,
    /// Data that we framed, in order, and whether that is certain.
    framed: Vec<(Message, bool)>,
    over: bool,
}

async fn run(data: &[u8]) {
    let [setup, agreed, program @ ..] = data else { return };
    let mut program = program.iter().copied();
    let setup = *setup;
    let is_server = setup & 1 != 0;
    let key = is_server.then_some(KEY);
    let frame = |first: u8, payload: &[u8]| frames::frame(first, key, payload);
    let (stream, peer) = scripted();
    peer.room(0);
    peer.state().reads = Cut::Each(1 + usize::from(setup >> 4) * 40);
    peer.state().writes = Cut::Each(1 + usize::from(setup >> 4) * 40);
    let mut config = Config::default();
    config.high_water = if setup & 4 != 0 { 20 } else { 64 << 10 };
    config.report_pings = setup & 8 != 0;
    config.limits.max_message_size = 5000;
    let role = if is_server { Role::Server } else { Role::Client(|| [1, 2, 3, 4]) };
    let agreed = compression(*agreed, &mut config);
    let ws = WebSocket::from_agreed(stream, role, [], agreed.clone(), &config);
    let mut socket = if setup & 2 != 0 {
        let (reader, writer) = ws.split();
        Socket::Halves(reader, writer)
    } else {
        Socket::Whole(ws)
    };
    let mut story = Story::default();
    while let Some(op) = program.next() {
        let mut byte = || program.next().unwrap_or(0);
        match op % 16 {
            0 | 1 => {
                let len = usize::from(byte()) * if op & 16 != 0 { 9 } else { 1 };
                let payload = vec![b'a' + byte() % 26; len];
                let message = if op & 32 != 0 {
                    Message::text(String::from_utf8(payload.clone()).expect("letters"))
                } else {
                    Message::binary(payload.clone())
                };
                let kind = if op & 32 != 0 { TEXT } else { BINARY };
                let cut = len.min(usize::from(byte()));
                let (first, payload) = match agreed.deflate {
                    Some(_) if op & 128 != 0 => (kind | RSV1, stored(&payload)),
                    _ => (kind, payload),
                };
                if op & 64 != 0 {
                    peer.send(frame(first, &payload[..cut]));
                    peer.send(frame(FIN | PING, b"between"));
                    peer.send(frame(FIN | CONTINUATION, &payload[cut..]));
                } else {
                    peer.send(frame(FIN | first, &payload));
                }
                if !story.unclear {
                    story.said.push(message);
                }
            }
            2 => {
                let len = usize::from(byte()) % 126;
                let opcode = if op & 128 != 0 { PONG } else { PING };
                peer.send(frame(FIN | opcode, &vec![b'p'; len]));
            }
            3 => {
                story.unclear = true;
                let payload: &[u8] = if op & 16 != 0 { &[] } else { &[3, 232, b'x'] };
                peer.send(frame(FIN | CLOSE, payload));
            }
            4 => {
                story.unclear = true;
                let raw: Vec<u8> = (0..op >> 4).map(|_| byte()).collect();
                peer.send(raw);
            }
            5 if op & 0x80 != 0 => {
                story.unclear = true;
                if op & 64 != 0 {
                    peer.reset();
                } else {
                    peer.end();
                }
            }
            5 if op & 0x40 != 0 => peer.state().broken = Some(io::ErrorKind::BrokenPipe),
            5 | 6 => {
                let room = usize::from(byte()) * 8;
                let before = peer.state().room;
                peer.room(before + room);
            }
            7 => {
                let half = Duration::from_millis(u64::from(byte()) * 100);
                tokio::time::advance(half).await;
            }
            8..=10 => story.receive(&mut socket, op, byte() % 4).await,
            11..=14 => {
                let payload = vec![b'A' + byte() % 26; usize::from(byte())];
                story.send(&mut socket, op, payload, byte() % 4).await;
            }
            _ => story.close(&mut socket, op, byte() % 4).await,
        }
    }
    story.end(socket, &peer).await;
    story.check(is_server, agreed.deflate, &peer);
}

/// What was agreed on.
fn compression(byte: u8, config: &mut Config) -> Agreed {
    let mut agreed = Agreed::default();
    let mut params = DeflateParams::default();
    let memory = match byte % 4 {
        0 => return agreed,
        1 => {
            params.server_no_context_takeover = true;
            params.client_no_context_takeover = true;
            Memory::Shared
        }
        2 => {
            params.server_max_window_bits = 9;
            params.client_max_window_bits = 9;
            Memory::Window(9)
        }
        _ => Memory::Full,
    };
    let deflate = config.deflate.get_or_insert_default();
    deflate.memory = memory;
    deflate.threshold = usize::from(byte >> 2);
    agreed.deflate = Some(params);
    agreed
}

/// A message that is compressed without getting smaller: a stored block (RFC 1951 §3.2.4), and the
/// start of the empty one whose tail is left out.
fn stored(data: &[u8]) -> Vec<u8> {
    let len = (data.len() as u16).to_le_bytes();
    [&[0], &len[..], &len.map(|byte| !byte), data, &[0]].concat()
}

/// Polls once and so many times more, and drops.
fn polled<T>(future: impl Future<Output = T>, times: u8) -> Option<T> {
    poll_times(future, 1 + usize::from(times))
}

/// Polls until it is ready or waits for something: a socket that has had its turn wakes itself.
fn settled<T>(future: impl Future<Output = T>) -> Option<T> {
    match poll(pin!(future)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

impl Story {
    async fn receive(&mut self, socket: &mut Socket, op: u8, times: u8) {
        let batch = op & 0x80 != 0;
        let received = match socket {
            Socket::Whole(ws) if batch => match polled(ws.batch(), times) {
                None => return,
                Some(Ok(None)) => Ok(None),
                Some(Err(error)) => Err(error),
                Some(Ok(Some((mut events, mut outgoing)))) => {
                    // Some of them; the others come with the next batch.
                    for _ in 0..op >> 4 {
                        let Some(event) = events.next() else { break };
                        let message = Message::from(event);
                        if !message.is_close()
                            && outgoing.feed(&message).is_ok()
                            && is_data(&message)
                        {
                            self.framed.push((message.clone(), true));
                        }
                        self.heard.push(message);
                    }
                    return;
                }
            },
            Socket::Halves(reader, _) if batch => match polled(reader.batch(), times) {
                None => return,
                Some(Ok(None)) => Ok(None),
                Some(Err(error)) => Err(error),
                Some(Ok(Some(mut events))) => {
                    for _ in 0..op >> 4 {
                        let Some(event) = events.next() else { break };
                        self.heard.push(event.into());
                    }
                    return;
                }
            },
            Socket::Whole(ws) => match polled(ws.recv(), times) {
                None => return,
                Some(received) => received,
            },
            Socket::Halves(reader, _) => match polled(reader.recv(), times) {
                None => return,
                Some(received) => received,
            },
        };
        match received {
            Ok(Some(message)) => {
                assert!(!self.over, "{message:?} behind the end");
                self.heard.push(message);
            }
            Ok(None) => self.over = true,
            Err(error) => {
                assert!(!self.over, "{error} behind the end");
                let fair = matches!(
                    error,
                    Error::Io(_) | Error::Violation(_) | Error::Timeout(_) | Error::Lost
                );
                assert!(fair, "{error}");
                self.over = true;
            }
        }
    }

    async fn send(&mut self, socket: &mut Socket, op: u8, payload: Vec<u8>, times: u8) {
        let message = Message::binary(payload);
        let control = Event::Ping(b"!");
        let (framed, flushes) = match (op % 16, &mut *socket) {
            (11, Socket::Whole(ws)) => (polled(ws.feed(&message), times), false),
            (11, Socket::Halves(_, writer)) => (polled(writer.feed(&message), times), false),
            (12, Socket::Whole(ws)) => (polled(ws.send(&message), times), true),
            (12, Socket::Halves(_, writer)) => (polled(writer.send(&message), times), true),
            (13, Socket::Whole(ws)) => return drop(polled(ws.feed(control), times)),
            (13, Socket::Halves(_, writer)) => return drop(polled(writer.feed(control), times)),
            (_, Socket::Whole(ws)) => return drop(polled(ws.flush(), times)),
            (_, Socket::Halves(_, writer)) => return drop(polled(writer.flush(), times)),
        };
        match framed {
            Some(Ok(())) => self.framed.push((message, true)),
            // A feed that was dropped framed nothing; a send may have.
            None if flushes => self.framed.push((message, false)),
            Some(Err(Error::Io(_) | Error::Timeout(_) | Error::Violation(_) | Error::Lost)) => {
                self.framed.push((message, false));
            }
            None | Some(Err(Error::Misuse(_) | Error::Closed(_))) => {
                if flushes {
                    self.framed.push((message, false));
                }
            }
            Some(Err(error)) => panic!("{error}"),
        }
    }

    async fn close(&mut self, socket: &mut Socket, op: u8, times: u8) {
        self.unclear = true;
        let code = 1000 + u16::from(op >> 4);
        match socket {
            Socket::Whole(ws) => {
                self.before_close.get_or_insert(self.heard.len());
                if let Some(
                    Ok(())
                    | Err(Error::Io(_) | Error::Timeout(_) | Error::Violation(_) | Error::Lost),
                ) = polled(ws.close(code, "closing"), times)
                {
                    self.over = true;
                }
            }
            Socket::Halves(_, writer) => {
                let close = Close { code: code.into(), reason: "" };
                drop(polled(writer.send(close), times));
            }
        }
    }

    /// Whatever happened, it ends when the peer does, and in time.
    async fn end(&mut self, socket: Socket, peer: &Peer) {
        peer.room(1 << 20);
        peer.state().reads = Cut::Whole;
        peer.state().writes = Cut::Whole;
        match socket {
            Socket::Whole(mut ws) => {
                drop(settled(ws.flush()));
                let _ = peer.state().end.get_or_insert(Ok(()));
                let mut left = 0;
                while let Some(Ok(Some(message))) = settled(ws.recv()) {
                    self.heard.push(message);
                    left += 1;
                    assert!(left < 10_000);
                }
                assert!(matches!(settled(ws.recv()), Some(Ok(None))), "no end");
                assert!(matches!(settled(ws.send("late")), Some(Err(Error::Closed(_)))));
                let parts = ws.into_inner();
                assert!(parts.unread.is_empty() && parts.unwritten.is_empty());
            }
            Socket::Halves(mut reader, writer) => {
                drop(settled(writer.flush()));
                let _ = peer.state().end.get_or_insert(Ok(()));
                while let Some(Ok(Some(message))) = settled(reader.recv()) {
                    self.heard.push(message);
                }
                assert!(matches!(settled(reader.recv()), Some(Ok(None))), "no end");
                assert!(matches!(settled(writer.send("late")), Some(Err(Error::Closed(_)))));
            }
        }
    }

    fn check(self, is_server: bool, deflate: Option<DeflateParams>, peer: &Peer) {
        let before_close = self.before_close.unwrap_or(usize::MAX);
        let heard = self.heard.into_iter().take(before_close).filter(is_data);
        let heard: Vec<_> = heard.collect();
        if self.unclear {
            let both = heard.len().min(self.said.len());
            assert_eq!(heard[..both], self.said[..both]);
        } else {
            assert!(self.said.starts_with(&heard), "{heard:?}");
        }
        let written = peer.taken();
        // In order; those that are missing are those that need not be there. Equal messages leave
        // more than one way to tell which are: all places are kept where the next may stand.
        let mut places = vec![0];
        let mut rest = &written[..];
        let mut closed = false;
        let mut inflate = Inflate::new(false, 15);
        while let Some((frame, len)) = Frame::parse(rest) {
            assert_eq!(frame.is_masked(), !is_server, "{frame:?}");
            let (opcode, mut payload) = (frame.first(), frame.payload);
            assert!(!closed, "something follows a close frame");
            rest = &rest[len..];
            if let (0xC1 | 0xC2, Some(params)) = (opcode, &deflate) {
                if params.server_no_context_takeover {
                    inflate.reset(false);
                }
                payload = inflated(&mut inflate, &payload);
            }
            match opcode {
                0xC1 | 0xC2 if deflate.is_none() => panic!("compressed, though not agreed on"),
                0x81 | 0x82 | 0xC1 | 0xC2 => {
                    let mut behind = Vec::new();
                    for place in places {
                        for (i, (message, certain)) in self.framed.iter().enumerate().skip(place) {
                            if message.as_bytes() == payload && !behind.contains(&(i + 1)) {
                                behind.push(i + 1);
                            }
                            if *certain {
                                break;
                            }
                        }
                    }
                    assert!(!behind.is_empty(), "never sent, or one before it is lost");
                    places = behind;
                }
                0x88 => closed = true,
                0x89 | 0x8A => {}
                other => panic!("no frame of ours: {other:02x}"),
            }
        }
    }
}

/// A message in clear, by the engine alone; none is longer than a frame's two bytes of length allow.
fn inflated(engine: &mut Inflate, wire: &[u8]) -> Vec<u8> {
    let (mut plain, before) = (vec![0; 1 << 16], engine.total_out());
    let wire = [wire, &[0, 0, 0xFF, 0xFF]].concat();
    engine.decompress(&wire, &mut plain, InflateFlush::SyncFlush).expect("a stream");
    plain.truncate((engine.total_out() - before) as usize);
    plain
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
