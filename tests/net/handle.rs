//! What others can do with a connection that they do not hold.

use std::pin::pin;
use std::time::Duration;

use bowstring::net::{Parts, masking_key};
use bowstring::proto::{CloseFrame, Expired, Misuse, Role};
use bowstring::{CloseCode, Config, Error, Message, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

use crate::support::*;

fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (one, other) = duplex(4096);
    let config = Config::default();
    let client = WebSocket::from_raw(other, Role::Client(masking_key), [], &config);
    (WebSocket::from_raw(one, Role::Server, [], &config), client)
}

#[tokio::test(start_paused = true)]
async fn latency_is_from_a_ping_to_its_pong() {
    let (mut server, mut client) = pair();
    let handle = server.handle();
    assert_eq!(handle.latency(), None);
    let serving = tokio::spawn(async move { server.recv().await });
    // The server's ping goes out when 20 s are over; the client looks 3 s later.
    sleep(Duration::from_secs(23)).await;
    let _ = timeout(Duration::from_millis(1), client.recv()).await;
    tokio::task::yield_now().await;
    assert_eq!(handle.latency(), Some(Duration::from_secs(3)));
    // What the client says on its own is no pong.
    client.send("hello").await.unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(handle.latency(), Some(Duration::from_secs(3)));
}

/// One ping is under way at a time, and its pong answers all who wait.
#[tokio::test(start_paused = true)]
async fn latency_though_the_keep_alive_pings_meanwhile() {
    let mut config = Config::default();
    config.timeouts.keep_alive = Some(Duration::from_secs(10));
    let (mut ws, peer) = server(&config);
    let handle = ws.handle();
    tokio::spawn(async move { ws.recv().await });
    sleep(Duration::from_secs(9)).await;
    let first = handle.ping();
    sleep(Duration::from_millis(500)).await;
    // It counts for the keep-alive: the time for its pong is running, and no other goes out.
    sleep(Duration::from_millis(1500)).await;
    let [ping] = &peer.frames()[..] else { panic!() };
    let second = handle.ping();
    peer.send(said(PONG, &ping.payload));
    assert_eq!(in_time(first).await.unwrap(), Duration::from_secs(2));
    assert_eq!(in_time(second).await.unwrap(), Duration::from_secs(2));
    assert_eq!(handle.latency(), Some(Duration::from_secs(2)));
}

/// A peer that is never quiet gets no ping of the keep-alive.
#[tokio::test(start_paused = true)]
async fn a_ping_goes_out_when_it_is_asked_for() {
    for split in [false, true] {
        let (mut ws, peer) = server(&Config::default());
        let handle = ws.handle();
        let reading = tokio::spawn(async move {
            if split {
                let (mut reader, _writer) = ws.split();
                return reader.recv().await;
            }
            ws.recv().await
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The second goes nowhere, for the first is on its way.
        for _ in 0..2 {
            handle.ping();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let frames = peer.frames();
        assert_eq!(frames.iter().map(|frame| frame.opcode).collect::<Vec<_>>(), [PING]);
        peer.send(said(PONG, &frames[0].payload));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(handle.latency(), Some(Duration::from_millis(200)));
        // Once it has come there may be another; behind a close frame there is none.
        handle.ping();
        handle.close(1000, "").unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.ping();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let sent: Vec<_> = peer.frames().iter().map(|frame| frame.opcode).collect();
        assert_eq!(sent, [CLOSE]);
        drop(peer);
        assert!(in_time(reading).await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_from_elsewhere_goes_behind_what_was_framed() {
    for split in [false, true] {
        let (mut server, mut client) = pair();
        let handle = server.handle();
        server.feed("framed before").await.unwrap();
        let receiving = tokio::spawn(async move {
            if split {
                let (mut reader, _writer) = server.split();
                assert_eq!(reader.recv().await.unwrap(), Some(Message::text("still heard")));
                assert!(reader.recv().await.unwrap().unwrap().is_close());
                reader.recv().await
            } else {
                assert_eq!(server.recv().await.unwrap(), Some(Message::text("still heard")));
                assert!(matches!(server.send("too late").await, Err(Error::Misuse(_))));
                assert!(server.recv().await.unwrap().unwrap().is_close());
                server.recv().await
            }
        });
        assert_eq!(client.recv().await.unwrap(), Some("framed before".into()));
        handle.close(CloseCode::POLICY_VIOLATION, "leave").unwrap();
        handle.close(4000, "only the first counts").unwrap();
        // A peer that speaks by frames of its own may go on after it was told.
        let mut parts = client.into_inner();
        let mut close = [0; 9];
        parts.stream.read_exact(&mut close).await.unwrap();
        assert_eq!(close, *b"\x88\x07\x03\xF0leave");
        parts.stream.write_all(b"\x81\x8B\0\0\0\0still heard").await.unwrap();
        let role = Role::Client(masking_key);
        let mut client = WebSocket::from_raw(parts.stream, role, close, &Config::default());
        let Some(Message::Close(Some(close))) = client.recv().await.unwrap() else { panic!() };
        assert_eq!((close.code, &*close.reason), (CloseCode::POLICY_VIOLATION, "leave"));
        assert_eq!(handle.ended(), None);
        assert_eq!(client.recv().await.unwrap(), None);
        assert_eq!(receiving.await.unwrap().unwrap(), None);
        let ended = handle.ended().unwrap();
        assert_eq!((ended.clean, ended.code), (true, CloseCode::POLICY_VIOLATION));
    }
}

/// A sender that waits for room does not keep the connection from being closed, in time.
#[tokio::test(start_paused = true)]
async fn a_close_from_elsewhere_ends_a_sender_that_waits() {
    let (mut server, client) = pair();
    let handle = server.handle();
    let sending = tokio::spawn(async move {
        loop {
            if let Err(error) = server.send(&[0; 10_000]).await {
                return error;
            }
        }
    });
    sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished());
    handle.close(1001, "").unwrap();
    sleep(Duration::from_secs(6)).await;
    let error = sending.await.unwrap();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    let ended = handle.ended().unwrap();
    assert_eq!((ended.clean, ended.code), (false, CloseCode::ABNORMAL));
    // What it had sent before is there, and the close frame is not in the midst of it.
    let Parts { mut stream, .. } = client.into_inner();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.starts_with(&[0x82, 126, 0x27, 0x10, 0]), "{:?}", &bytes[..8]);
}

/// A handle that is made when the socket has waited already.
#[tokio::test(start_paused = true)]
async fn a_late_handle_wakes_the_reader_too() {
    let (mut server, mut client) = pair();
    let start = Instant::now();
    let receiving = tokio::spawn(async move {
        let waited = timeout(Duration::from_secs(1), server.recv()).await;
        assert!(waited.is_err());
        let handle = server.handle();
        tokio::spawn(async move { handle.close(1008, "") });
        while let Ok(Some(_)) = server.recv().await {}
    });
    assert!(client.recv().await.unwrap().unwrap().is_close());
    assert!(client.recv().await.unwrap().is_none());
    receiving.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// What a caller got from elsewhere is no reason to panic, and leaves the connection as it was.
#[tokio::test(start_paused = true)]
async fn a_close_that_must_not_be_sent_is_an_error() {
    let (mut ws, peer) = server(&quiet());
    let handle = ws.handle();
    for code in [1005, 1006, 1015, 2999] {
        assert_eq!(handle.close(code, ""), Err(Misuse::InvalidCloseCode(code)));
    }
    let long = "é".repeat(62);
    assert_eq!(handle.close(1000, &long), Err(Misuse::LongControl { len: 126 }));
    not_yet(ws.recv());
    assert_eq!(peer.total(), 0);
    let close = CloseFrame::truncated(1000, &long).unwrap();
    handle.close(close.code, &close.reason).unwrap();
    not_yet(ws.recv());
    assert_eq!(peer.frames()[0].payload, close_payload(1000, &"é".repeat(61)));
}

/// One that was asked for too late to see the end knows of it.
#[tokio::test(start_paused = true)]
async fn a_handle_of_a_connection_that_has_ended() {
    for (what, code, clean) in [
        (told(CLOSE, close_payload(4000, "")), 4000, true),
        (told(CLOSE, ""), 1005, true),
        (told(TEXT, b"\xFF"), 1007, false),
        (vec![], 1006, false),
    ] {
        let (mut ws, peer) = client(&quiet());
        peer.send(what);
        peer.end();
        let ended = async { while let Ok(Some(_)) = ws.recv().await {} };
        in_time(ended).await;
        let ending = ws.handle().ended().unwrap();
        assert_eq!((u16::from(ending.code), ending.clean), (code, clean));
    }
}

/// A ping counts for the deadline: a dead peer is found when its pong is late, not a keep-alive later.
#[tokio::test(start_paused = true)]
async fn a_ping_finds_a_dead_peer_within_the_time_for_a_pong() {
    for (keep_alive, split) in [(Some(20), false), (None, false), (Some(20), true), (None, true)] {
        let mut config = Config::default();
        config.timeouts.keep_alive = keep_alive.map(Duration::from_secs);
        let (mut ws, peer) = server(&config);
        let handle = ws.handle();
        let reading = tokio::spawn(async move {
            if split {
                let (mut reader, _writer) = ws.split();
                return reader.recv().await;
            }
            ws.recv().await
        });
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        let error = in_time(handle.ping()).await.unwrap_err();
        assert_eq!(start.elapsed().as_secs(), 20, "{keep_alive:?} {split}");
        assert!(error.is_disconnect() && error.is_transient(), "{error}");
        assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
        let ended = in_time(reading).await.unwrap();
        assert!(matches!(ended, Err(Error::Timeout(Expired::Pong))), "{ended:?}");
        let ended = handle.ended().unwrap();
        assert_eq!((ended.code, ended.clean), (CloseCode::ABNORMAL, false));
        assert!(ended.reason.contains("ping"), "{}", ended.reason);
        assert_eq!(handle.latency(), None);
        drop(peer);
    }
}

/// §5.5.3: a peer may send pongs of its own. They show that it lives, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_pong_that_is_no_answer_does_not_end_a_ping() {
    let (mut ws, peer) = server(&Config::default());
    let handle = ws.handle();
    tokio::spawn(async move { ws.recv().await });
    sleep(Duration::from_secs(1)).await;
    let ping = handle.ping();
    sleep(Duration::from_secs(1)).await;
    let payload = peer.frames().remove(0).payload;
    assert_eq!(payload.len(), 4);
    let mut guess = payload.clone();
    guess[3] ^= 1;
    for wrong in [&[][..], &guess, &payload[..3], &[&payload[..], b"x"].concat()] {
        peer.send(said(PONG, wrong));
        sleep(Duration::from_millis(500)).await;
        assert_eq!(handle.latency(), None);
    }
    peer.send(said(PONG, &payload));
    assert_eq!(in_time(ping).await.unwrap(), Duration::from_secs(3));
    // The same again is no answer to the next.
    let next = handle.ping();
    sleep(Duration::from_millis(1)).await;
    peer.send(said(PONG, &payload));
    sleep(Duration::from_secs(1)).await;
    let fresh = peer.frames().remove(0).payload;
    assert_ne!(fresh, payload);
    peer.send(said(PONG, &fresh));
    assert!(in_time(next).await.unwrap() >= Duration::from_secs(1));
}

/// Whoever waits for a pong does not wait for ever: the connection ends, or is dropped.
#[tokio::test(start_paused = true)]
async fn a_ping_ends_with_its_connection() {
    for end in ["close", "violation", "lost", "dropped", "taken apart", "before"] {
        let (mut ws, peer) = server(&quiet());
        let handle = ws.handle();
        if end == "before" {
            peer.end();
            now(ws.recv()).unwrap_err();
        }
        let waiting = tokio::spawn(handle.ping());
        not_yet_unless(end == "before", &mut ws);
        let code = match end {
            "close" => {
                peer.send(said(CLOSE, close_payload(1012, "")));
                assert!(now(ws.recv()).unwrap().is_some());
                1012
            }
            "violation" => {
                peer.send([0x83, 0]);
                now(ws.recv()).unwrap_err();
                1002
            }
            "lost" => {
                peer.end();
                now(ws.recv()).unwrap_err();
                1006
            }
            "dropped" => {
                drop(ws);
                1006
            }
            "taken apart" => {
                drop(ws.into_inner());
                1006
            }
            _ => 1006,
        };
        let error = in_time(waiting).await.unwrap().unwrap_err();
        assert_eq!(error.close_code(), Some(code.into()), "{end}");
    }
}

fn not_yet_unless(ended: bool, ws: &mut WebSocket<Scripted>) {
    if !ended {
        not_yet(ws.recv());
    }
}

/// A peer that sends and never answers: pings that were given up leave no waker.
#[tokio::test(start_paused = true)]
async fn a_ping_that_is_given_up_leaves_nothing() {
    let (mut ws, _peer) = server(&quiet());
    let handle = ws.handle();
    not_yet(ws.recv());
    let tasks: Vec<_> = (0..100).map(|_| Wakes::new()).collect();
    for task in &tasks {
        let mut ping = pin!(handle.ping());
        let waker = task.waker();
        assert!(ping.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        drop(waker);
    }
    // Only the test's own hold is left.
    assert!(tasks.iter().all(|task| std::sync::Arc::strong_count(task) == 1));
}

/// A pong may never come (§5.5.3), though the peer lives. Then the next ping asks anew, and has a
/// deadline.
#[tokio::test(start_paused = true)]
async fn a_ping_after_one_that_was_not_answered_is_sent_and_has_a_deadline() {
    let (mut ws, peer) = server(&quiet());
    let handle = ws.handle();
    drop(handle.ping());
    not_yet(ws.recv());
    assert_eq!(peer.frames().len(), 1);
    // While it waits for any sign of life, no other is sent.
    drop(handle.ping());
    not_yet(ws.recv());
    assert_eq!(peer.frames().len(), 0);
    peer.send(said(TEXT, "alive"));
    now(ws.recv()).unwrap();
    not_yet(ws.recv());
    drop(handle.ping());
    let ended = seconds(async {
        assert!(matches!(ws.recv().await, Err(Error::Timeout(Expired::Pong))));
    });
    assert!((19.9..20.1).contains(&ended.await));
    assert_eq!(peer.frames()[0].opcode, PING);
}
