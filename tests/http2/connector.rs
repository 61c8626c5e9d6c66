//! A connector that opens WebSockets over HTTP/2: which connections it makes, and which it uses again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bowstring::net::{Http2Error, UseHttp2};
use bowstring::{Config, Connector, Error, Message};
use h2::Reason;
use http::Response;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::support::{Order, Server, echo_all, offering, serve_with};

/// Nobody is there: the dialer makes a pipe.
const URL: &str = "ws://127.0.0.1:9/chat";

/// A connector over pipes, whose other ends are given out.
fn piped(when: UseHttp2) -> (Connector, mpsc::UnboundedReceiver<DuplexStream>) {
    let (dialled, ends) = mpsc::unbounded_channel();
    let connector = Connector::new().http2(when).dialer(move |_| {
        let (near, far) = tokio::io::duplex(64 << 10);
        let _ = dialled.send(far);
        async move { Ok(near) }
    });
    (connector, ends)
}

/// A connector and servers on hyper; how many connections were made.
fn served(streams: u32) -> (Connector, Arc<AtomicU32>) {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    tokio::spawn(async move {
        while let Some(far) = ends.recv().await {
            count.fetch_add(1, Ordering::Relaxed);
            let set = |builder: &mut hyper_util::server::conn::auto::Builder<_>| {
                builder.http2().max_concurrent_streams(streams);
            };
            echo_all(serve_with(far, Config::default(), set).0);
        }
    });
    (connector, made)
}

/// All steps have one deadline, and the status counts although the body never ends.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_has_the_time_that_is_left_for_its_body() {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let refusing = async {
        let mut server = Server::start(ends.recv().await.unwrap(), offering());
        let (_, mut respond) = server.request().await;
        sleep(Duration::from_secs(9)).await;
        let response = Response::builder().status(503).body(()).unwrap();
        let mut body = respond.send_response(response, false).unwrap();
        body.send_data("body".into(), false).unwrap();
        (server, body)
    };
    let started = Instant::now();
    let (refused, _open) = tokio::join!(connector.connect(URL), refusing);
    let Err(Error::Status(response)) = refused else { panic!("{refused:?}") };
    assert_eq!((response.status().as_u16(), &response.body()[..]), (503, &b"body"[..]));
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn many_sockets_share_a_connection_and_others_make_one() {
    let (connector, made) = served(3);
    // At once: one connection is made at a time (§4.1).
    let tasks: Vec<_> = (0..7)
        .map(|n| {
            let connector = connector.clone();
            tokio::spawn(async move {
                let (mut ws, response) = connector.connect(URL).await.unwrap();
                assert_eq!(response.version(), http::Version::HTTP_2);
                let text = format!("socket {n}");
                ws.send(&*text).await.unwrap();
                assert_eq!(ws.recv().await.unwrap(), Some(Message::from(&*text)));
                ws
            })
        })
        .collect();
    let mut sockets = Vec::new();
    for task in tasks {
        sockets.push(task.await.unwrap());
    }
    assert_eq!(made.load(Ordering::Relaxed), 3);
    // What ends makes room.
    for mut ws in sockets.drain(..4) {
        ws.close(1000, "").await.unwrap();
    }
    for _ in 0..4 {
        sockets.push(connector.connect(URL).await.unwrap().0);
    }
    assert_eq!(made.load(Ordering::Relaxed), 3);

    // Other hosts and ports have connections of their own, and so have other settings.
    connector.connect("ws://127.0.0.1:10/").await.unwrap();
    connector.connect("ws://127.0.0.2:9/").await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 5);
    connector.config(Config::default()).connect(URL).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn a_session_of_ones_own() {
    let (connector, made) = served(100);
    let session = connector.session(&URL.parse().unwrap()).await.unwrap();
    connector.connect(URL).await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2);
    assert_eq!(session.open_streams(), 0);
}

/// It is split by two tasks, as any transport of a connector.
#[tokio::test]
async fn a_socket_of_a_connector_splits() {
    let (connector, _) = served(100);
    let (mut reader, writer) = connector.connect(URL).await.unwrap().0.split();
    writer.send("hello").await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), Some("hello".into()));
}

#[tokio::test]
async fn after_goaway_another_connection_is_made() {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let first = tokio::spawn({
        let connector = connector.clone();
        async move { connector.connect(URL).await.unwrap().0 }
    });
    let mut server = Server::start(ends.recv().await.unwrap(), offering());
    let _peer = server.accept().await;
    let _ws = first.await.unwrap();
    server.order(Order::GoAway);
    // The request goes out on the old connection if GOAWAY has not come; then it is refused, and tried on another.
    let second = tokio::spawn(async move { connector.connect(URL).await.map(drop) });
    let mut server = Server::start(ends.recv().await.unwrap(), offering());
    let _peer = server.accept().await;
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_is_refused_is_tried_three_times() {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let asking = tokio::spawn(async move { connector.connect(URL).await.map(drop) });
    let mut server = Server::start(ends.recv().await.unwrap(), offering());
    for _ in 0..3 {
        let (_, mut respond) = server.request().await;
        respond.send_reset(Reason::REFUSED_STREAM);
    }
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Http2(Http2Error::Refused)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_offers_no_websockets_is_an_error_if_http_2_is_required() {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let asking = tokio::spawn(async move { connector.connect(URL).await.map(drop) });
    let _server = Server::start(ends.recv().await.unwrap(), h2::server::Builder::new());
    let error = asking.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Http2(Http2Error::NotOffered)), "{error:?}");
}

#[tokio::test]
async fn redirects_are_followed_over_http_2() {
    let (connector, mut ends) = piped(UseHttp2::Always);
    let asking = tokio::spawn(async move {
        let refused = connector.connect(URL).await.map(drop).unwrap_err();
        assert!(matches!(refused, Error::Status(_)));
        // The settings differ, so a new connection is made.
        connector.redirects(1).connect(URL).await.map(|(_, response)| response)
    });
    let redirect = || {
        let redirect = Response::builder().status(307).header("Location", "/other");
        redirect.body(()).unwrap()
    };
    let mut server = Server::start(ends.recv().await.unwrap(), offering());
    let (_, mut respond) = server.request().await;
    respond.send_response(redirect(), true).unwrap();
    let mut server = Server::start(ends.recv().await.unwrap(), offering());
    let (_, mut respond) = server.request().await;
    respond.send_response(redirect(), true).unwrap();
    let peer = server.accept().await;
    assert_eq!(peer.request.uri().path(), "/other");
    let response = asking.await.unwrap().unwrap();
    let uri = response.extensions().get::<bowstring::handshake::Uri>().unwrap();
    assert_eq!(uri.resource(), "/other");
}

/// Without TLS nobody can agree on HTTP/2.
#[tokio::test]
async fn without_tls_it_is_http_1_unless_it_is_required() {
    let (connector, mut ends) = piped(UseHttp2::Negotiate);
    let asking = tokio::spawn(async move { connector.connect(URL).await.unwrap() });
    let _accepted = bowstring::accept(ends.recv().await.unwrap()).await.unwrap();
    let (_ws, response) = asking.await.unwrap();
    assert_eq!(response.version(), http::Version::HTTP_11);
}

/// The deadline of connecting is one for all that waits in it.
#[tokio::test(start_paused = true)]
async fn a_connection_that_hangs_is_a_timeout_for_all_that_wait_for_it() {
    let (connector, _ends) = piped(UseHttp2::Always);
    let started = tokio::time::Instant::now();
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let connector = connector.clone();
            tokio::spawn(async move { connector.connect(URL).await.map(drop).unwrap_err() })
        })
        .collect();
    for task in tasks {
        let error = task.await.unwrap();
        // Whoever was next had no time left to connect.
        assert!(matches!(error, Error::HandshakeTimeout(_) | Error::Connect(_)), "{error:?}");
    }
    assert!(started.elapsed() < Config::default().handshake_timeout * 2);
}
