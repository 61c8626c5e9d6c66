//! The client: opening, sending, ends.

use std::time::Duration;

use bowstring::handshake::{BuildError, ClientRequest, ResponseError};
use bowstring::net::Http2Error;
use bowstring::net::http2::Session;
use bowstring::{Config, Error, Message};
use bowstring_testing::frames::{BINARY, CLOSE, FIN, TEXT, close_payload, server_frame};
use bytes::Bytes;
use h2::Reason;
use http::{Method, Response, StatusCode, Version};
use tokio::io::AsyncWriteExt;

use crate::support::{Order, Peer, Server, offering, open, pair, pair_with, request};

fn is_lost<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Lost))
}

/// RFC 8441 §5.1: pseudo-fields, version 13, no key, no `Upgrade`.
#[tokio::test]
async fn a_request_is_a_connect_with_protocol_and_without_key() {
    let (session, mut server) = pair().await;
    let mut config = Config::default();
    config.deflate = None;
    let request = ClientRequest::new("ws://example.com:81/chat?room=7".parse().unwrap())
        .protocol("chat")
        .header("Cookie", "id=7")
        .header("Host", "other.example");
    let response = Response::builder().header("Sec-WebSocket-Protocol", "chat");
    let (opened, peer) = tokio::join!(
        session.open(&request, &config),
        server.accept_with(response.body(()).unwrap())
    );
    let (ws, response) = opened.unwrap();
    assert_eq!((ws.protocol(), response.status()), (Some("chat"), StatusCode::OK));
    let asked = peer.request;
    assert_eq!((asked.method(), asked.version()), (&Method::CONNECT, Version::HTTP_2));
    assert_eq!(asked.uri(), "http://other.example/chat?room=7");
    assert_eq!(asked.extensions().get::<h2::ext::Protocol>().unwrap().as_str(), "websocket");
    let mut names: Vec<_> = asked.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["cookie", "sec-websocket-protocol", "sec-websocket-version"]);
    assert_eq!(asked.headers()["sec-websocket-version"], "13");
}

#[tokio::test]
async fn messages_go_both_ways_and_closing_ends_the_stream() {
    let (session, mut server) = pair().await;
    let (mut ws, mut peer) = open(&session, &mut server).await;
    ws.send("hello").await.unwrap();
    let frame = peer.frame().await.unwrap();
    assert_eq!(
        (frame.first(), &frame.payload[..], frame.is_masked()),
        (FIN | TEXT, &b"hello"[..], true)
    );
    peer.send(server_frame(FIN | BINARY, [1, 2, 3]));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::binary(vec![1, 2, 3])));

    peer.send(server_frame(FIN | CLOSE, close_payload(1000, "")));
    assert!(matches!(ws.recv().await, Ok(Some(Message::Close(_)))));
    let closing = tokio::spawn(async move { ws.recv().await });
    assert_eq!(peer.frame().await.unwrap().code(), 1000);
    // RFC 8441 §5: the orderly end of TCP is END_STREAM; the server's comes first (§7.1.1).
    peer.writing.send_data(Bytes::new(), true).unwrap();
    assert!(peer.frame().await.is_none());
    assert_eq!(closing.await.unwrap().unwrap(), None);
}

/// RFC 8441 §3: a client must not ask a server that has not said so.
#[tokio::test]
async fn a_server_that_does_not_offer_it_is_told_apart() {
    let (session, _server) = pair_with(h2::server::Builder::new()).await;
    assert!(matches!(session, Err(Error::Http2(Http2Error::NotOffered))));
}

#[tokio::test(start_paused = true)]
async fn settings_that_never_come_end_in_a_timeout() {
    let (near, _far) = tokio::io::duplex(1024);
    let session = Session::over(near, &Config::default()).await;
    assert!(matches!(session, Err(Error::HandshakeTimeout(_))));
}

#[tokio::test(start_paused = true)]
async fn settings_that_come_late_are_waited_for() {
    let (near, far) = tokio::io::duplex(1024);
    let connecting =
        tokio::spawn(async move { Session::over(near, &Config::default()).await.map(drop) });
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(!connecting.is_finished());
    let _server = Server::start(far, offering());
    connecting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_of_http_1_is_an_error_of_http_2() {
    let (near, mut far) = tokio::io::duplex(1024);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let session = Session::over(near, &Config::default()).await;
    assert!(matches!(session, Err(Error::Http2(Http2Error::Protocol(_)))), "{session:?}");
}

#[tokio::test]
async fn a_refusal_has_its_status_fields_and_body() {
    let (session, mut server) = pair().await;
    let refusing = async {
        let (_, mut respond) = server.request().await;
        let response = Response::builder().status(429).header("Retry-After", "7").body(()).unwrap();
        let mut body = respond.send_response(response, false).unwrap();
        body.send_data("later ".into(), false).unwrap();
        body.send_data("please".into(), true).unwrap();
    };
    let (config, request) = (Config::default(), request());
    let (opened, ()) = tokio::join!(session.open(&request, &config), refusing);
    let error = opened.map(drop).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    let Error::Status(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.body(), "later please");
    assert_eq!(session.open_streams(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_a_refusal_is_bounded_in_bytes_and_time() {
    let (session, mut server) = pair().await;
    let refusing = async {
        let (_, mut respond) = server.request().await;
        let response = Response::builder().status(302).header("Location", "/x").body(()).unwrap();
        let mut body = respond.send_response(response, false).unwrap();
        body.send_data(vec![b'x'; 40 << 10].into(), false).unwrap();
        let (_, mut respond) = server.request().await;
        let response = Response::builder().status(500).body(()).unwrap();
        // It stays open and says nothing.
        respond.send_response(response, false).unwrap()
    };
    let asking = async {
        let (config, request) = (Config::default(), request());
        let first = session.open(&request, &config).await.map(drop).unwrap_err();
        let Error::Status(response) = first else { panic!("{first:?}") };
        assert_eq!(response.body().len(), 16 << 10);
        let second = session.open(&request, &config).await.map(drop).unwrap_err();
        assert!(matches!(second, Error::Status(_)));
    };
    let (_open, ()) = tokio::join!(refusing, asking);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_timeout_and_frees_the_stream() {
    let (session, mut server) = pair().await;
    let (config, request) = (Config::default(), request());
    let opening = async { session.open(&request, &config).await.map(drop) };
    let (opened, (asked, _respond)) = tokio::join!(opening, server.request());
    assert!(matches!(opened, Err(Error::HandshakeTimeout(_))));
    let (_, mut body) = asked.into_parts();
    assert_eq!(body.data().await.unwrap().unwrap_err().reason(), Some(Reason::CANCEL));
    assert_eq!(session.open_streams(), 0);
}

#[tokio::test]
async fn an_answer_is_checked_as_over_http_1() {
    for (name, value, expected) in [
        ("sec-websocket-protocol", "other", ResponseError::UnofferedProtocol("other".into())),
        ("sec-websocket-extensions", "x", ResponseError::UnofferedExtension("x".into())),
        ("sec-websocket-protocol", "a b", ResponseError::Malformed("Sec-WebSocket-Protocol")),
    ] {
        let (session, mut server) = pair().await;
        let response = Response::builder().header(name, value).body(()).unwrap();
        let (config, request) = (Config::default(), request().protocol("chat"));
        let (opened, mut peer) =
            tokio::join!(session.open(&request, &config), server.accept_with(response));
        match opened {
            Err(Error::Response(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(peer.reset().await, Reason::CANCEL);
    }
}

#[tokio::test]
async fn an_illegal_request_is_refused_before_anything_is_sent() {
    let (session, server) = pair().await;
    let config = Config::default();
    for (name, value) in
        [("Upgrade", "x"), ("Keep-Alive", "5"), ("TE", "gzip"), ("Proxy-Connection", "x")]
    {
        let request = request().header(name, value);
        let error = session.open(&request, &config).await.map(drop).unwrap_err();
        let Error::Build(BuildError::OwnedHeader(owned)) = error else { panic!("{error:?}") };
        assert!(owned.eq_ignore_ascii_case(name));
    }
    assert!(server.requests.is_empty());
}

/// How a stream ends, and what the application is told.
#[tokio::test]
async fn ends_are_mapped() {
    type End = fn(&mut Peer, &Server);
    let table: [(&str, End); 6] = [
        ("END_STREAM", |peer, _| peer.writing.send_data(Bytes::new(), true).unwrap()),
        ("CANCEL", |peer, _| peer.writing.send_reset(Reason::CANCEL)),
        ("NO_ERROR", |peer, _| peer.writing.send_reset(Reason::NO_ERROR)),
        ("INTERNAL_ERROR", |peer, _| peer.writing.send_reset(Reason::INTERNAL_ERROR)),
        ("GOAWAY", |_, server| server.order(Order::Abort(Reason::ENHANCE_YOUR_CALM))),
        ("lost", |_, server| server.task.abort()),
    ];
    for (name, end) in table {
        // Amid a frame.
        let (session, mut server) = pair().await;
        let (mut ws, mut peer) = open(&session, &mut server).await;
        peer.send(server_frame(FIN | TEXT, "whole"));
        assert_eq!(ws.recv().await.unwrap(), Some("whole".into()), "{name}");
        peer.send(server_frame(FIN | TEXT, "hello")[..4].to_vec());
        tokio::task::yield_now().await;
        end(&mut peer, &server);
        assert!(is_lost(ws.recv().await), "{name}");
        assert_eq!(ws.recv().await.unwrap(), None, "{name}");
        assert!(ws.send("x").await.is_err(), "{name}");

        // After both close frames.
        let (session, mut server) = pair().await;
        let (mut ws, mut peer) = open(&session, &mut server).await;
        peer.send(server_frame(FIN | CLOSE, close_payload(1001, "bye")));
        assert!(matches!(ws.recv().await, Ok(Some(Message::Close(_)))), "{name}");
        let closing = tokio::spawn(async move { ws.recv().await });
        assert_eq!(peer.frame().await.unwrap().code(), 1001);
        end(&mut peer, &server);
        assert_eq!(closing.await.unwrap().unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn dropping_a_socket_resets_its_stream_alone() {
    let (session, mut server) = pair().await;
    let (first, mut first_peer) = open(&session, &mut server).await;
    let (mut second, mut second_peer) = open(&session, &mut server).await;
    assert_eq!(session.open_streams(), 2);
    drop(first);
    assert_eq!(first_peer.reset().await, Reason::CANCEL);
    assert_eq!(session.open_streams(), 1);
    second.send("still here").await.unwrap();
    assert_eq!(second_peer.frame().await.unwrap().payload, b"still here");
}

/// A writer without a reader that polls learns of a reset, and does not wait for windows for ever.
#[tokio::test]
async fn a_reset_wakes_a_writer_that_waits() {
    let (session, mut server) = pair().await;
    let (ws, mut peer) = open(&session, &mut server).await;
    let (_reader, writer) = ws.split();
    let writing = tokio::spawn(async move {
        loop {
            // The peer reads nothing, so its window fills up.
            if let Err(error) = writer.send(vec![0; 32 << 10]).await {
                return error;
            }
        }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!writing.is_finished());
    peer.writing.send_reset(Reason::INTERNAL_ERROR);
    assert!(matches!(writing.await.unwrap(), Error::Lost));
}

#[tokio::test]
async fn more_than_the_server_allows_wait() {
    let mut builder = offering();
    builder.max_concurrent_streams(2);
    let (session, mut server) = pair_with(builder).await;
    let session = session.unwrap();
    assert_eq!((session.open_streams(), session.max_streams()), (0, 2));
    let (_first, _first_peer) = open(&session, &mut server).await;
    let (second, _second_peer) = open(&session, &mut server).await;
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.open(&request(), &Config::default()).await.map(|(ws, _)| ws) }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!((session.open_streams(), waiting.is_finished()), (2, false));
    assert!(server.requests.is_empty());
    drop(second);
    let _third_peer = server.accept().await;
    let _third = waiting.await.unwrap().unwrap();
    assert_eq!(session.open_streams(), 2);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_stream_has_a_deadline() {
    let mut builder = offering();
    builder.max_concurrent_streams(1);
    let (session, mut server) = pair_with(builder).await;
    let session = session.unwrap();
    let (_first, _peer) = open(&session, &mut server).await;
    let second = session.open(&request(), &Config::default()).await.map(drop);
    assert!(matches!(second, Err(Error::Http2(Http2Error::TooManyStreams))), "{second:?}");
}

#[tokio::test]
async fn after_goaway_open_sockets_go_on_and_new_ones_are_refused() {
    let mut builder = offering();
    builder.max_concurrent_streams(1);
    let (session, mut server) = pair_with(builder).await;
    let session = session.unwrap();
    let (mut ws, mut peer) = open(&session, &mut server).await;
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.open(&request(), &Config::default()).await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert!(!session.is_draining());
    server.order(Order::GoAway);
    // It waited for a stream, and there will be none.
    let waited = waiting.await.unwrap();
    assert!(matches!(waited, Err(Error::Http2(Http2Error::Draining))), "{waited:?}");
    assert!(session.is_draining() && !session.is_closed());
    let refused = session.open(&request(), &Config::default()).await.map(drop).unwrap_err();
    assert!(matches!(refused, Error::Http2(Http2Error::Draining)) && refused.is_transient());

    ws.send("still here").await.unwrap();
    assert_eq!(peer.frame().await.unwrap().payload, b"still here");
    peer.send(server_frame(FIN | CLOSE, close_payload(1001, "")));
    assert!(matches!(ws.recv().await, Ok(Some(Message::Close(_)))));
    let closing = tokio::spawn(async move { ws.recv().await });
    assert_eq!(peer.frame().await.unwrap().code(), 1001);
    peer.writing.send_data(Bytes::new(), true).unwrap();
    assert_eq!(closing.await.unwrap().unwrap(), None);
    drop(peer);
    session.closed().await;
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_that_is_refused_may_be_tried_again() {
    let (session, mut server) = pair().await;
    let refusing = async {
        let (_, mut respond) = server.request().await;
        respond.send_reset(Reason::REFUSED_STREAM);
        let (_, mut respond) = server.request().await;
        respond.send_reset(Reason::HTTP_1_1_REQUIRED);
    };
    let asking = async {
        let (config, request) = (Config::default(), request());
        let error = session.open(&request, &config).await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Http2(Http2Error::Refused)) && error.is_transient());
        let error = session.open(&request, &config).await.map(drop).unwrap_err();
        assert!(matches!(error, Error::Http2(Http2Error::Reset(13))), "{error:?}");
    };
    tokio::join!(refusing, asking);
}

/// The connection lives as long as a session or a socket of it does.
#[tokio::test]
async fn the_connection_ends_with_its_last_socket() {
    let (session, mut server) = pair().await;
    let (mut ws, mut peer) = open(&session, &mut server).await;
    drop(session);
    ws.send("still here").await.unwrap();
    assert_eq!(peer.frame().await.unwrap().payload, b"still here");
    drop((ws, peer));
    server.task.await.unwrap().unwrap();
}
