//! How a connection ends, and who learns what of it: the task that receives, those that send, and those
//! that have a handle.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::time::Duration;

use bowstring::net::{OpeningStep, TrySendError, masking_key};
use bowstring::proto::{Event, Expired, Misuse, Role, State, Violation};
use bowstring::{CloseCode, Config, Error, Message, WebSocket};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, sleep};

use crate::support::*;

/// How a peer ends a connection, and what is then to be known of it.
struct Way {
    sent: Vec<u8>,
    code: u16,
    reason: &'static str,
    transient: bool,
}

fn ways() -> Vec<Way> {
    let close = |code, reason, transient| {
        let sent = said(CLOSE, close_payload(code, reason));
        Way { sent, code, reason, transient }
    };
    vec![
        close(1012, "restarting", true),
        close(1001, "", true),
        close(1013, "try later", true),
        close(1000, "done", false),
        close(4000, "you left", false),
        Way { sent: said(CLOSE, ""), code: 1005, reason: "", transient: false },
        Way {
            sent: vec![0x83, 0x80, 0, 0, 0, 0],
            code: 1002,
            reason: "opcode 0x3 is reserved (RFC 6455 §5.2)",
            transient: false,
        },
    ]
}

impl Way {
    #[track_caller]
    fn check(&self, error: Error) {
        let told = error.to_string();
        assert!(error.is_disconnect() && error.is_transient() == self.transient, "{told}");
        assert_eq!(error.close_code(), Some(self.code.into()));
        let Error::Closed(close) = error else { panic!("{told}") };
        assert_eq!((close.code.get(), &*close.reason), (self.code, self.reason));
        assert!(told.contains(&self.code.to_string()) && told.contains(self.reason), "{told}");
    }
}

/// TCP stays open: the peer takes its time.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_after_the_peers_end_is_not_the_callers_fault() {
    for way in ways() {
        for door in ["send", "feed", "part", "try", "ping", "sink", "waiting"] {
            let mut config = quiet();
            config.high_water = 10;
            let (mut ws, peer) = server(&config);
            let handle = ws.handle();
            if door == "waiting" {
                // There is no room: what is framed is never taken.
                peer.room(0);
                now(ws.feed([7; 100])).unwrap();
            }
            peer.send(&way.sent);
            // As a `Stream` it is read though there is no room.
            match now(ws.next()) {
                Some(Ok(message)) => assert!(message.is_close()),
                end => assert!(matches!(end, Some(Err(Error::Violation(_))))),
            }
            assert_eq!(ws.state(), State::Closing);
            let ended = handle.ended().expect("the handle knows as soon as the socket does");
            assert_eq!((ended.code.get(), &*ended.reason), (way.code, way.reason));
            way.check(match door {
                "send" => now(ws.send("late")).unwrap_err(),
                "feed" | "waiting" => now(ws.feed("late")).unwrap_err(),
                "part" => now(ws.feed_part("late", false)).unwrap_err(),
                "ping" => now(ws.send(Event::Ping(b"late"))).unwrap_err(),
                "try" => match ws.try_send("late") {
                    Err(TrySendError::Failed("late", error)) => error,
                    other => panic!("{other:?}"),
                },
                _ => {
                    let mut sink = Pin::new(&mut ws);
                    now(std::future::poll_fn(|cx| Sink::poll_ready(sink.as_mut(), cx))).unwrap();
                    sink.start_send(Message::text("late")).unwrap_err()
                }
            });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nor_what_a_writer_of_another_task_cannot_send() {
    for way in ways() {
        for door in ["send", "feed", "part", "try", "ping", "sink", "waiting"] {
            let mut config = quiet();
            config.high_water = 10;
            let (mut ws, peer) = server(&config);
            let handle = ws.handle();
            let (mut reader, mut writer) = ws.split();
            if door == "waiting" {
                peer.room(0);
                now(writer.feed([7; 100])).unwrap();
            }
            let other = writer.clone();
            let mut waiting = pin!(other.feed("late"));
            assert_eq!(poll(waiting.as_mut()).is_pending(), door == "waiting");
            peer.send(&way.sent);
            match now(reader.recv()) {
                Ok(end) => assert!(end.is_some_and(|message| message.is_close())),
                Err(error) => assert!(matches!(error, Error::Violation(_))),
            }
            let ended = handle.ended().unwrap();
            assert_eq!((ended.code.get(), &*ended.reason), (way.code, way.reason));
            way.check(match door {
                "send" => now(writer.send("late")).unwrap_err(),
                "feed" => now(writer.feed("late")).unwrap_err(),
                "waiting" => now(waiting).unwrap_err(),
                "part" => now(writer.feed_part("late", false)).unwrap_err(),
                "ping" => now(writer.send(Event::Ping(b"late"))).unwrap_err(),
                "try" => match writer.try_send("late") {
                    Err(TrySendError::Failed("late", error)) => error,
                    other => panic!("{other:?}"),
                },
                _ => now(SinkExt::send(&mut writer, Message::text("late"))).unwrap_err(),
            });
        }
    }
}

/// The other way round it is: the caller knows that it has closed.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_after_ones_own_close_is_the_callers_fault() {
    let (mut ws, _peer) = server(&quiet());
    not_yet(ws.close(1000, ""));
    let error = now(ws.send("late")).unwrap_err();
    assert!(matches!(error, Error::Misuse(Misuse::Closed)), "{error}");
    assert!(!error.is_transient() && !error.is_disconnect());
    let (ws, _peer) = server(&quiet());
    let (_reader, writer) = ws.split();
    now(writer.close(1000, "")).unwrap();
    assert!(matches!(now(writer.send("late")), Err(Error::Misuse(Misuse::Closed))));
}

/// `83 00`, and then nothing, with TCP open.
#[tokio::test(start_paused = true)]
async fn a_violation_is_reported_before_the_peer_goes() {
    for split in [false, true] {
        let (ws, peer) = client(&Config::default());
        peer.send([0x83, 0]);
        let start = Instant::now();
        let expected = Violation::ReservedOpcode(3);
        // Nothing is done for a connection that is dropped, but what goes at once has gone before.
        if split {
            let (mut reader, _writer) = ws.split();
            let told = now(reader.recv());
            assert!(matches!(told, Err(Error::Violation(it)) if it == expected), "{told:?}");
        } else {
            let mut ws = ws;
            let told = now(ws.recv());
            assert!(matches!(told, Err(Error::Violation(it)) if it == expected), "{told:?}");
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(peer.frames()[0].payload[..2], 1002u16.to_be_bytes());
        assert!(peer.is_shut() && peer.is_alone());
    }
}

/// A peer that writes 64 MiB before it reads: it comes to our close frame, because it is read out.
#[tokio::test(start_paused = true)]
async fn a_peer_that_uploads_after_its_violation_still_reads_why() {
    for call in ["close", "recv", "batch", "reader"] {
        let (mut theirs, ours) = duplex(64 << 10);
        let ws = WebSocket::from_raw(ours, Role::Client(masking_key), [], &quiet());
        let uploading = tokio::spawn(async move {
            theirs.write_all(&[0x83, 0]).await.unwrap();
            let block = vec![0x55; 1 << 20];
            for _ in 0..64 {
                theirs.write_all(&block).await.unwrap();
            }
            theirs.shutdown().await.unwrap();
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.unwrap();
            received
        });
        let mut ws = ws;
        match call {
            "batch" => {
                let (mut events, _) = in_time(ws.batch()).await.unwrap().unwrap();
                assert!(events.next().is_none());
                drop(events);
                assert!(matches!(in_time(ws.batch()).await, Err(Error::Violation(_))));
                assert!(in_time(ws.batch()).await.unwrap().is_none());
            }
            "reader" => {
                let (mut reader, _writer) = ws.split();
                assert!(matches!(in_time(reader.recv()).await, Err(Error::Violation(_))));
                assert!(in_time(reader.recv()).await.unwrap().is_none());
            }
            _ => {
                assert!(matches!(in_time(ws.recv()).await, Err(Error::Violation(_))));
                match call {
                    "close" => in_time(ws.close(1000, "")).await.unwrap(),
                    _ => assert_eq!(in_time(ws.recv()).await.unwrap(), None),
                }
            }
        }
        let received = in_time(uploading).await.unwrap();
        let (frames, rest) = parse_frames(&received);
        assert_eq!((frames.len(), frames[0].opcode, rest.len()), (1, CLOSE, 0), "{call}");
        assert_eq!(frames[0].payload[..2], 1002u16.to_be_bytes());
    }
}

/// Two peers that send and do not read meanwhile: both wait for room, and are told so.
#[tokio::test(start_paused = true)]
async fn two_peers_that_both_only_send_are_told_that_nobody_reads() {
    let (one, other) = duplex(64 << 10);
    let config = Config::default();
    let client = WebSocket::from_raw(one, Role::Client(masking_key), [], &config);
    let server = WebSocket::from_raw(other, Role::Server, [], &config);
    let send = |mut ws: WebSocket<_>| async move {
        let handle = ws.handle();
        for _ in 0..4 {
            if let Err(error) = ws.send(vec![7; 12 << 20]).await {
                let received = ws.recv().await;
                return (error, handle.ended().unwrap(), received);
            }
        }
        panic!("it has gone")
    };
    let ends = in_time(async { tokio::join!(send(client), send(server)) }).await;
    for (error, ended, received) in [ends.0, ends.1] {
        // The first to give up is told so, and the other then that it was lost.
        let is_fair = |error: &Error| {
            matches!(error, Error::Timeout(Expired::Write) | Error::Lost) && error.is_disconnect()
        };
        assert!(is_fair(&error), "{error}");
        assert!(!ended.clean && ended.code == CloseCode::ABNORMAL);
        // The task that receives learns the same, once.
        assert!(is_fair(&received.unwrap_err()));
    }
    assert!(Expired::Write.to_string().contains("does not read"));
}

/// To be cut has one name, whatever the transport calls it, in either direction.
#[tokio::test(start_paused = true)]
async fn a_cut_is_a_loss_whatever_the_transport_calls_it() {
    let cuts = [
        ErrorKind::UnexpectedEof,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
    ];
    let gone = [ErrorKind::TimedOut, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable];
    for (kind, is_cut) in cuts.map(|kind| (kind, true)).into_iter().chain(gone.map(|k| (k, false)))
    {
        let check = |error: Error| {
            assert!(error.is_disconnect() && error.is_transient(), "{kind:?}: {error}");
            match error {
                Error::Lost => assert!(is_cut, "{kind:?}"),
                Error::Io(error) => assert!(!is_cut && error.kind() == kind, "{error:?}"),
                error => panic!("{error}"),
            }
        };
        for split in [false, true] {
            let (mut ws, peer) = server(&quiet());
            peer.state().end = Some(Err(kind));
            if split {
                check(now(ws.split().0.recv()).unwrap_err());
            } else {
                check(now(ws.recv()).unwrap_err());
            }
            let (mut ws, peer) = server(&quiet());
            peer.state().fail = Some((1, kind));
            if split {
                let (mut reader, writer) = ws.split();
                check(now(writer.send("x")).unwrap_err());
                check(now(reader.recv()).unwrap_err());
            } else {
                check(now(ws.send("x")).unwrap_err());
                // The task that receives is told as well.
                check(now(ws.recv()).unwrap_err());
                assert_eq!(now(ws.recv()).unwrap(), None);
            }
        }
    }
    let denied = Error::from(std::io::Error::from(ErrorKind::PermissionDenied));
    assert!(!denied.is_disconnect());
    assert!(
        !Error::HandshakeTimeout(OpeningStep::Handshake).is_disconnect()
            && !Error::Overflow.is_disconnect()
    );
}

/// `futures`' `split` and two tasks on each side, with more on its way than the buffers hold.
#[tokio::test(start_paused = true)]
async fn a_stream_and_a_sink_in_two_tasks_do_not_wait_for_each_other() {
    const MESSAGES: usize = 100;
    let (one, other) = duplex(64 << 10);
    let config = Config::default();
    let client = WebSocket::from_raw(one, Role::Client(masking_key), [], &config);
    let server = WebSocket::from_raw(other, Role::Server, [], &config);
    let mut tasks = Vec::new();
    for ws in [client, server] {
        let (mut sink, mut stream) = StreamExt::split(ws);
        tasks.push(tokio::spawn(async move {
            for _ in 0..MESSAGES {
                sink.send(Message::binary(vec![7; 1 << 20])).await.unwrap();
            }
            // It stays until the other has all.
            std::future::pending().await
        }));
        tasks.push(tokio::spawn(async move {
            for _ in 0..MESSAGES {
                assert_eq!(stream.next().await.unwrap().unwrap().as_bytes().len(), 1 << 20);
            }
        }));
    }
    for task in [tasks.remove(3), tasks.remove(1)] {
        tokio::time::timeout(Duration::from_secs(30), task)
            .await
            .expect("it stands still")
            .unwrap();
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A `Stream` ends with `None` only if its task knows how the connection ended.
#[tokio::test(start_paused = true)]
async fn a_stream_is_told_the_failure_that_its_sink_was_told() {
    // No room until the deadline · a write that fails.
    for stuck in [true, false] {
        let (mut ws, peer) = server(&Config::default());
        if stuck {
            peer.room(0);
        } else {
            peer.state().fail = Some((1, ErrorKind::BrokenPipe));
            peer.state().dead = false;
            // What it has said before is received first.
            peer.send(said(TEXT, "before"));
        }
        let is_it = |error: &Error| match stuck {
            true => matches!(error, Error::Timeout(Expired::Write)),
            false => matches!(error, Error::Lost),
        };
        let sent = in_time(SinkExt::send(&mut ws, Message::text("x"))).await.unwrap_err();
        assert!(is_it(&sent), "{sent}");
        if !stuck {
            assert_eq!(in_time(ws.next()).await.unwrap().unwrap(), Message::text("before"));
        }
        let received = in_time(ws.next()).await.expect("not the end as if all were well");
        assert!(received.as_ref().is_err_and(is_it), "{received:?}");
        assert!(in_time(ws.next()).await.is_none());
        let sent = in_time(SinkExt::send(&mut ws, Message::text("x"))).await.unwrap_err();
        assert!(matches!(sent, Error::Closed(close) if close.code == CloseCode::ABNORMAL));
    }
    // And by closing.
    let (mut ws, _peer) = server(&quiet());
    let closed = in_time(SinkExt::<Message>::close(&mut ws)).await;
    assert!(matches!(closed, Err(Error::Timeout(Expired::Close))));
    let received = in_time(ws.next()).await.unwrap();
    assert!(matches!(received, Err(Error::Timeout(Expired::Close))));
}

/// One task finds the end because it looks, not because it was woken: then it wakes the other.
#[tokio::test(start_paused = true)]
async fn an_end_that_one_side_finds_wakes_the_other() {
    for finder in ["stream", "sink"] {
        for end in ["deadline", "close", "violation", "failed write"] {
            if finder == "sink" && matches!(end, "close" | "violation") {
                continue; // A sink reads nothing.
            }
            let mut config = Config::default();
            config.high_water = 10;
            let (mut ws, peer) = server(&config);
            peer.room(0);
            now(ws.feed([7; 100])).unwrap();
            let (streams, sinks) = (Wakes::new(), Wakes::new());
            let stream = |ws: &mut WebSocket<Scripted>| {
                let waker = streams.waker();
                ws.poll_next_unpin(&mut std::task::Context::from_waker(&waker))
            };
            let sink = |ws: &mut WebSocket<Scripted>| {
                let waker = sinks.waker();
                Pin::new(ws).poll_ready(&mut std::task::Context::from_waker(&waker))
            };
            assert!(stream(&mut ws).is_pending() && sink(&mut ws).is_pending());
            // Both are waiting. Then something happens that wakes neither.
            match end {
                "deadline" => {}
                "close" => peer.state().input.extend(said(CLOSE, "")),
                "violation" => peer.state().input.extend([0x83, 0]),
                _ => {
                    let next = peer.state().acts + 1;
                    peer.state().fail = Some((next, ErrorKind::BrokenPipe));
                    peer.state().dead = false;
                    peer.room_unnoticed(1);
                }
            }
            if end == "deadline" {
                // The clock moves in steps, as if the runtime had not come to its timers.
                let before = Instant::now();
                while before.elapsed() < Duration::from_secs(41) {
                    tokio::time::advance(Duration::from_secs(1)).await;
                    if finder == "stream" { drop(stream(&mut ws)) } else { drop(sink(&mut ws)) }
                }
            } else {
                streams.take();
                sinks.take();
                if finder == "stream" { drop(stream(&mut ws)) } else { drop(sink(&mut ws)) }
            }
            let other = if finder == "stream" { &sinks } else { &streams };
            assert!(other.take() > 0, "{finder} finds: {end}");
        }
    }
}

/// The handle wakes the task that polled last, whoever was woken by a timer in between.
#[tokio::test(start_paused = true)]
async fn a_handle_wakes_the_task_that_polled_last() {
    for keep_alive in [Some(20), None] {
        let mut config = Config::default();
        config.timeouts.keep_alive = keep_alive.map(Duration::from_secs);
        let (mut ws, peer) = server(&config);
        let handle = ws.handle();
        let (a, b) = (Wakes::new(), Wakes::new());
        let recv = |ws: &mut WebSocket<Scripted>, wakes: &std::sync::Arc<Wakes>| {
            let waker = wakes.waker();
            let polled = pin!(ws.recv()).poll(&mut std::task::Context::from_waker(&waker));
            assert!(polled.is_pending());
        };
        recv(&mut ws, &a);
        if keep_alive.is_some() {
            sleep(Duration::from_secs(20)).await;
            // Reading waits for a moment. The timer fires within this, and is not set anew.
            peer.state().stutter = Some((Random::new(1), 1));
            peer.state().input.extend(said(TEXT, "x"));
            let waker = b.waker();
            let received = pin!(ws.recv()).poll(&mut std::task::Context::from_waker(&waker));
            assert!(received.is_ready());
            peer.state().stutter = None;
        } else {
            // A ping starts a timer, and its pong ends it: nothing is timed any more.
            drop(handle.ping());
            recv(&mut ws, &a);
            let ping = peer.frames().remove(0);
            peer.send(said(PONG, &ping.payload));
            recv(&mut ws, &a);
            recv(&mut ws, &b);
        }
        recv(&mut ws, &a);
        a.take();
        b.take();
        handle.close(1000, "").unwrap();
        assert!(a.take() > 0, "{keep_alive:?}: {}", b.take());
    }
}

/// A close that is given up in the middle of a message drops that message whole, or not at all.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_given_up_leaves_no_half_message() {
    for opcode in [TEXT, BINARY] {
        for door in ["close", "reader", "sink"] {
            let (mut ws, peer) = server(&quiet());
            let whole = said(opcode, "0123456789");
            let (front, back) = whole.split_at(whole.len() - 5);
            peer.send(front);
            let received = match door {
                "close" => {
                    not_yet(ws.close(1000, ""));
                    peer.send(back);
                    now(ws.recv()).unwrap().unwrap()
                }
                "reader" => {
                    let (mut reader, _writer) = ws.split();
                    not_yet(reader.close(1000, ""));
                    peer.send(back);
                    now(reader.recv()).unwrap().unwrap()
                }
                _ => {
                    let (mut sink, mut stream) = StreamExt::split(ws);
                    not_yet(SinkExt::<Message>::close(&mut sink));
                    peer.send(back);
                    now(stream.next()).unwrap().unwrap()
                }
            };
            assert_eq!(received.as_bytes(), b"0123456789", "{door}");
        }
    }
}

/// The deadline of closing runs in the task that polls the `Stream`, so that task is woken.
#[tokio::test(start_paused = true)]
async fn a_close_frame_that_a_sink_sends_starts_the_clock_of_its_stream() {
    for keep_alive in [Some(Duration::from_secs(20)), None] {
        let mut config = Config::default();
        config.timeouts.keep_alive = keep_alive;
        let (ws, _peer) = server(&config);
        let (mut sink, mut stream) = StreamExt::split(ws);
        let start = Instant::now();
        let receiving = tokio::spawn(async move { stream.next().await });
        tokio::task::yield_now().await;
        sink.send(Message::Close(None)).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(600), receiving).await;
        let ended = ended.expect("it never ends").unwrap();
        assert!(matches!(ended, Some(Err(Error::Timeout(Expired::Close)))), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }
}
