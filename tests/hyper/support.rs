//! A server on bare hyper, and its clients.

use std::convert::Infallible;
use std::future::Future;

use bowstring::hyper::{Pending, Rejection, Upgrading};
use bowstring::net::Transport;
use bowstring::{Config, Error, WebSocket};
use bytes::Bytes;
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

/// What a request becomes.
pub(super) type Answer = Result<(Response<()>, Pending), Rejection>;

/// Makes a WebSocket of any request, with the defaults.
pub(super) fn accept(request: &mut Request<Incoming>) -> Answer {
    Upgrading::from_request(request)?.accept(&Config::default())
}

/// Echoes until the peer has closed.
pub(super) async fn echo(mut ws: WebSocket<Transport>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// Serves one connection of HTTP/1.1 or HTTP/2: what `answer` accepts is given to `handler`.
pub(super) async fn serve<A, H, F>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    answer: A,
    handler: H,
) where
    A: Fn(&mut Request<Incoming>) -> Answer + Copy + Send + 'static,
    H: Fn(Pending) -> F + Copy + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let service = service_fn(move |mut request| async move {
        let answer = answer(&mut request).map(|(response, pending)| {
            tokio::spawn(handler(pending));
            response.map(|()| String::new())
        });
        Ok::<_, Infallible>(answer.unwrap_or_else(Rejection::into_response))
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    // How it ends is for the tests to see at the other end.
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

/// An echo server over a pipe in memory, and the pipe's other end.
pub(super) fn echo_pipe() -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    tokio::spawn(serve(far, accept, |pending| async {
        let _ = echo(pending.await.expect("hyper has sent the answer")).await;
    }));
    near
}

/// A client of HTTP/2 whose connection is driven by a task.
pub(super) async fn h2_client(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> h2::client::SendRequest<Bytes> {
    let (client, mut connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    // The server's SETTINGS say that it knows extended CONNECT (RFC 8441 §3).
    let mut ping_pong = connection.ping_pong().expect("nobody else has it");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    ping_pong.ping(h2::Ping::opaque()).await.expect("the server lives");
    assert!(client.is_extended_connect_protocol_enabled());
    client
}

/// An extended CONNECT with these further fields.
pub(super) fn connect(protocol: Option<&'static str>, fields: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri("http://example.com/chat");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).expect("a legal request");
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol));
    }
    request
}
