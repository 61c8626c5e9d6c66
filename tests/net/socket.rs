//! One task: what each call reads, writes and gives, and how a connection ends.

use std::pin::{Pin, pin};
use std::task::Poll;

use bowstring::proto::{Misuse, Role, State, Violation};
use bowstring::{Close, CloseCode, Error, Event, Message, WebSocket};
use futures_util::{Sink, SinkExt};
use tokio::time::{Duration, advance};

use crate::support::*;

/// The next message of a stream that has one.
#[track_caller]
fn next(ws: &mut WebSocket<Scripted>) -> Message {
    now(ws.recv()).unwrap().expect("a message")
}

fn payloads(frames: &[Frame]) -> Vec<(u8, String)> {
    let text = |frame: &Frame| String::from_utf8_lossy(&frame.payload).into_owned();
    frames.iter().map(|frame| (frame.opcode, text(frame))).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_is_written_before_the_socket_waits() {
    let (mut ws, peer) = server(&quiet());
    now(ws.feed("one")).unwrap();
    now(ws.feed("two")).unwrap();
    assert_eq!(peer.log(), []);
    not_yet(ws.recv());
    assert_eq!(peer.log(), [Op::Wait, Op::Write(10), Op::Flush]);
    assert_eq!(payloads(&peer.frames()), [(TEXT, "one".into()), (TEXT, "two".into())]);
    // Nothing more to write: nothing is flushed again.
    not_yet(ws.recv());
    assert_eq!(peer.log(), [Op::Wait]);
}

#[tokio::test(start_paused = true)]
async fn send_and_flush_write_now_and_take_along_what_was_fed() {
    let (mut ws, peer) = server(&quiet());
    now(ws.feed("one")).unwrap();
    now(ws.send("two")).unwrap();
    assert_eq!(peer.log(), [Op::Write(10), Op::Flush]);
    now(ws.feed(Event::Ping(b"three"))).unwrap();
    now(ws.flush()).unwrap();
    assert_eq!(peer.log(), [Op::Write(7), Op::Flush]);
    now(ws.flush()).unwrap();
    assert_eq!(peer.log(), []);
}

#[tokio::test(start_paused = true)]
async fn pipelined_messages_are_answered_with_one_write() {
    let (mut ws, peer) = server(&quiet());
    let messages = 200;
    for n in 0..messages {
        peer.send(said(TEXT, n.to_string()));
    }
    let mut echo = pin!(async {
        while let Some(message) = ws.recv().await? {
            ws.feed(message).await?;
        }
        Ok::<_, Error>(())
    });
    assert!(poll(echo.as_mut()).is_pending());
    assert_eq!(peer.writes().len(), 1);
    let frames = peer.frames();
    assert_eq!(frames.len(), messages);
    assert!(frames.iter().enumerate().all(|(n, frame)| frame.payload == n.to_string().as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_answered_with_one_write_though_it_came_in_many_reads() {
    let (mut ws, peer) = server(&quiet());
    peer.state().reads = Cut::Each(120);
    for n in 0..50 {
        peer.send(said(TEXT, format!("message {n}")));
    }
    let mut echo = pin!(async {
        while let Some((mut events, mut outgoing)) = ws.batch().await? {
            while let Some(event) = events.next() {
                outgoing.feed(event)?;
            }
        }
        Ok::<_, Error>(())
    });
    assert!(poll(echo.as_mut()).is_pending());
    assert_eq!(peer.writes().len(), 1, "reading comes before writing");
    assert_eq!(peer.frames().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_pong_goes_before_what_the_application_says_next() {
    for door in ["recv", "stream", "batch"] {
        let (mut ws, peer) = server(&quiet());
        peer.send([said(PING, "1"), said(PING, "2"), said(TEXT, "a"), said(PING, "3")].concat());
        peer.send(said(TEXT, "b"));
        match door {
            "recv" => {
                assert_eq!(next(&mut ws), Message::text("a"));
                now(ws.feed("A")).unwrap();
                assert_eq!(next(&mut ws), Message::text("b"));
                now(ws.feed("B")).unwrap();
            }
            "stream" => {
                let mut ws = pin!(&mut ws);
                let mut next = || now(futures_util::StreamExt::next(&mut ws)).unwrap().unwrap();
                assert_eq!(next(), Message::text("a"));
                assert_eq!(next(), Message::text("b"));
            }
            _ => loop {
                let mut batch = pin!(ws.batch());
                let Poll::Ready(batch) = poll(batch.as_mut()) else { break };
                let (mut events, mut outgoing) = batch.unwrap().unwrap();
                while let Some(event) = events.next() {
                    let Event::Text(text) = event else { panic!("{event:?}") };
                    outgoing.feed(text.to_uppercase()).unwrap();
                }
            },
        }
        not_yet(ws.recv());
        let mut expected = vec![(PONG, "1"), (PONG, "2"), (TEXT, "A"), (PONG, "3"), (TEXT, "B")];
        if door == "stream" {
            expected.retain(|(opcode, _)| *opcode == PONG);
        }
        let got = payloads(&peer.frames());
        let got: Vec<_> = got.iter().map(|(opcode, text)| (*opcode, &**text)).collect();
        assert_eq!(got, expected, "{door}");
    }
}

#[tokio::test(start_paused = true)]
async fn pings_and_pongs_are_reported_if_asked_for_and_answered_anyway() {
    for report in [false, true] {
        let mut config = quiet();
        config.report_pings = report;
        for batch in [false, true] {
            let (mut ws, peer) = server(&config);
            peer.send([said(PING, "p"), said(PONG, "q"), said(TEXT, "t")].concat());
            let mut got = Vec::new();
            while !got.contains(&Message::text("t")) {
                if batch {
                    let (mut events, _) = now(ws.batch()).unwrap().unwrap();
                    while let Some(event) = events.next() {
                        got.push(Message::from(event));
                    }
                } else {
                    got.push(next(&mut ws));
                }
            }
            let (ping, pong) = (Message::Ping("p".into()), Message::Pong("q".into()));
            let text = Message::text("t");
            assert_eq!(got, if report { vec![ping, pong, text] } else { vec![text] });
            not_yet(ws.recv());
            assert_eq!(payloads(&peer.frames()), [(PONG, "p".into())]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn parts_are_fragments_and_control_frames_go_between() {
    let (mut ws, peer) = client(&quiet());
    now(ws.feed_part("one ", false)).unwrap();
    now(ws.feed_part(Event::Ping(b"?"), false)).unwrap();
    assert!(matches!(now(ws.feed("x")), Err(Error::Misuse(Misuse::Unfinished))));
    assert!(matches!(now(ws.feed_part(b"x", true)), Err(Error::Misuse(Misuse::KindChanged))));
    now(ws.feed_part("two", true)).unwrap();
    now(ws.send("three")).unwrap();
    let frames = peer.frames();
    let seen: Vec<_> = frames.iter().map(|f| (f.fin, f.opcode, &*f.payload)).collect();
    let expected: [(bool, u8, &[u8]); 4] = [
        (false, TEXT, b"one "),
        (true, PING, b"?"),
        (true, CONTINUATION, b"two"),
        (true, TEXT, b"three"),
    ];
    assert_eq!(seen, expected);
    assert!(frames.iter().all(|frame| frame.is_masked()));
}

#[tokio::test(start_paused = true)]
async fn a_large_message_passes_in_parts_without_being_gathered() {
    let (mut ws, peer) = server(&quiet());
    let data = Random::new(1).bytes(3 << 20);
    peer.state().reads = Cut::Drawn(Random::new(2), 100_000);
    peer.send(said(BINARY, &data));
    let (mut got, mut longest, mut ended) = (Vec::new(), 0, false);
    while !ended {
        let (mut events, _) = now(ws.batch()).unwrap().unwrap();
        while let Some(part) = events.next_part() {
            let Event::Binary(piece) = part.event else { panic!("{part:?}") };
            got.extend_from_slice(piece);
            longest = longest.max(piece.len());
            ended = part.fin;
        }
    }
    assert!(got == data);
    assert!(longest <= 256 << 10, "{longest}: gathered");
}

#[tokio::test(start_paused = true)]
async fn a_batch_keeps_what_is_not_asked_for_and_waits_for_what_is_not_whole() {
    let (mut ws, peer) = server(&quiet());
    let bytes = [said(TEXT, "a"), said(TEXT, "b"), said(TEXT, "c")].concat();
    peer.send(&bytes[..bytes.len() - 3]);
    drop(now(ws.batch()).unwrap().unwrap());
    for expected in ["a", "b"] {
        let (mut events, _) = now(ws.batch()).unwrap().unwrap();
        assert_eq!(events.next(), Some(Event::Text(expected)));
    }
    let (mut events, _) = now(ws.batch()).unwrap().unwrap();
    assert_eq!(events.next(), None);
    drop(events);
    not_yet(ws.batch());
    not_yet(ws.batch());
    peer.send(&bytes[bytes.len() - 3..]);
    drop(now(ws.batch()).unwrap().unwrap());
    let (mut events, _) = now(ws.batch()).unwrap().unwrap();
    assert_eq!(events.next(), Some(Event::Text("c")));
}

#[tokio::test(start_paused = true)]
async fn messages_of_all_sizes_in_all_cuts() {
    let mut random = Random::new(3);
    let sizes = [0, 1, 125, 126, 127, 4096, 65535, 65536, 262_130, 262_144, 300_000];
    for cut in [Cut::Whole, Cut::Each(1), Cut::Each(4099), Cut::Drawn(Random::new(4), 50_000)] {
        let (mut ws, peer) = server(&quiet());
        let sizes = &sizes[..if matches!(cut, Cut::Each(1)) { 6 } else { sizes.len() }];
        let sent: Vec<_> = sizes.iter().map(|len| random.bytes(*len)).collect();
        peer.state().reads = cut.clone();
        for data in &sent {
            // In two fragments, with a ping between.
            let (a, b) = data.split_at(data.len() / 3);
            peer.send(frame(true, false, BINARY, a));
            peer.send(said(PING, "between"));
            peer.send(frame(true, true, CONTINUATION, b));
        }
        for data in &sent {
            assert!(next(&mut ws).as_bytes() == data);
        }
        // And back, through a stream that takes as little.
        peer.state().writes = cut;
        not_yet(ws.recv());
        assert_eq!(peer.frames().len(), sent.len());
        for data in &sent {
            now(ws.send(data)).unwrap();
        }
        let frames = peer.frames();
        assert!(frames.iter().zip(&sent).all(|(frame, data)| frame.payload == *data));
    }
}

#[tokio::test(start_paused = true)]
async fn from_raw_begins_with_what_was_read_before() {
    let early = [said(TEXT, "early"), said(TEXT, "half")].concat();
    for cut in 0..=early.len() {
        let (stream, peer) = scripted();
        let mut ws = WebSocket::from_raw(stream, Role::Server, &early[..cut], &quiet());
        peer.send(&early[cut..]);
        assert_eq!(next(&mut ws), Message::text("early"));
        assert_eq!(next(&mut ws), Message::text("half"));
        assert_eq!(ws.protocol(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn s27_more_early_bytes_than_a_read_block_holds() {
    let data = Random::new(5).bytes(1 << 20);
    let early = [said(BINARY, &data), said(TEXT, "x"), said(TEXT, "y")[..3].to_vec()].concat();
    let (stream, peer) = scripted();
    let mut ws = WebSocket::from_raw(stream, Role::Server, early, &quiet());
    assert!(next(&mut ws).as_bytes() == data);
    peer.send(&said(TEXT, "y")[3..]);
    assert_eq!(next(&mut ws), Message::text("x"));
    assert_eq!(next(&mut ws), Message::text("y"));
}

/// The end behind which a lot lies unread: it is dropped, whatever it is and wherever it lies.
#[tokio::test(start_paused = true)]
async fn what_lies_behind_a_violation_or_a_close_is_dropped() {
    let bad = frame(false, true, TEXT, b"not masked");
    for first in [bad.clone(), said(CLOSE, close_payload(1000, ""))] {
        for behind in [0, 1, (256 << 10) - first.len(), 256 << 10, 1 << 20] {
            for (early, batch) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut bytes = first.clone();
                bytes.resize(first.len() + behind, 0x55);
                let (stream, peer) = scripted();
                let unread = if early { bytes.clone() } else { Vec::new() };
                let mut ws = WebSocket::from_raw(stream, Role::Server, unread, &quiet());
                if !early {
                    peer.send(&bytes);
                }
                let violates = first == bad;
                if batch {
                    let (mut events, _) = now(ws.batch()).unwrap().unwrap();
                    assert_eq!(events.next().is_none(), violates);
                    drop(events);
                } else if !violates {
                    assert!(next(&mut ws).is_close());
                }
                if violates {
                    let told =
                        if batch { now(ws.batch()).map(drop) } else { now(ws.recv()).map(drop) };
                    assert!(matches!(told, Err(Error::Violation(_))));
                }
                if batch {
                    not_yet(ws.batch())
                } else {
                    not_yet(ws.recv())
                }
                assert!(peer.is_shut(), "{behind} {early} {batch}");
                assert_eq!(peer.frames()[0].payload[..2], [3, if violates { 234 } else { 232 }]);
                peer.send(said(TEXT, "and more"));
                peer.end();
                assert!(if batch { now(ws.batch()).unwrap().is_none() } else { true });
                assert!(now(ws.recv()).unwrap().is_none());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn into_inner_gives_back_what_was_not_used() {
    let (mut ws, peer) = server(&quiet());
    let second = said(TEXT, "second");
    peer.send([said(TEXT, "first"), second.clone(), said(TEXT, "half")[..4].to_vec()].concat());
    assert_eq!(next(&mut ws), Message::text("first"));
    peer.room(3);
    now(ws.feed("fed")).unwrap();
    not_yet(ws.flush());
    let parts = ws.into_inner();
    assert_eq!(parts.unread, [second, said(TEXT, "half")[..4].to_vec()].concat());
    assert_eq!([peer.taken(), parts.unwritten.clone()].concat(), told(TEXT, "fed"));
    // Put together again, nothing is missing.
    let mut ws = WebSocket::from_raw(parts.stream, Role::Server, parts.unread, &quiet());
    peer.send(&said(TEXT, "half")[4..]);
    assert_eq!(next(&mut ws), Message::text("second"));
    assert_eq!(next(&mut ws), Message::text("half"));
}

#[tokio::test(start_paused = true)]
async fn misuse_touches_nothing() {
    let (mut ws, peer) = server(&quiet());
    let long = "x".repeat(124);
    assert!(matches!(now(ws.send(Event::Ping(&[0; 126]))), Err(Error::Misuse(_))));
    assert!(matches!(now(ws.close(1005, "")), Err(Error::Misuse(Misuse::InvalidCloseCode(1005)))));
    assert!(matches!(now(ws.close(1000, &long)), Err(Error::Misuse(Misuse::LongControl { .. }))));
    assert_eq!(ws.state(), State::Open);
    assert_eq!(peer.log(), []);
    now(ws.send("fine")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_sink_sends_and_closes() {
    let (mut ws, peer) = client(&quiet());
    now(SinkExt::feed(&mut ws, Message::text("a"))).unwrap();
    assert_eq!(peer.log(), []);
    now(SinkExt::send(&mut ws, Message::text("b"))).unwrap();
    assert_eq!(payloads(&peer.frames()), [(TEXT, "a".into()), (TEXT, "b".into())]);
    let mut close = pin!(SinkExt::<Message>::close(&mut ws));
    assert!(poll(close.as_mut()).is_pending());
    assert!(poll(close.as_mut()).is_pending());
    assert_eq!(peer.frames().len(), 1, "one close frame");
    peer.send([told(TEXT, "late"), told(CLOSE, close_payload(1000, ""))].concat());
    assert!(poll(close.as_mut()).is_pending(), "a client waits for the server to end TCP");
    peer.end();
    assert!(matches!(poll(close.as_mut()), Poll::Ready(Ok(()))));
    let mut ws = Pin::new(&mut ws);
    assert!(matches!(
        now(std::future::poll_fn(|cx| ws.as_mut().poll_ready(cx))),
        Err(Error::Closed(_))
    ));
}

// ---- how it ends -------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_peer_closes_a_server() {
    let (mut ws, peer) = server(&quiet());
    peer.send([said(PING, "p"), said(CLOSE, close_payload(4000, "bye")), said(TEXT, "x")].concat());
    let close = Close { code: CloseCode::new(4000), reason: "bye" };
    assert_eq!(next(&mut ws), Message::from(Event::Close(Some(close))));
    assert_eq!(ws.state(), State::Closing);
    // Answered at once, in case nobody listens any more.
    let frames = peer.frames();
    assert_eq!(frames.iter().map(|frame| frame.opcode).collect::<Vec<_>>(), [PONG, CLOSE]);
    assert_eq!(frames[1].payload, close_payload(4000, ""));
    // It is the peer that ends it.
    let Err(Error::Closed(why)) = now(ws.send("late")) else { panic!() };
    assert_eq!((why.code, &*why.reason), (CloseCode::new(4000), "bye"));
    assert!(!peer.is_shut());
    not_yet(ws.recv());
    assert!(peer.is_shut(), "§7.1.1: the server ends TCP first");
    peer.end();
    assert_eq!(now(ws.recv()).unwrap(), None);
    assert_eq!(ws.state(), State::Closed);
    assert_eq!(now(ws.recv()).unwrap(), None);
    assert!(now(ws.batch()).unwrap().is_none());
    now(ws.close(1000, "")).unwrap();
    assert!(matches!(now(ws.send("late")), Err(Error::Closed(_))));
    assert!(matches!(now(ws.flush()), Err(Error::Closed(_))));
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn the_peer_closes_a_client() {
    let (mut ws, peer) = client(&quiet());
    peer.send(told(CLOSE, ""));
    assert_eq!(next(&mut ws), Message::Close(None));
    assert_eq!(payloads(&peer.frames()), [(CLOSE, String::new())]);
    not_yet(ws.recv());
    assert!(!peer.is_shut(), "§7.1.1: the client waits for the server");
    peer.end();
    assert_eq!(now(ws.recv()).unwrap(), None);
    assert_eq!(ws.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_client_closes() {
    let (mut ws, peer) = client(&quiet());
    let mut close = pin!(ws.close(1001, "going"));
    assert!(poll(close.as_mut()).is_pending());
    assert_eq!(peer.frames()[0].payload, close_payload(1001, "going"));
    peer.send([told(TEXT, "late"), told(PING, "late"), told(CLOSE, "")].concat());
    assert!(poll(close.as_mut()).is_pending());
    assert!(!peer.is_shut());
    peer.end();
    assert!(matches!(poll(close.as_mut()), Poll::Ready(Ok(()))));
    assert_eq!(peer.taken(), b"", "nothing follows a close frame, no pong either");
}

#[tokio::test(start_paused = true)]
async fn a_server_closes() {
    let (mut ws, peer) = server(&quiet());
    now(ws.feed("before")).unwrap();
    let mut close = pin!(ws.close(1001, ""));
    assert!(poll(close.as_mut()).is_pending());
    assert_eq!(peer.frames().len(), 2);
    assert!(!peer.is_shut(), "the peer's close frame comes first");
    peer.send(said(CLOSE, close_payload(1001, "")));
    assert!(poll(close.as_mut()).is_pending());
    assert!(peer.is_shut());
    peer.end();
    assert!(matches!(poll(close.as_mut()), Poll::Ready(Ok(()))));
}

#[tokio::test(start_paused = true)]
async fn both_close_at_once() {
    for is_server in [true, false] {
        let (mut ws, peer) = if is_server { server(&quiet()) } else { client(&quiet()) };
        peer.state().polite = Some(false);
        peer.send(frame(is_server, true, CLOSE, &close_payload(1001, "")));
        let mut close = pin!(ws.close(1000, ""));
        let polled = poll(close.as_mut());
        assert_eq!(polled.is_ready(), is_server);
        if !is_server {
            peer.end();
            assert!(matches!(poll(close.as_mut()), Poll::Ready(Ok(()))));
        }
        let frames = peer.frames();
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].payload, close_payload(1000, ""));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_arrive_until_the_peer_answers_our_close() {
    let (mut ws, peer) = server(&quiet());
    not_yet(ws.close(1000, ""));
    assert_eq!(ws.state(), State::Closing);
    peer.send([said(TEXT, "late"), said(CLOSE, "")].concat());
    assert_eq!(next(&mut ws), Message::text("late"));
    assert_eq!(next(&mut ws), Message::Close(None));
    not_yet(ws.recv());
    peer.end();
    assert_eq!(now(ws.recv()).unwrap(), None);
    assert_eq!(peer.frames().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ends_tcp_without_a_close_is_lost() {
    for is_server in [true, false] {
        for half in [false, true] {
            let (mut ws, peer) = if is_server { server(&quiet()) } else { client(&quiet()) };
            let bytes = frame(is_server, true, TEXT, b"whole");
            peer.send(&bytes);
            peer.send(&bytes[..if half { bytes.len() - 1 } else { 0 }]);
            peer.end();
            assert_eq!(next(&mut ws), Message::text("whole"));
            let error = now(ws.recv()).unwrap_err();
            assert!(matches!(error, Error::Lost), "{error}");
            assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
            assert_eq!(ws.state(), State::Closed);
            assert_eq!(now(ws.recv()).unwrap(), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_reset_is_received_and_the_end_is_fused() {
    let (mut ws, peer) = server(&quiet());
    peer.send([said(TEXT, "a"), said(TEXT, "b")].concat());
    peer.reset();
    assert_eq!(next(&mut ws), Message::text("a"));
    assert_eq!(next(&mut ws), Message::text("b"));
    assert!(matches!(now(ws.recv()), Err(Error::Lost)));
    // S38: whoever goes on asking gets an answer without touching the transport.
    peer.log();
    for _ in 0..100_000 {
        assert_eq!(now(ws.recv()).unwrap(), None);
    }
    assert!(now(ws.batch()).unwrap().is_none());
    assert!(matches!(now(ws.feed("x")), Err(Error::Closed(_))));
    assert!(matches!(now(ws.feed_part("x", false)), Err(Error::Closed(_))));
    now(ws.close(1000, "")).unwrap();
    assert_eq!(peer.log(), []);
}

#[tokio::test(start_paused = true)]
async fn a_violation_is_told_to_the_peer_and_then_to_the_caller() {
    for is_server in [true, false] {
        let (mut ws, peer) = if is_server { server(&quiet()) } else { client(&quiet()) };
        peer.send(frame(is_server, true, TEXT, b"good"));
        peer.send(frame(!is_server, true, TEXT, b"bad"));
        assert_eq!(next(&mut ws), Message::text("good"));
        now(ws.feed("fed")).unwrap();
        let error = now(ws.recv()).unwrap_err();
        let expected = if is_server { Violation::UnmaskedFrame } else { Violation::MaskedFrame };
        assert!(matches!(error, Error::Violation(v) if v == expected), "{error}");
        let frames = peer.frames();
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].opcode, CLOSE);
        assert_eq!(frames[1].payload[..2], 1002u16.to_be_bytes());
        assert!(peer.is_shut());
        // The peer takes its time to end TCP.
        not_yet(ws.recv());
        peer.send(frame(!is_server, true, TEXT, b"goes on"));
        not_yet(ws.recv());
        assert_eq!(ws.state(), State::Closing);
        peer.end();
        assert_eq!(now(ws.recv()).unwrap(), None);
        let shutdowns = peer.log().iter().filter(|op| **op == Op::Shutdown).count();
        assert_eq!(shutdowns, 1);
        assert_eq!(now(ws.recv()).unwrap(), None);
    }
}

/// §7.1.7: whatever the application does next, the peer learns which rule it broke.
#[tokio::test(start_paused = true)]
async fn a_violation_seen_in_a_batch_is_told_though_the_application_closes() {
    for door in ["close", "sink", "send", "flush"] {
        let (mut ws, peer) = server(&quiet());
        peer.send([said(PING, "p"), frame(false, true, TEXT, b"bad")].concat());
        for _ in 0..2 {
            let (mut events, _) = now(ws.batch()).unwrap().unwrap();
            assert_eq!(events.next(), None);
        }
        match door {
            "close" => not_yet(ws.close(1000, "")),
            "sink" => not_yet(SinkExt::<Message>::close(&mut ws)),
            "send" => drop(now(ws.send(Close { code: CloseCode::NORMAL, reason: "" }))),
            _ => drop(now(ws.flush())),
        }
        assert!(matches!(now(ws.recv()), Err(Error::Violation(_))), "{door}");
        let frames = peer.frames();
        let last = frames.last().unwrap();
        assert_eq!(
            (last.opcode, &last.payload[..2]),
            (CLOSE, &1002u16.to_be_bytes()[..]),
            "{door}"
        );
        not_yet(ws.recv());
        peer.end();
        assert_eq!(now(ws.recv()).unwrap(), None, "{door}");
    }
}

/// A pong is owed for the ping behind which a batch ended, whatever the application does next.
#[tokio::test(start_paused = true)]
async fn a_pong_owed_goes_before_our_close() {
    let (mut ws, peer) = server(&quiet());
    peer.send(said(PING, "p"));
    let (mut events, _) = now(ws.batch()).unwrap().unwrap();
    assert_eq!(events.next(), None);
    drop(events);
    not_yet(ws.close(1000, ""));
    let opcodes: Vec<_> = peer.frames().iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [PONG, CLOSE]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_write_ends_sending_but_what_the_peer_said_is_received() {
    let (mut ws, peer) = client(&quiet());
    peer.state().fail = Some((1, std::io::ErrorKind::BrokenPipe));
    peer.state().dead = false;
    assert!(matches!(now(ws.send("x")), Err(Error::Lost)));
    assert!(matches!(now(ws.send("x")), Err(Error::Closed(_))));
    peer.send([told(PING, "p"), told(TEXT, "goodbye"), told(CLOSE, "")].concat());
    assert_eq!(next(&mut ws), Message::text("goodbye"));
    assert_eq!(next(&mut ws), Message::Close(None));
    peer.end();
    assert_eq!(now(ws.recv()).unwrap(), None);
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn what_is_framed_behind_a_failed_write_is_not_kept() {
    let (mut ws, peer) = client(&quiet());
    peer.state().fail = Some((1, std::io::ErrorKind::BrokenPipe));
    peer.state().dead = false;
    assert!(matches!(now(ws.send("x")), Err(Error::Lost)));
    for _ in 0..100 {
        peer.send(told(PING, [0; 100]));
        peer.send(told(TEXT, "and"));
        assert_eq!(next(&mut ws), Message::text("and"));
    }
    // All was received that the peer has said: now the receiving task is told.
    assert!(matches!(now(ws.recv()), Err(Error::Lost)));
    assert!(ws.into_inner().unwritten.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_nothing_has_failed() {
    let (mut ws, peer) = server(&quiet());
    peer.state().writes = Cut::Each(0);
    let error = now(ws.send("x")).unwrap_err();
    assert!(matches!(error, Error::Io(e) if e.kind() == std::io::ErrorKind::WriteZero));
}

/// S35: a peer that floods us instead of answering our close frame, or behind its own violation,
/// does not outlive the deadline.
#[tokio::test(start_paused = true)]
async fn s35_a_flood_does_not_put_off_the_end() {
    for door in ["close", "recv", "violation"] {
        let (mut ws, peer) = server(&quiet());
        if door == "violation" {
            peer.send([0x80, 0]);
            assert!(matches!(now(ws.recv()), Err(Error::Violation(_))));
        }
        peer.flood(said(BINARY, [7; 1000]));
        let ending = async {
            if door != "recv" {
                return ws.close(1000, "").await;
            }
            ws.send(Close { code: CloseCode::NORMAL, reason: "" }).await?;
            while ws.recv().await?.is_some() {}
            Ok(())
        };
        let waiting = async {
            for _ in 0..60 {
                advance(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            biased;
            // A violation was told before.
            end = ending => assert_eq!(end.is_err(), door != "violation", "{door}"),
            () = waiting => panic!("{door}: past the deadline"),
        }
    }
}

/// §5.5.2: data that keeps coming faster than it is taken does not keep back a pong.
#[tokio::test(start_paused = true)]
async fn a_flood_does_not_keep_back_a_pong() {
    for batch in [false, true] {
        for data in [0, 300_000] {
            let (mut ws, peer) = server(&quiet());
            peer.flood([said(PING, "p"), said(BINARY, vec![7; data])].concat());
            let receiving = async {
                while peer.state().total == 0 {
                    if batch {
                        let (mut events, _) = ws.batch().await.unwrap().unwrap();
                        while events.next().is_some() {}
                    } else {
                        assert!(ws.recv().await.unwrap().unwrap().is_binary());
                    }
                    assert!(peer.state().flooded < 8 << 20, "nothing is written");
                }
            };
            in_time(receiving).await;
        }
    }
}

/// A runtime may go with its thread, and its tasks with it, when the memory that the thread's sockets lent
/// each other is gone already.
#[test]
fn a_batch_that_outlives_what_its_thread_lends() {
    use std::cell::RefCell;
    use std::sync::mpsc::{Sender, channel};

    thread_local! {
        static RUNTIME: RefCell<Option<tokio::runtime::Runtime>> = const { RefCell::new(None) };
    }
    /// Whether it is dropped while its thread panics.
    struct Told(Sender<bool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(std::thread::panicking()).unwrap();
        }
    }
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        RUNTIME.with_borrow_mut(|runtime| {
            let runtime =
                runtime.insert(tokio::runtime::Builder::new_current_thread().build().unwrap());
            runtime.block_on(async {
                let (mut ws, peer) = server(&quiet());
                peer.send(said(TEXT, "held"));
                let held = tokio::spawn(async move {
                    let _told = Told(tell);
                    let (mut events, _outgoing) = ws.batch().await.unwrap().unwrap();
                    assert_eq!(events.next(), Some(Event::Text("held")));
                    std::future::pending::<()>().await;
                });
                tokio::task::yield_now().await;
                assert!(!held.is_finished());
            });
        });
    });
    thread.join().unwrap();
    assert_eq!(told.recv(), Ok(false));
}
