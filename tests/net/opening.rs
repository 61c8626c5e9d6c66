//! The opening handshake over a transport, both ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bowstring::handshake::{
    ClientRequest, HeadError, HeadLimits, RequestError, ResponseError, accept_key,
    parse_request_head,
};
use bowstring::net::{Incoming, OpeningStep, Transport, connect_over, connect_with};
use bowstring::proto::{CloseFrame, Expired, Violation};
use bowstring::{Config, Error, Message, WebSocket, accept, connect};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncRead, ReadBuf, join, sink};
use tokio::net::TcpListener;

use crate::support::*;

pub const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n";

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub fn request() -> ClientRequest {
    ClientRequest::new("ws://example.com/chat".parse().unwrap()).protocol("chat")
}

/// The 101 to whatever the client has asked, with these lines in it.
fn answer(asked: &[u8], lines: &str) -> Vec<u8> {
    let request = parse_request_head(asked, &HeadLimits::default()).unwrap();
    let key = accept_key(request.headers()["sec-websocket-key"].as_bytes());
    let key = String::from_utf8(key.to_vec()).unwrap();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// A client whose server answers with what `reply` makes of the request.
async fn connected(
    request: &ClientRequest,
    cut: Cut,
    reply: impl FnOnce(&Peer, Vec<u8>),
) -> (Result<(WebSocket<Scripted>, Response<()>), Error>, Peer) {
    let (stream, peer) = scripted();
    peer.state().reads = cut;
    let config = Config::default();
    let mut opening = Box::pin(in_time(connect_over(stream, request, &config)));
    assert!(poll(opening.as_mut()).is_pending());
    reply(&peer, peer.taken());
    let opened = opening.await;
    (opened, peer)
}

async fn accepted(cut: Cut, bytes: &[u8]) -> (Result<WebSocket<Scripted>, Error>, Peer) {
    let (stream, peer) = scripted();
    peer.state().reads = cut;
    peer.state().polite = Some(false);
    peer.send(bytes);
    (in_time(accept(stream)).await, peer)
}

#[tokio::test(start_paused = true)]
async fn s27_frames_glued_to_the_request() {
    let early = [said(TEXT, "one"), said(PING, "p"), said(TEXT, "two")].concat();
    let bytes = [REQUEST.as_bytes(), &early].concat();
    for cut in (1..60).chain([bytes.len() - 1, usize::MAX]) {
        let (ws, peer) = accepted(Cut::Each(cut), &bytes).await;
        let mut ws = ws.unwrap();
        let head = String::from_utf8(peer.taken()).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 ") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(head.contains(ACCEPT) && !head.contains("Protocol:"), "{head}");
        assert_eq!(ws.protocol(), None);
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(Message::text("one")));
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(Message::text("two")));
    }
}

#[tokio::test(start_paused = true)]
async fn s27_frames_glued_to_the_101() {
    for cut in (1..60).chain([usize::MAX]) {
        let (opened, _) = connected(&request(), Cut::Each(cut), |peer, asked| {
            let answer = answer(&asked, "Sec-WebSocket-Protocol: chat\r\nX-A: b\r\n");
            peer.send([answer, told(TEXT, "one"), told(TEXT, "two")].concat());
        })
        .await;
        let (mut ws, response) = opened.unwrap();
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(ws.protocol(), Some("chat"));
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(Message::text("one")));
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(Message::text("two")));
    }
}

/// RFC 9110 §15.2: answers of the 100 class may go before the one that counts.
#[tokio::test(start_paused = true)]
async fn interim_answers_are_passed_over() {
    for cut in [1, 7, usize::MAX] {
        let (opened, _) = connected(&request(), Cut::Each(cut), |peer, asked| {
            let interim =
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
            let answer = answer(&asked, "Sec-WebSocket-Protocol: chat\r\n");
            peer.send([interim.into(), answer, told(TEXT, "one")].concat());
        })
        .await;
        let (mut ws, response) = opened.unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(in_time(ws.recv()).await.unwrap(), Some(Message::text("one")));
    }
}

/// A mebibyte in the same segment, as one message and as many.
#[tokio::test(start_paused = true)]
async fn s27_a_mebibyte_glued_to_the_handshake() {
    let data = Random::new(1).bytes(1 << 20);
    for size in [1 << 20, 1000] {
        for cut in [Cut::Whole, Cut::Drawn(Random::new(2), 70_000)] {
            let frames = |masked: bool| -> Vec<u8> {
                data.chunks(size).flat_map(|piece| frame(masked, true, BINARY, piece)).collect()
            };
            let bytes = [REQUEST.as_bytes(), &frames(true)].concat();
            let mut server = accepted(cut.clone(), &bytes).await.0.unwrap();
            let (opened, _) = connected(&request(), cut, |peer, asked| {
                peer.send([answer(&asked, ""), frames(false)].concat());
            })
            .await;
            let (mut client, _) = opened.unwrap();
            for piece in data.chunks(size) {
                assert!(in_time(server.recv()).await.unwrap().unwrap().as_bytes() == piece);
                assert!(in_time(client.recv()).await.unwrap().unwrap().as_bytes() == piece);
            }
        }
    }
    // The limits hold for them, too.
    let mut bytes = REQUEST.as_bytes().to_vec();
    bytes.extend([0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0, 0, 0, 1, 2, 3, 4]);
    let (ws, peer) = accepted(Cut::Whole, &bytes).await;
    assert!(matches!(in_time(ws.unwrap().recv()).await, Err(Error::Violation(_))));
    assert!(peer.is_shut());
}

#[tokio::test(start_paused = true)]
async fn s28_the_transport_ends_at_every_byte_of_the_handshake() {
    for reset in [false, true] {
        for cut in 0..REQUEST.len() {
            let (stream, peer) = scripted();
            peer.send(&REQUEST[..cut]);
            if reset {
                peer.reset()
            } else {
                peer.end()
            }
            let error = in_time(accept(stream)).await.unwrap_err();
            assert!(matches!(error, Error::Io(_)), "{cut}: {error}");
            assert!(peer.is_alone() && peer.taken().is_empty());
        }
        for cut in 0..120 {
            let (opened, peer) = connected(&request(), Cut::Whole, |peer, asked| {
                peer.send(&answer(&asked, "")[..cut]);
                if reset { peer.reset() } else { peer.end() }
            })
            .await;
            let error = opened.unwrap_err();
            assert!(matches!(error, Error::Opening(OpeningStep::Handshake, _)), "{cut}: {error}");
            assert!(peer.is_alone());
        }
    }
    // And every operation failing, in both ends.
    for n in 1.. {
        let (stream, peer) = scripted();
        peer.state().writes = Cut::Each(30);
        peer.state().reads = Cut::Each(30);
        peer.state().fail = Some((n, std::io::ErrorKind::ConnectionReset));
        peer.send(REQUEST);
        let accepted = in_time(accept(stream)).await;
        if !peer.log().contains(&Op::Fail) {
            accepted.unwrap();
            break;
        }
        assert!(matches!(accepted, Err(Error::Io(_))), "{n}");
    }
}

#[tokio::test(start_paused = true)]
async fn s26_refusals_have_their_status_and_end_politely() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 405),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", 505),
        ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
        ("nonsense\r\n\r\n", 400),
        ("\u{80}\u{ff}\0\r\n\r\n", 400),
    ];
    let with = |from: &str, to: &str| REQUEST.replace(from, to);
    let long = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(130));
    let body = with("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\nsmuggled!");
    let mut cases: Vec<_> = cases.into_iter().map(|(head, s)| (head.to_owned(), s)).collect();
    cases.extend([
        (with("Version: 13", "Version: 8"), 426),
        (with("Connection: Upgrade", "Connection: close"), 400),
        (with("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400),
        (body, 400),
        (with("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        (long, 431),
        (many, 431),
    ]);
    for (head, status) in cases {
        for cut in [Cut::Whole, Cut::Drawn(Random::new(9), 30)] {
            let behind = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
            let bytes = [head.as_bytes(), behind.as_bytes()].concat();
            let (refused, peer) = accepted(cut, &bytes).await;
            let error = refused.unwrap_err();
            let Error::Request(error) = error else { panic!("{head}: {error}") };
            assert_eq!(error.status(), status, "{head}");
            let answer = String::from_utf8(peer.taken()).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(answer.contains("Connection: close"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "one answer: {answer}");
            assert_eq!(answer.ends_with("\r\n\r\n"), head.starts_with("HEAD"), "{answer}");
            let log = peer.log();
            assert!(peer.is_shut() && log.contains(&Op::End), "{head}: read to the end");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_that_keeps_sending_is_left_after_a_while() {
    let (stream, peer) = scripted();
    peer.send("nonsense\r\n\r\n");
    let mut accepting = Box::pin(in_time(accept(stream)));
    peer.flood(vec![b'x'; 10_000]);
    assert!(accepting.as_mut().await.is_err());
    assert!(peer.state().flooded < 2 << 20);
}

#[tokio::test(start_paused = true)]
async fn the_application_looks_at_the_request_and_chooses() {
    let (stream, peer) = scripted();
    peer.send(REQUEST);
    let incoming = in_time(Incoming::read(stream, &Config::default())).await.unwrap();
    assert_eq!(incoming.request().uri().path(), "/chat");
    assert!(incoming.wants_upgrade());
    assert_eq!(incoming.protocols().collect::<Vec<_>>(), ["chat", "superchat"]);
    assert_eq!(incoming.choose_protocol(&["x", "superchat", "chat"]).as_deref(), Some("superchat"));
    assert_eq!(incoming.choose_protocol(&["x"]), None);
    let _: &Scripted = incoming.get_ref();
    let mut headers = HeaderMap::new();
    headers.insert("set-cookie", HeaderValue::from_static("a=b"));
    let ws = incoming.accept_with(Some("superchat"), &headers).await.unwrap();
    assert_eq!(ws.protocol(), Some("superchat"));
    let answer = String::from_utf8(peer.taken()).unwrap();
    assert!(answer.contains("Sec-WebSocket-Protocol: superchat\r\n"), "{answer}");
    assert!(answer.contains("set-cookie: a=b\r\n"), "{answer}");

    // What must not be answered is not.
    let mut owned = HeaderMap::new();
    owned.insert("sec-websocket-accept", HeaderValue::from_static("x"));
    for (protocol, headers) in [(Some("other"), HeaderMap::new()), (None, owned)] {
        let (stream, peer) = scripted();
        peer.send(REQUEST);
        let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
        let error = incoming.accept_with(protocol, &headers).await.unwrap_err();
        assert!(matches!(error, Error::Build(_)), "{error}");
        assert_eq!(peer.taken(), b"");
    }
}

#[tokio::test(start_paused = true)]
async fn an_acceptance_is_checked_first_and_sent_later() {
    let (stream, peer) = scripted();
    peer.send(REQUEST);
    let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
    let error = incoming.check(Some("other"), &HeaderMap::new()).unwrap_err();
    assert!(matches!(error, Error::Build(_)), "{error}");
    let acceptance = incoming.check(Some("chat"), &HeaderMap::new()).unwrap();
    assert_eq!(peer.taken(), b"");
    let ws = incoming.accept_checked(acceptance).await.unwrap();
    assert_eq!(ws.protocol(), Some("chat"));
    let answer = String::from_utf8(peer.taken()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains(&format!("Sec-WebSocket-Accept: {ACCEPT}\r\n")), "{answer}");

    // A request that is no opening handshake cannot be accepted, and is not answered by asking.
    let (stream, peer) = scripted();
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
    let error = incoming.check(None, &HeaderMap::new()).unwrap_err();
    assert!(matches!(error, Error::Request(RequestError::NotAnUpgrade)), "{error}");
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn anything_else_can_be_answered() {
    for method in ["GET", "HEAD"] {
        let (stream, peer) = scripted();
        peer.state().polite = Some(false);
        peer.send(format!("{method} /health HTTP/1.1\r\nHost: a\r\n\r\n"));
        let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
        assert!(!incoming.wants_upgrade());
        assert_eq!(incoming.protocols().count(), 0);
        in_time(incoming.respond(Response::new("fine"))).await.unwrap();
        let answer = String::from_utf8(peer.taken()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Content-Length: 4\r\n"), "{answer}");
        assert_eq!(answer.ends_with("\r\n\r\nfine"), method == "GET", "{answer}");
        assert!(peer.is_shut() && peer.is_alone());
    }
    let (stream, peer) = scripted();
    peer.send(REQUEST);
    let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
    let mut response = Response::new("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    assert!(matches!(incoming.respond(response).await, Err(Error::Build(_))));
    assert_eq!(peer.taken(), b"");
}

#[tokio::test(start_paused = true)]
async fn s25_a_status_comes_with_its_body_in_any_framing() {
    let chunked =
        "Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5;x=y\r\n here\r\n0\r\nT: u\r\n\r\nx";
    let cases = [
        (404, "Content-Length: 8\r\n\r\nnot here and more".to_owned(), "not here".to_owned()),
        (404, "\r\nnot here".to_owned(), "not here".to_owned()),
        (404, chunked.to_owned(), "not here".to_owned()),
        (404, "Transfer-Encoding: chunked\r\n\r\n3\r\nnotX".to_owned(), "not".to_owned()),
        (304, "Content-Length: 8\r\n\r\nnot here".to_owned(), String::new()),
        (204, "\r\nnot here".to_owned(), String::new()),
        (401, "Content-Length: 0\r\n\r\n".to_owned(), String::new()),
        (301, "Location: ws://elsewhere/\r\nContent-Length: 1\r\n\r\nx".to_owned(), "x".to_owned()),
        (200, "Content-Length: 5\r\n\r\nab".to_owned(), "ab".to_owned()),
        (500, format!("\r\n{}", "x".repeat(1 << 20)), "x".repeat(16 << 10)),
        (
            500,
            format!("Content-Length: 9999999999999999999999\r\n\r\n{}", "x".repeat(1 << 20)),
            "x".repeat(16 << 10),
        ),
    ];
    for (status, rest, body) in cases {
        for cut in [Cut::Whole, Cut::Drawn(Random::new(1), 50)] {
            let (opened, peer) = connected(&request(), cut, |peer, _| {
                peer.send(format!("HTTP/1.1 {status} Whatever\r\n{rest}"));
                peer.end();
            })
            .await;
            let error = opened.unwrap_err();
            let Error::Status(response) = error else { panic!("{rest:.60}: {error}") };
            assert_eq!(response.status(), status);
            assert!(response.body() == body.as_bytes(), "{rest:.60}: {:?}", response.body().len());
            assert_eq!(response.headers().contains_key("location"), status == 301, "not followed");
            assert!(peer.is_alone() && peer.taken().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s25_an_answer_that_is_none_fails_the_client_before_any_frame() {
    let replace = |from: &'static str, to: &'static str| {
        move |peer: &Peer, asked: Vec<u8>| {
            let answer = String::from_utf8(answer(&asked, "")).unwrap().replacen(from, to, 1);
            peer.send([answer.as_bytes(), &told(TEXT, "early")].concat());
        }
    };
    for (from, to) in [
        ("Accept: ", "Accept: x"),
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade", "Connection: keep-alive"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: other\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-zstd\r\n\r\n"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; fast\r\n\r\n"),
        ("HTTP/1.1 101", "\u{7f}"),
    ] {
        let (opened, peer) = connected(&request(), Cut::Whole, replace(from, to)).await;
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Response(_)), "{to}: {error}");
        assert!(peer.taken().is_empty() && peer.is_alone());
    }
    // S21: an answer without an end.
    let (opened, _) = connected(&request(), Cut::Whole, |peer, _| {
        peer.send("HTTP/1.1 101 Switching Protocols\r\n");
        peer.flood("X: y\r\n");
    })
    .await;
    assert!(matches!(opened.unwrap_err(), Error::Response(ResponseError::Head(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_legal_is_not_sent() {
    let (stream, peer) = scripted();
    let bad = request().header("X", "a\r\nb");
    let error = connect_over(stream, &bad, &Config::default()).await.unwrap_err();
    assert!(matches!(error, Error::Build(_)), "{error}");
    assert_eq!(peer.taken(), b"");
    assert!(matches!(connect("http://example.com/").await, Err(Error::Uri(_))));
    #[cfg(not(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots")))]
    assert!(matches!(connect("wss://example.com/").await, Err(Error::NeedsTls)));
}

#[tokio::test]
async fn over_tcp_without_nagle() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let request = ClientRequest::new(format!("ws://{address}/").parse().unwrap());
    let config = Config::default();
    let (client, server) = tokio::join!(connect_with(&request, &config), async {
        let (stream, _) = listener.accept().await.unwrap();
        assert!(!stream.nodelay().unwrap());
        accept(stream).await
    });
    let ((mut client, _), mut server) = (client.unwrap(), server.unwrap());
    let Transport::Tcp(stream) = client.get_ref() else { panic!("{client:?}") };
    assert!(stream.nodelay().unwrap() && server.get_ref().nodelay().unwrap());
    client.send("over TCP").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text("over TCP")));
    let (closed, ended) = tokio::join!(client.close(1000, ""), async {
        assert!(server.recv().await.unwrap().unwrap().is_close());
        server.recv().await
    });
    closed.unwrap();
    assert_eq!(ended.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn request_errors_name_what_was_wrong() {
    let (refused, _) = accepted(Cut::Whole, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(matches!(refused, Err(Error::Request(RequestError::NotAnUpgrade))));
}

/// §7.2.3: who comes back, and who need not try.
#[test]
fn what_may_go_well_at_another_time() {
    let status = |code: u16| {
        let mut response = Response::new(bytes::Bytes::new());
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        Error::Status(Box::new(response))
    };
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let closed = |code: u16| Error::Closed(CloseFrame { code: code.into(), reason: "".into() });
    let slow = Error::HandshakeTimeout(OpeningStep::Tls);
    let passing = [Error::Lost, slow, lost.into(), Expired::Pong.into()];
    let codes = [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530, 598];
    // The peer was closing the connection, with a code that nobody may send.
    let illegal = [0, 1005, 1006, 1015, 5000].map(|code| Violation::InvalidCloseCode(code).into());
    for error in passing
        .into_iter()
        .chain(codes.map(status))
        .chain(illegal)
        .chain([1001, 1006, 1011, 1012].map(closed))
    {
        assert!(error.is_transient(), "{error}");
    }
    let lasting = [closed(1000), Error::NeedsTls, RequestError::NotAnUpgrade.into()];
    for error in lasting.into_iter().chain([301, 401, 404, 501, 505, 525, 526, 599].map(status)) {
        assert!(!error.is_transient(), "{error}");
    }
    assert!(Error::NeedsTls.to_string().contains("rustls-tls-native-roots"));
}

/// A mistyped host is not worth another try; a resolver that is away is.
#[tokio::test]
async fn a_host_that_does_not_exist_is_typed_and_not_transient() {
    // No resolver is needed to know that: a label has at most 63 bytes (RFC 1035 §2.3.4).
    let host = format!("{}.example", "a".repeat(64));
    let error = connect(&format!("ws://{host}:9/")).await.unwrap_err();
    assert!(matches!(&error, Error::NoSuchHost(name) if **name == *host), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(error.to_string(), format!("there is no host named {host}"));
    assert_eq!(error.close_code(), None);
}

/// Names of this machine are found, and so are addresses; nobody listens is worth another try.
#[tokio::test]
async fn names_and_addresses_are_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut ws = accept(stream).await.unwrap();
            while ws.recv().await.unwrap().is_some() {}
        }
    });
    for host in ["localhost", "127.0.0.1"] {
        let (mut ws, _) = connect(&format!("ws://{host}:{port}/")).await.unwrap();
        ws.close(1000, "").await.unwrap();
    }
    serving.await.unwrap();
    let error = connect(&format!("ws://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(&error, Error::Connect(tried) if tried.is_refused()), "{error:?}");
    assert!(error.is_transient());
}

/// A transport that has always more to read: this once, and that for ever. It does not take part in
/// tokio's budgets, so a deadline alone would not end who reads it.
struct Endless {
    once: &'static [u8],
    again: &'static [u8],
    read: usize,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let from = if self.read == 0 { self.once } else { self.again };
        let before = buf.filled().len();
        while buf.remaining() >= from.len() {
            buf.put_slice(from);
            if self.read == 0 {
                break;
            }
        }
        self.read += buf.filled().len() - before;
        assert!(self.read < 256 << 10, "it is given up before");
        Poll::Ready(Ok(()))
    }
}

/// What comes before an answer, or after its body, is bounded in bytes, as heads and bodies are.
#[tokio::test(start_paused = true)]
async fn s21_s25_an_answer_that_never_comes_to_its_end_is_given_up() {
    for hints in
        [&b"HTTP/1.1 103 Early Hints\r\n\r\n"[..], b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"]
    {
        let stream = join(Endless { once: hints, again: hints, read: 0 }, sink());
        let opened = connect_over(stream, &request(), &Config::default()).await.map(drop);
        let expected = ResponseError::Head(HeadError::TooLarge(16 << 10));
        assert!(matches!(&opened, Err(Error::Response(error)) if *error == expected), "{opened:?}");
    }
    let once = b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno!\r\n0\r\n";
    let stream = join(Endless { once, again: b"Trailer: field\r\n", read: 0 }, sink());
    let Err(Error::Status(refusal)) = connect_over(stream, &request(), &Config::default()).await
    else {
        panic!()
    };
    assert_eq!((refusal.status(), &**refusal.body()), (StatusCode::FORBIDDEN, &b"no!"[..]));
}
