//! Messages in parts, where several writers share a connection (§5.4): whose they are, and what becomes
//! of one that nobody can end any more.

use std::pin::pin;
use std::task::Context;

use bowstring::net::Writer;
use bowstring::proto::{Misuse, Role};
use bowstring::{Config, Error, Event, Message, WebSocket};
use tokio::io::DuplexStream;

use crate::support::*;

#[track_caller]
fn unfinished(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Misuse(Misuse::Unfinished))), "{result:?}");
}

#[track_caller]
fn closed(result: Result<(), Error>) {
    assert!(matches!(result, Err(Error::Misuse(Misuse::Closed))), "{result:?}");
}

fn payloads(peer: &Peer) -> Vec<(u8, bool, String)> {
    let text = |frame: &Frame| String::from_utf8_lossy(&frame.payload).into_owned();
    peer.frames().iter().map(|frame| (frame.opcode, frame.fin, text(frame))).collect()
}

fn frame_of(opcode: u8, fin: bool, payload: &str) -> (u8, bool, String) {
    (opcode, fin, payload.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_message_in_parts_is_its_writers() {
    let (ws, peer) = server(&quiet());
    let (_reader, a) = ws.split();
    let b = a.clone();
    now(a.feed_part("a", false)).unwrap();
    unfinished(now(b.feed_part("b", false)));
    unfinished(now(b.feed_part("b", true)));
    unfinished(now(b.feed_part(b"b", true)));
    unfinished(now(b.feed("b")));
    // Nor is it a clone's of the one that has begun it.
    unfinished(now(a.clone().feed_part("b", true)));
    // Control frames may go in between, from anybody (§5.4).
    now(b.feed_part(Event::Ping(b"?"), true)).unwrap();
    unfinished(now(b.feed_part("b", true)));
    now(a.feed_part("a", false)).unwrap();
    now(a.feed_part("", true)).unwrap();
    // It has ended: another may begin, which the first may not end.
    now(b.feed_part(b"b", false)).unwrap();
    unfinished(now(a.feed_part(b"a", true)));
    now(b.feed_part(b"", true)).unwrap();
    now(a.send("whole")).unwrap();
    let expected = [
        frame_of(TEXT, false, "a"),
        frame_of(PING, true, "?"),
        frame_of(CONTINUATION, false, "a"),
        frame_of(CONTINUATION, true, ""),
        frame_of(BINARY, false, "b"),
        frame_of(CONTINUATION, true, ""),
        frame_of(TEXT, true, "whole"),
    ];
    assert_eq!(payloads(&peer), expected);
}

/// Streams messages of three parts, each in its turn.
async fn stream(writer: Writer<DuplexStream>, id: u8) {
    for n in 0..20 {
        while let Err(refused) = writer.feed_part([id; 100], false).await {
            unfinished(Err(refused));
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        writer.feed_part(vec![id; n * 10], false).await.unwrap();
        tokio::task::yield_now().await;
        writer.feed_part([id; 50], true).await.unwrap();
        writer.flush().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn two_streams_never_mix() {
    let mut config = quiet();
    config.high_water = 100;
    let (near, far) = tokio::io::duplex(64);
    let (_reader, writer) = WebSocket::from_raw(near, Role::Server, [], &config).split();
    let mut client =
        WebSocket::from_raw(far, Role::Client(bowstring::net::masking_key), [], &config);
    tokio::spawn(stream(writer.clone(), b'a'));
    tokio::spawn(stream(writer, b'b'));
    let mut next = [0; 2];
    for _ in 0..40 {
        let message = in_time(client.recv()).await.unwrap().unwrap();
        let data = message.as_bytes();
        assert!(data.iter().all(|byte| *byte == data[0]), "{}", String::from_utf8_lossy(data));
        let next = &mut next[usize::from(data[0] - b'a')];
        assert_eq!(data.len(), 150 + *next * 10);
        *next += 1;
    }
}

/// Nobody could end it, nor say anything else, and ended by another it would pass for whole. So the peer
/// is told.
#[tokio::test(start_paused = true)]
async fn a_writer_that_goes_amid_its_message_closes_the_connection() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    let other = writer.clone();
    let reading = tokio::spawn(async move {
        while let Some(message) = reader.recv().await? {
            assert!(message.is_close());
        }
        Ok::<_, Error>(())
    });
    tokio::task::yield_now().await;
    let streaming = tokio::spawn(async move {
        writer.feed_part("half of ", false).await.unwrap();
        writer.flush().await.unwrap();
        std::future::pending::<()>().await;
        writer.feed_part("it", true).await.unwrap();
    });
    tokio::task::yield_now().await;
    streaming.abort();
    assert!(streaming.await.unwrap_err().is_cancelled());
    closed(now(other.feed_part("", true)));
    closed(now(other.feed("next")));
    // The reader writes it.
    tokio::task::yield_now().await;
    let frames = peer.frames();
    assert_eq!(frames.len(), 2);
    assert_eq!((frames[0].opcode, frames[0].fin), (TEXT, false));
    assert_eq!(frames[1].opcode, CLOSE);
    assert_eq!(frames[1].payload, close_payload(1011, "a message was left unfinished"));
    peer.send(said(CLOSE, close_payload(1011, "")));
    in_time(reading).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn its_close_waits_its_turn_where_there_is_no_room() {
    let (ws, peer) = server(&quiet());
    peer.room(3);
    let (mut reader, writer) = ws.split();
    let other = writer.clone();
    not_yet(reader.recv());
    now(writer.feed_part("half", false)).unwrap();
    not_yet(writer.flush());
    drop(writer);
    not_yet(reader.recv());
    peer.room(usize::MAX);
    now(other.flush()).unwrap();
    let opcodes: Vec<_> = peer.frames().iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [TEXT, CLOSE]);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_goes_otherwise_is_no_matter() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    let wakes = Wakes::new();
    let waker = wakes.waker();
    for _ in 0..2 {
        assert!(pin!(reader.recv()).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    wakes.take();
    // One that has said nothing, one that was refused, one that has ended what it began.
    drop(writer.clone());
    let ended = writer.clone();
    now(ended.feed_part("whole ", false)).unwrap();
    let refused = writer.clone();
    unfinished(now(refused.feed_part("x", false)));
    now(refused.feed_part(Event::Ping(b""), false)).unwrap();
    drop(refused);
    now(ended.feed_part("again", true)).unwrap();
    drop(ended);
    now(writer.flush()).unwrap();
    assert_eq!(wakes.take(), 0);
    assert_eq!(peer.frames().len(), 3);

    // One that has closed the connection itself, and then one that has outlived it.
    now(writer.feed_part("never", false)).unwrap();
    now(writer.close(1001, "")).unwrap();
    let codes: Vec<_> = peer.frames().into_iter().skip(1).map(|frame| frame.payload).collect();
    assert_eq!(codes, [close_payload(1001, "")]);
    drop(writer);
    peer.send(said(CLOSE, close_payload(1001, "")));
    assert!(matches!(now(reader.recv()), Ok(Some(Message::Close(_)))));
    peer.end();
    assert_eq!(in_time(reader.recv()).await.unwrap(), None);
    assert_eq!(peer.frames(), []);

    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    now(writer.feed_part("never", false)).unwrap();
    peer.reset();
    assert!(now(reader.recv()).is_err());
    drop(writer);
    assert_eq!(now(reader.recv()).unwrap(), None);
}

/// The last to go leaves a transport that ends amid a message, which tells the peer as much.
#[tokio::test(start_paused = true)]
async fn both_halves_go_amid_a_message() {
    for reader_first in [false, true] {
        let (ws, peer) = server(&quiet());
        let (reader, writer) = ws.split();
        now(writer.feed_part("half", false)).unwrap();
        now(writer.flush()).unwrap();
        if reader_first {
            drop(reader);
            drop(writer);
        } else {
            drop(writer);
            drop(reader);
        }
        assert!(peer.is_alone());
        assert_eq!(payloads(&peer), [frame_of(TEXT, false, "half")]);
    }
}

/// What one task has begun before the split is its writer's.
#[tokio::test(start_paused = true)]
async fn a_message_begun_before_the_split() {
    for dropped in [false, true] {
        let (mut ws, peer) = server(&quiet());
        now(ws.feed_part("one ", false)).unwrap();
        now(ws.feed_part(Event::Ping(b""), true)).unwrap();
        unfinished(now(ws.feed("x")));
        let (_reader, writer) = ws.split();
        let other = writer.clone();
        unfinished(now(other.feed_part("x", true)));
        if dropped {
            drop(writer);
            closed(now(other.feed_part("x", true)));
        } else {
            now(writer.feed_part("two", true)).unwrap();
            now(other.feed_part("three", true)).unwrap();
        }
        now(other.flush()).unwrap();
        let opcodes: Vec<_> = peer.frames().iter().map(|frame| frame.opcode).collect();
        let rest: &[u8] = if dropped { &[CLOSE] } else { &[CONTINUATION, TEXT] };
        assert_eq!(opcodes, [&[TEXT, PING], rest].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_future_is_dropped_was_never_said() {
    let mut config: Config = quiet();
    config.high_water = 10;
    let (ws, peer) = server(&config);
    let (_reader, a) = ws.split();
    let b = a.clone();
    let fill = || {
        peer.room(0);
        now(b.feed(Event::Ping(&[b'.'; 20]))).unwrap();
    };
    fill();
    // It has begun nothing.
    not_yet(a.feed_part("never", false));
    peer.room(usize::MAX);
    now(b.feed_part("b", true)).unwrap();
    now(a.feed_part("a", false)).unwrap();
    fill();
    // It has ended nothing, and lost nothing.
    not_yet(a.feed_part("a", true));
    not_yet(a.feed_part("a", true));
    peer.room(usize::MAX);
    unfinished(now(b.feed_part("b", false)));
    now(a.feed_part("a", true)).unwrap();
    now(a.flush()).unwrap();
    let said: Vec<_> = payloads(&peer).into_iter().filter(|frame| frame.0 != PING).collect();
    let expected =
        [frame_of(TEXT, true, "b"), frame_of(TEXT, false, "a"), frame_of(CONTINUATION, true, "a")];
    assert_eq!(said, expected);
}
