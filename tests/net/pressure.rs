//! Back-pressure: nothing grows with what a peer refuses to read.

use std::pin::pin;

use bowstring::net::Overflow;
use bowstring::proto::{Misuse, Role};
use bowstring::{CloseCode, Config, Error, Event, Message, WebSocket};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

const MESSAGE: usize = 1000;

fn config(high_water: usize) -> Config {
    let mut config = quiet();
    config.high_water = high_water;
    config
}

#[tokio::test(start_paused = true)]
async fn s11_feeding_waits_above_the_high_water_mark() {
    for room in [0, 500, 5000] {
        let (mut ws, peer) = server(&config(10_000));
        peer.room(room);
        let mut fed = 0;
        while poll(pin!(ws.feed([7; MESSAGE]))).is_ready() {
            fed += 1;
        }
        let bytes = fed * (MESSAGE + 4);
        assert!(bytes > 10_000 && bytes <= 10_000 + MESSAGE + 4 + room, "{fed}");
        // With room again, it goes on.
        peer.room(usize::MAX);
        now(ws.feed([7; MESSAGE])).unwrap();
        now(ws.flush()).unwrap();
        assert_eq!(peer.frames().len(), fed + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn s11_writers_wait_too() {
    let (ws, peer) = server(&config(10_000));
    peer.room(500);
    let (_reader, writer) = ws.split();
    let mut fed = 0;
    for _ in 0..100 {
        if poll(pin!(writer.feed([7; MESSAGE]))).is_ready() {
            fed += 1;
        }
    }
    assert_eq!(fed, 11);
}

#[tokio::test(start_paused = true)]
async fn s11_an_echo_stops_reading_when_its_peer_does_not() {
    for batch in [false, true] {
        let (mut ws, peer) = server(&config(64 << 10));
        peer.room(0);
        peer.flood(said(BINARY, [7; MESSAGE]));
        let mut echo = pin!(async {
            if batch {
                while let Some((mut events, mut outgoing)) = ws.batch().await? {
                    while let Some(event) = events.next() {
                        outgoing.feed(event)?;
                    }
                }
            }
            while let Some(message) = ws.recv().await? {
                ws.feed(message).await?;
            }
            Ok::<_, Error>(())
        });
        for _ in 0..100 {
            assert!(poll(echo.as_mut()).is_pending());
            peer.room(100);
            tokio::task::yield_now().await;
        }
        // One block is read whole.
        assert!(peer.state().flooded <= (64 << 10) + (300 << 10), "{}", peer.state().flooded);
        assert_eq!(peer.total(), 9900);
        let (frames, _) = parse_frames(&peer.taken());
        assert!(frames.iter().all(|frame| frame.payload == [7; MESSAGE]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_socket_goes_on_reading_when_there_is_room() {
    let (mut ws, peer) = server(&config(10));
    peer.room(0);
    peer.send(said(TEXT, "first"));
    ws.feed([7; MESSAGE]).await.unwrap();
    not_yet(ws.recv());
    assert!(!peer.log().iter().any(|op| matches!(op, Op::Read(_))), "nothing is read while full");
    let task = tokio::spawn(async move { ws.recv().await });
    tokio::task::yield_now().await;
    peer.room(MESSAGE);
    assert!(in_time(task).await.unwrap().unwrap().unwrap().is_text());
}

/// 256 MiB of pings from a peer that reads nothing, through every door.
#[tokio::test(start_paused = true)]
async fn s09_a_flood_of_pings_from_a_peer_that_never_reads() {
    let pings = if cfg!(debug_assertions) { 4 << 20 } else { 256 << 20 };
    let block: Vec<u8> = std::iter::repeat_n(said(PING, [b'p'; 125]), 1000).flatten().collect();
    for door in ["recv", "batch", "reader", "close"] {
        let (mut ws, peer) = server(&quiet());
        peer.room(0);
        peer.flood(block.clone());
        let flood = async {
            while peer.state().flooded < pings {
                tokio::task::yield_now().await
            }
        };
        match door {
            "reader" => {
                let (mut reader, writer) = ws.split();
                tokio::select!(_ = reader.recv() => panic!(), () = flood => {});
                assert_eq!(peer.total(), 0);
                // Take what is queued, and see how much it is.
                peer.quiet();
                peer.room(usize::MAX);
                let _ = poll(pin!(writer.flush()));
                not_yet(reader.recv());
            }
            "close" => {
                tokio::select!(_ = ws.close(1000, "") => {}, () = flood => {});
                continue;
            }
            _ => {
                let receiving = async {
                    loop {
                        if door == "recv" {
                            ws.recv().await.unwrap();
                        } else {
                            let (mut events, _) = ws.batch().await.unwrap().unwrap();
                            assert_eq!(events.next(), None);
                        }
                    }
                };
                tokio::select!(() = receiving => {}, () = flood => {});
                peer.quiet();
                peer.room(usize::MAX);
                while let std::task::Poll::Ready(batch) = poll(pin!(ws.batch())) {
                    let (mut events, _) = batch.unwrap().unwrap();
                    while events.next().is_some() {}
                }
            }
        }
        let total = peer.total();
        assert!(total > 0 && total <= (64 << 10), "{door}: {total} bytes were queued");
        let frames = peer.frames();
        assert!(frames.iter().all(|frame| frame.opcode == PONG && frame.payload.len() == 125));
    }
}

/// What a peer does not take while we talk is bounded by what we say, not by its pings.
#[tokio::test(start_paused = true)]
async fn pings_are_answered_again_once_there_is_room() {
    let (mut ws, peer) = server(&quiet());
    peer.room(0);
    for n in 0..1000 {
        peer.send(said(PING, format!("{n:0125}")));
    }
    not_yet(ws.recv());
    peer.room(usize::MAX);
    not_yet(ws.recv());
    let frames = peer.frames();
    assert!(frames.len() < 160, "{}", frames.len());
    assert_eq!(frames.last().unwrap().payload, format!("{:0125}", 999).as_bytes(), "the newest");
    now(ws.send(Event::Ping(b"x"))).unwrap();
    assert_eq!(peer.frames().len(), 1);
}

/// A peer that writes before it reads comes to our close frame only if we read: so we do, for behind it
/// nothing is added to what waits.
#[tokio::test(start_paused = true)]
async fn a_full_socket_that_closes_reads_on() {
    for door in ["close", "handle", "reader"] {
        let (near, far) = tokio::io::duplex(1000);
        let mut ws = WebSocket::from_raw(near, Role::Server, [], &quiet());
        while ws.try_send([7; MESSAGE]).is_ok() {}
        let peer = async {
            let (mut reading, mut writing) = tokio::io::split(far);
            let message = said(BINARY, [8; MESSAGE]);
            for _ in 0..100 {
                writing.write_all(&message).await.unwrap();
            }
            let mut heard = Vec::new();
            while !heard.ends_with(&told(CLOSE, close_payload(1001, ""))) {
                assert!(reading.read_buf(&mut heard).await.unwrap() > 0);
            }
            writing.write_all(&said(CLOSE, close_payload(1001, ""))).await.unwrap();
            let end = reading.read_to_end(&mut heard).await;
            assert_eq!(end.unwrap(), 0);
            parse_frames(&heard).0.len()
        };
        let closing = async {
            match door {
                "close" => ws.close(1001, "").await.unwrap(),
                "handle" => {
                    ws.handle().close(1001, "").unwrap();
                    while ws.recv().await.unwrap().is_some() {}
                }
                _ => {
                    let (mut reader, _writer) = ws.split();
                    reader.handle().close(1001, "").unwrap();
                    while reader.recv().await.unwrap().is_some() {}
                }
            }
        };
        let both = async { tokio::join!(peer, closing).0 };
        // All that was framed, and the close frame.
        assert_eq!(in_time(both).await, (64 << 10) / (MESSAGE + 4) + 3, "{door}");
    }
}

/// Who is full and has closed is told so at once, and waits for nobody.
#[tokio::test(start_paused = true)]
async fn a_full_socket_that_has_closed_takes_nothing_more() {
    let (mut ws, peer) = server(&config(100));
    peer.room(0);
    now(ws.feed([7; MESSAGE])).unwrap();
    not_yet(ws.feed("waits"));
    ws.handle().close(1001, "").unwrap();
    not_yet(ws.recv());
    assert!(matches!(now(ws.feed("late")), Err(Error::Misuse(Misuse::Closed))));
}

/// What the peer said before its transport failed is heard, though the failure is found while a write
/// waits; then the failure is told.
#[tokio::test(start_paused = true)]
async fn a_failing_write_while_full_does_not_hide_what_was_said() {
    for closes in [true, false] {
        let (mut ws, peer) = server(&config(100));
        peer.room(0);
        now(ws.feed([7; MESSAGE])).unwrap();
        not_yet(ws.flush());
        peer.send(said(TEXT, "goodbye"));
        if closes {
            peer.send(said(CLOSE, close_payload(1001, "")));
        }
        let next = peer.state().acts + 1;
        peer.state().fail = Some((next, std::io::ErrorKind::BrokenPipe));
        peer.state().dead = false;
        peer.room(1);
        assert_eq!(now(ws.recv()).unwrap(), Some("goodbye".into()));
        let handle = ws.handle();
        if closes {
            assert!(now(ws.recv()).unwrap().is_some_and(|message| message.is_close()));
            peer.end();
            assert_eq!(now(ws.recv()).unwrap(), None);
            assert_eq!(handle.ended().map(|ending| ending.code), Some(CloseCode::GOING_AWAY));
        } else {
            assert!(matches!(now(ws.recv()), Err(Error::Lost)));
            assert_eq!(now(ws.recv()).unwrap(), None);
        }
    }
}

/// Messages that wait to be framed are not overtaken by those that a batch frames, or by parts.
#[tokio::test(start_paused = true)]
async fn what_waits_is_not_overtaken() {
    for parts in [false, true] {
        let mut config = config(100);
        config.overflow = Overflow::DropOldest;
        let (mut ws, peer) = server(&config);
        peer.room(0);
        peer.send([said(TEXT, "one"), said(TEXT, "two")].concat());
        {
            let (mut events, _) = now(ws.batch()).unwrap().unwrap();
            assert_eq!(events.next(), Some(Event::Text("one")));
        }
        now(ws.feed([7; MESSAGE])).unwrap();
        now(ws.feed("waits")).unwrap();
        {
            let (mut events, mut outgoing) = now(ws.batch()).unwrap().unwrap();
            assert_eq!(events.next(), Some(Event::Text("two")));
            if parts {
                outgoing.feed_part("behind", true).unwrap();
            } else {
                outgoing.feed("behind").unwrap();
            }
        }
        peer.room(usize::MAX);
        now(ws.flush()).unwrap();
        let said: Vec<_> = peer.frames().into_iter().skip(1).map(|frame| frame.payload).collect();
        assert_eq!(said, [&b"waits"[..], b"behind"], "{parts}");
    }
}

/// Who says something else amid a message in parts is told so, whether there is room or not: that is no
/// want of room.
#[tokio::test(start_paused = true)]
async fn a_policy_does_not_hide_a_misuse() {
    let close = Overflow::Close(CloseCode::POLICY_VIOLATION);
    for policy in [Overflow::DropNewest, Overflow::DropOldest, close] {
        let mut config = config(100);
        config.overflow = policy;
        let (mut ws, peer) = server(&config);
        peer.room(0);
        now(ws.feed_part([7; MESSAGE], false)).unwrap();
        let refused = now(ws.feed("between"));
        assert!(matches!(refused, Err(Error::Misuse(Misuse::Unfinished))), "{refused:?}");
        not_yet(ws.feed_part([7; MESSAGE], true));
        peer.room(usize::MAX);
        now(ws.feed_part([7; MESSAGE], true)).unwrap();
        now(ws.flush()).unwrap();
        peer.room(0);
        let (_reader, writer) = ws.split();
        now(writer.feed_part([7; MESSAGE], false)).unwrap();
        let refused = now(writer.feed("between"));
        assert!(matches!(refused, Err(Error::Misuse(Misuse::Unfinished))), "{refused:?}");
        peer.room(usize::MAX);
        now(writer.feed_part([7; MESSAGE], true)).unwrap();
        now(writer.flush()).unwrap();
        assert_eq!(peer.frames().len(), 4);
        assert_eq!(writer.dropped(), 0);
    }
}

/// A policy is for messages that the transport does not take, through a `Sink` too.
#[tokio::test(start_paused = true)]
async fn a_sink_drops_nothing_while_the_transport_has_room() {
    for policy in [Overflow::DropNewest, Overflow::DropOldest, Overflow::Close(1008.into())] {
        let mut config = quiet();
        config.high_water = 1000;
        config.overflow = policy;
        let (mut ws, peer) = server(&config);
        for _ in 0..100 {
            now(SinkExt::feed(&mut ws, Message::binary(vec![7; 100]))).unwrap();
        }
        now(SinkExt::<Message>::flush(&mut ws)).unwrap();
        assert_eq!((ws.dropped(), peer.frames().len()), (0, 100), "{policy:?}");
    }
}
