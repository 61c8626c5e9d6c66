//! What is agreed on and served, in both versions of HTTP.

use std::convert::Infallible;

use bowstring::hyper::{Rejection, Upgrading, wants_websocket};
use bowstring::net::{Transport, connect_over};
use bowstring::{Config, Message};
use bowstring_testing::frames::client_frame;
use bowstring_testing::handshake::request;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::support::*;

#[tokio::test]
async fn http_1_1() {
    let (mut ws, response) =
        connect_over(echo_pipe(), &super::support::request(), &Config::default()).await.unwrap();
    assert_eq!(response.status(), 101);
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
    ws.close(1000, "").await.unwrap();
}

#[tokio::test]
async fn http_2() {
    let mut client = Client::new(echo_pipe()).await;
    let mut stream = client.open().await;
    // RFC 9110 §9.3.6: a 2xx to CONNECT has no length.
    assert!(!stream.response.headers().contains_key("content-length"));
    assert!(!stream.response.headers().contains_key("sec-websocket-accept"));
    stream.echo("hello").await;
}

#[tokio::test]
async fn many_sockets_on_one_connection() {
    let mut client = Client::new(echo_pipe()).await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(client.open().await);
    }
    for (n, stream) in streams.iter_mut().enumerate() {
        stream.echo(&n.to_string()).await;
    }
}

/// What a service of hyper's own connection gets, without hyper-util's.
#[tokio::test]
async fn hypers_own_connections() {
    let (near, far) = duplex(64 << 10);
    let service = || {
        service_fn(|mut request: Request<Incoming>| async move {
            let answer = accept(&mut request).map(|(response, pending)| {
                tokio::spawn(async { echo(pending.await.unwrap()).await });
                response.map(|()| String::new())
            });
            Ok::<_, Infallible>(answer.unwrap_or_else(Rejection::into_response))
        })
    };
    let http1 = hyper::server::conn::http1::Builder::new();
    tokio::spawn(http1.serve_connection(TokioIo::new(far), service()).with_upgrades());
    let (mut ws, _) =
        connect_over(near, &super::support::request(), &Config::default()).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));

    let (near, far) = duplex(64 << 10);
    let executor = hyper_util::rt::TokioExecutor::new();
    let mut http2 = hyper::server::conn::http2::Builder::new(executor);
    http2.enable_connect_protocol();
    tokio::spawn(http2.serve_connection(TokioIo::new(far), service()));
    Client::new(near).await.open().await.echo("hello").await;
}

/// The TCP stream is taken out of hyper's box, and what came with the request is not lost.
#[tokio::test]
async fn tcp_is_taken_out_and_early_frames_are_kept() {
    for with_auto in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let (sender, mut transports) = mpsc::unbounded_channel();
        let handler = move |pending: bowstring::hyper::Pending| {
            let sender = sender.clone();
            async move {
                let mut ws = pending.await.unwrap();
                let early = ws.recv().await.unwrap();
                sender.send((ws.into_inner().stream, early)).unwrap();
            }
        };
        if with_auto {
            tokio::spawn(serve(far, accept, handler));
        } else {
            let service = service_fn(move |mut request: Request<Incoming>| {
                let handler = handler.clone();
                async move {
                    let (response, pending) = accept(&mut request).unwrap();
                    tokio::spawn(handler(pending));
                    Ok::<_, Infallible>(response.map(|()| String::new()))
                }
            });
            let http1 = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http1.serve_connection(TokioIo::new(far), service).with_upgrades());
        }
        // In one segment with the request.
        near.write_all(&[request(""), client_frame(0x81, "early")].concat()).await.unwrap();
        let (transport, early) = transports.recv().await.unwrap();
        assert_eq!(early, Some(Message::from("early")));
        let Transport::Tcp(tcp) = transport else { panic!("{transport:?}") };
        assert!(tcp.nodelay().unwrap());
    }
}

/// A stream of another kind stays in hyper's box.
#[tokio::test]
async fn other_streams_are_boxed() {
    let (near, mut sockets) = handed_over();
    let _near = connect_over(near, &super::support::request(), &Config::default()).await.unwrap();
    let transport = sockets.recv().await.unwrap().into_inner().stream;
    assert!(matches!(transport, Transport::Boxed(_)), "{transport:?}");
}

/// Accepts with a subprotocol and a cookie.
fn accept_chat(request: &mut Request<Incoming>) -> Answer {
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    let upgrading = Upgrading::from_request(request)?;
    assert_eq!(upgrading.protocols().collect::<Vec<_>>(), ["chat.v1", "chat.v2"]);
    let upgrading = upgrading.choose_protocol(&["chat.v3", "chat.v2", "chat.v1"]).headers(headers);
    assert_eq!(upgrading.chosen_protocol(), Some("chat.v2"));
    let (response, pending) = upgrading.accept(&Config::default())?;
    assert_eq!(pending.protocol(), Some("chat.v2"));
    Ok((response, pending))
}

fn chat_pipe() -> tokio::io::DuplexStream {
    let (near, far) = duplex(64 << 10);
    tokio::spawn(serve(far, accept_chat, |pending| async {
        let ws = pending.await.unwrap();
        assert_eq!(ws.protocol(), Some("chat.v2"));
        let _ = echo(ws).await;
    }));
    near
}

fn check_chat(headers: &HeaderMap) {
    assert_eq!(headers["sec-websocket-protocol"], "chat.v2");
    assert_eq!(headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
}

#[tokio::test]
async fn subprotocol_and_further_fields() {
    let request = super::support::request().protocol("chat.v1").protocol("chat.v2");
    let (ws, response) = connect_over(chat_pipe(), &request, &Config::default()).await.unwrap();
    assert_eq!(ws.protocol(), Some("chat.v2"));
    check_chat(response.headers());

    let mut client = Client::new(chat_pipe()).await;
    let fields = [VERSION_13, ("sec-websocket-protocol", "chat.v1, chat.v2")];
    let mut stream = client.ask(connect(Some("websocket"), &fields)).await;
    assert_eq!(stream.response.status(), 200);
    check_chat(stream.response.headers());
    stream.echo("hello").await;
}

/// Without a choice the answer names no subprotocol, although some are offered.
#[tokio::test]
async fn no_subprotocol() {
    let mut client = Client::new(echo_pipe()).await;
    let fields = [VERSION_13, ("sec-websocket-protocol", "chat")];
    let mut stream = client.ask(connect(Some("websocket"), &fields)).await;
    assert!(!stream.response.headers().contains_key("sec-websocket-protocol"));
    stream.echo("hello").await;
}

/// Compression is agreed on as the configuration says, and is used.
#[tokio::test]
async fn deflate_in_both_versions() {
    let text = "a message that can be compressed ".repeat(20);
    let (mut ws, response) =
        connect_over(echo_pipe(), &super::support::request(), &Config::default()).await.unwrap();
    assert!(response.headers().contains_key("sec-websocket-extensions"));
    ws.send(text.as_str()).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from(text.as_str())));

    let mut client = Client::new(echo_pipe()).await;
    let offer = ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
    let mut stream = client.ask(connect(Some("websocket"), &[VERSION_13, offer])).await;
    let answer = &stream.response.headers()["sec-websocket-extensions"];
    assert!(answer.to_str().unwrap().starts_with("permessage-deflate"), "{answer:?}");
    stream.send(client_frame(0x81, &text));
    let frame = stream.frame().await.unwrap();
    // RSV1, and much shorter (RFC 7692 §7.2.1).
    assert_eq!(frame.first(), 0xC1);
    assert!(frame.payload.len() < text.len() / 4, "{}", frame.payload.len());

    // Not offered: not used.
    let mut stream = client.open().await;
    assert!(!stream.response.headers().contains_key("sec-websocket-extensions"));
    stream.echo(&text).await;
}

/// A service may have pages as well; the parts of a request do as well as the whole.
#[tokio::test]
async fn pages_beside_sockets() {
    let (near, far) = duplex(64 << 10);
    let service = service_fn(|request: Request<Incoming>| async move {
        let wants = wants_websocket(&request);
        let (mut parts, _) = request.into_parts();
        if !wants {
            let mut page = Response::new(format!("{} {}\n", parts.method, parts.uri.path()));
            *page.status_mut() = StatusCode::ACCEPTED;
            return Ok::<_, Infallible>(page);
        }
        let upgrading = Upgrading::from_parts(&mut parts).unwrap();
        // What is not the upgrade's stays in the request.
        assert_eq!(parts.headers["sec-websocket-version"], "13");
        assert_eq!(parts.uri.path(), "/chat");
        let (response, pending) = upgrading.accept(&Config::default()).unwrap();
        tokio::spawn(async { echo(pending.await.unwrap()).await });
        Ok(response.map(|()| String::new()))
    });
    tokio::spawn(async move {
        configured().serve_connection_with_upgrades(TokioIo::new(far), service).await
    });
    let mut client = Client::new(near).await;
    let get = Request::get("http://example.com/page").body(()).unwrap();
    let (response, _) = client.requests.send_request(get, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 202);
    client.open().await.echo("hello").await;
    // A tunnel of the usual kind is none (RFC 9110 §9.3.6).
    let tunnel = connect_to("example.com:443", None, &[]);
    assert_eq!(client.ask(tunnel).await.response.status(), 202);

    // Over HTTP/1.1.
    let (mut near, far) = duplex(64 << 10);
    tokio::spawn(async move {
        configured().serve_connection_with_upgrades(TokioIo::new(far), service).await
    });
    near.write_all(b"GET /page HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nGET /page\n"), "{answer}");
}
