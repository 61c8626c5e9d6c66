//! Many WebSockets on one connection: none starves or ends the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bowstring::net::http2::Session;
use bowstring::{Config, Error, Message, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::support::{
    Accepted, echo, echo_all, hyper_pair, offering, open, pair, pair_with, request, serve_with,
};

/// The first finding: h2 counts what small DATA frames cost that nobody has read. With its default the client's
/// connection ends here.
#[tokio::test]
async fn two_hundred_echoes_at_once_to_a_server_with_default_windows() {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (accepted, _) = serve_with(far, Config::default(), |builder| {
        // As hyper has them by default.
        let mut http2 = builder.http2();
        http2.initial_stream_window_size(1 << 20).initial_connection_window_size(1 << 20);
        http2.max_concurrent_streams(200);
    });
    echo_all(accepted);
    let session = Session::over(near, &Config::default()).await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..200 {
        sockets.push(session.open(&request(), &Config::default()).await.unwrap().0);
    }
    for round in 0..3 {
        let text = format!("twenty bytes, round {round}");
        for ws in &mut sockets {
            ws.send(&*text).await.unwrap();
        }
        // All echoes come before the first is read.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        for ws in &mut sockets {
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from(&*text)));
        }
    }
}

/// The second finding: a connection's window that is as large as a stream's is used up by one socket that is not read.
#[tokio::test(start_paused = true)]
async fn a_socket_that_the_client_does_not_read_does_not_stop_the_others() {
    let (session, mut accepted) = hyper_pair().await;
    let (_unread, _) = session.open(&request(), &Config::default()).await.unwrap();
    let flooding = accepted.recv().await.unwrap();
    one_floods_and_another_echoes(flooding, session, accepted).await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_the_server_does_not_read_does_not_stop_the_others() {
    let (session, mut accepted) = hyper_pair().await;
    let (flooding, _) = session.open(&request(), &Config::default()).await.unwrap();
    let _unread = accepted.recv().await.unwrap();
    one_floods_and_another_echoes(flooding, session, accepted).await;
}

async fn one_floods_and_another_echoes<S>(
    mut flooding: WebSocket<S>,
    session: Session,
    accepted: Accepted,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let flood = tokio::spawn(async move {
        loop {
            if let Err(error) = flooding.send(vec![7; 100 << 10]).await {
                return error;
            }
        }
    });
    let (mut busy, _) = session.open(&request(), &Config::default()).await.unwrap();
    echo_all(accepted);
    let started = Instant::now();
    for n in 0..100_u32 {
        let sent = Message::binary(vec![n as u8; 20 << 10]);
        busy.send(sent.clone()).await.unwrap();
        assert_eq!(busy.recv().await.unwrap(), Some(sent));
    }
    assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
    // The socket that waits for the window gives up in the end, and the other lives.
    let error = tokio::select! {
        error = flood => error.unwrap(),
        more = busy.recv() => panic!("{more:?}"),
    };
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    busy.send("alive").await.unwrap();
    assert_eq!(busy.recv().await.unwrap(), Some("alive".into()));
}

/// A task that pauses is the normal case: it writes to a database. Its peer sends small frames until there is no more
/// window, and every frame is a DATA frame of its own.
#[tokio::test]
async fn small_frames_without_end_to_a_socket_of_the_client_that_pauses() {
    let (session, mut accepted) = hyper_pair().await;
    let mut config = Config::default();
    config.deflate = None;
    let (mut paused, _) = session.open(&request(), &config).await.unwrap();
    let mut sending = accepted.recv().await.unwrap();
    let sent = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&sent);
    let flood = tokio::spawn(async move {
        loop {
            let n = count.load(Ordering::Relaxed);
            sending.send([n.to_be_bytes(); 5].concat()).await.unwrap();
            count.store(n + 1, Ordering::Relaxed);
        }
    });
    let mut before = 0;
    loop {
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            break;
        }
        before = now;
    }
    // The window is 1.5 MiB, and a frame has 22 bytes.
    assert!(before > 60_000, "{before}");
    let (mut other, _) = session.open(&request(), &config).await.unwrap();
    echo_all(accepted);
    other.send("alive").await.unwrap();
    assert_eq!(other.recv().await.unwrap(), Some("alive".into()));
    for n in 0..before {
        let message = paused.recv().await.unwrap();
        assert_eq!(message.unwrap().as_bytes(), [n.to_be_bytes(); 5].concat());
    }
    flood.abort();
}

/// What a socket has asked the connection's window for goes to no other. A task that gives up a large message, or is
/// slow to go on with it, must not hold more than what it can write.
#[tokio::test(start_paused = true)]
async fn a_message_that_was_given_up_does_not_hold_the_window() {
    let mut builder = offering();
    // The window of the connection stays 65,535 bytes.
    builder.initial_window_size(8 << 20);
    let (session, mut server) = pair_with(builder).await;
    let session = session.unwrap();
    let (mut other, mut other_peer) = open(&session, &mut server).await;
    let (mut given_up, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let (mut ws, peer) = open(&session, &mut server).await;
        let sending = ws.send(vec![7; 4 << 20]);
        let sending = tokio::time::timeout(Duration::from_secs(1), sending).await;
        assert!(sending.is_err(), "{sending:?}");
        given_up.push(ws);
        peers.push(peer);
    }
    // The peers read all that has come, so there is room again.
    for mut peer in peers {
        tokio::spawn(async move { while peer.data().await.is_some() {} });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let sent = tokio::time::timeout(Duration::from_secs(1), async {
        other.send("alive").await.unwrap();
        other_peer.frame().await.unwrap()
    });
    assert_eq!(sent.await.expect("there is room").payload, b"alive");
}

/// A reader that is dropped is done with what has come. Its writers may live on.
#[tokio::test(start_paused = true)]
async fn what_a_dropped_reader_has_not_read_gives_its_window_back() {
    let (session, mut server) = pair().await;
    let (mut writers, mut peers) = (Vec::new(), Vec::new());
    // Five of them are all of the connection's window.
    for _ in 0..5 {
        let (ws, mut peer) = open(&session, &mut server).await;
        let (reader, writer) = ws.split();
        peer.send(vec![0; 3 << 19]);
        tokio::time::sleep(Duration::from_millis(1)).await;
        drop(reader);
        writers.push(writer);
        peers.push(peer);
    }
    let (mut other, mut peer) = open(&session, &mut server).await;
    peer.send(bowstring_testing::frames::server_frame(0x81, "alive"));
    let received = tokio::time::timeout(Duration::from_secs(1), other.recv()).await;
    assert_eq!(received.expect("there is room").unwrap(), Some("alive".into()));
    assert_eq!(session.open_streams(), 6);
}

/// What is agreed on over HTTP/2 is what is agreed on over HTTP/1.1.
#[tokio::test]
async fn subprotocol_and_compression_are_agreed_on() {
    for deflate in [true, false] {
        for protocol in [None, Some("chat"), Some("other")] {
            let (session, mut accepted) = hyper_pair().await;
            let mut config = Config::default();
            if !deflate {
                config.deflate = None;
            }
            let asked = protocol.map_or(request(), |name| request().protocol(name));
            let (mut ws, response) = session.open(&asked, &config).await.unwrap();
            assert_eq!(response.headers().contains_key("sec-websocket-extensions"), deflate);
            assert_eq!(ws.protocol(), protocol.filter(|name| *name == "chat"));
            let server = accepted.recv().await.unwrap();
            assert_eq!(server.protocol(), ws.protocol());
            tokio::spawn(echo(server));
            let text = "again and ".repeat(1000);
            ws.send(&*text).await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from(&*text)));
            ws.close(1000, "").await.unwrap();
        }
    }
}
