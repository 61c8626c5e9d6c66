//! Many WebSockets on one connection: none starves or ends the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bowstring::net::http2::Session;
use bowstring::{Config, Error, Message, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::support::{Accepted, echo, echo_all, hyper_pair, request, serve_with};

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
