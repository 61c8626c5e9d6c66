//! Upgrades that do not happen.

use std::convert::Infallible;
use std::time::Duration;

use bowstring::hyper::{Pending, Rejection, Upgrading};
use bowstring::{Config, Error};
use bowstring_testing::frames::client_frame;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::support::*;

/// A server that makes nothing of what it has accepted but the test's; it answers as `respond` says.
fn misused(
    respond: impl Fn(Response<()>) -> Option<Response<String>> + Copy + Send + 'static,
) -> (DuplexStream, mpsc::UnboundedReceiver<Pending>) {
    let (near, far) = duplex(64 << 10);
    let (sender, receiver) = mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let answer = match accept(&mut request) {
            Ok((response, pending)) => {
                sender.send(pending).expect("the test waits for it");
                respond(response)
            }
            Err(rejection) => Some(rejection.into_response()),
        };
        async move {
            match answer {
                Some(response) => Ok::<_, Infallible>(response),
                None => std::future::pending().await,
            }
        }
    });
    tokio::spawn(async move {
        let _ = configured().serve_connection_with_upgrades(TokioIo::new(far), service).await;
    });
    (near, receiver)
}

/// A service that awaits it before it has returned the answer waits for the deadline, not for ever.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_returned() {
    let (mut near, mut pending) = misused(|_| None);
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    let pending = pending.recv().await.unwrap();
    let limit = pending.config().handshake_timeout;
    let start = Instant::now();
    let error = pending.await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error:?}");
    assert_eq!(start.elapsed(), limit);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_ones_own() {
    let (mut near, mut pending) = misused(|_| None);
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    let mut pending = pending.recv().await.unwrap();
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_secs(1);
    pending.set_config(config);
    let start = Instant::now();
    assert!(matches!(pending.await, Err(Error::HandshakeTimeout(_))));
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

/// Another answer than the one that `accept` has made. hyper lets HTTP/1.1 wait for the end of the connection.
#[tokio::test(start_paused = true)]
async fn another_answer() {
    let other = |_| {
        let mut other = Response::new("changed my mind\n".to_owned());
        *other.status_mut() = StatusCode::NOT_FOUND;
        Some(other)
    };
    let (mut near, mut pending) = misused(other);
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    let error = pending.recv().await.unwrap().await.unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(_)), "{error:?}");

    let (near, mut pending) = misused(other);
    let mut client = Client::new(near).await;
    let mut stream = client.ask(connect(Some("websocket"), &[VERSION_13])).await;
    assert_eq!(stream.response.status(), 404);
    assert_eq!(stream.text().await, "changed my mind\n");
    let error = pending.recv().await.unwrap().await.unwrap_err();
    assert!(matches!(error, Error::Lost) && error.is_disconnect(), "{error:?}");
}

/// The danger of it, which `Pending` and the docs of bowstring-axum tell: if this fails, hyper has mended it, and they are to
/// be changed. A client that asks for the end of the connection gets a WebSocket after any answer, be it by the same request
/// or by the next one.
#[tokio::test]
async fn another_answer_to_a_client_that_ends_the_connection() {
    let refused = |_| {
        let mut refused = Response::new(String::new());
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        Some(refused)
    };
    let once = bowstring_testing::handshake::request("Connection: close\r\n");
    let next = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let twice = [&bowstring_testing::handshake::request("")[..], next].concat();
    for asked in [once, twice] {
        let (mut near, mut pending) = misused(refused);
        near.write_all(&[asked, client_frame(0x81, "hello")].concat()).await.unwrap();
        let mut ws = pending.recv().await.unwrap().await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
        let mut answer = [0; 13];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 401 ");
    }
    // Dropped, as it should be, it is the end.
    let (mut near, mut pending) = misused(refused);
    let asked = bowstring_testing::handshake::request("Connection: close\r\n");
    near.write_all(&[asked, client_frame(0x81, "hello")].concat()).await.unwrap();
    drop(pending.recv().await.unwrap());
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}

/// A client that sends nothing, or a part of what tells the version: see `configure`.
#[tokio::test(start_paused = true)]
async fn hyper_waits_without_end_for_the_first_bytes() {
    for (sent, ends) in [("", false), ("PRI * HT", false), ("GET / HTTP/1.1\r\n", true)] {
        let (mut near, _pending) = misused(|_| None);
        near.write_all(sent.as_bytes()).await.unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        let ended = timeout(Duration::from_secs(3600), near.read_to_end(&mut answer)).await;
        assert_eq!(ended.is_ok(), ends, "{sent:?}");
        let limit =
            if ends { Config::default().handshake_timeout } else { Duration::from_secs(3600) };
        assert_eq!(start.elapsed(), limit, "{sent:?}");
    }
}

/// The client goes before it is answered.
#[tokio::test]
async fn a_client_that_goes() {
    let (mut near, mut pending) = misused(|_| None);
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    let pending = pending.recv().await.unwrap();
    drop(near);
    let error = pending.await.unwrap_err();
    assert!(matches!(error, Error::Lost), "{error:?}");

    let (near, mut pending) = misused(|_| None);
    let mut client = Client::new(near).await;
    let request = connect(Some("websocket"), &[VERSION_13]);
    let (response, mut send) = client.requests.send_request(request, false).unwrap();
    let pending = pending.recv().await.unwrap();
    send.send_reset(h2::Reason::CANCEL);
    let error = pending.await.unwrap_err();
    assert!(matches!(error, Error::Lost), "{error:?}");
    assert!(response.await.is_err());
}

/// A connection that is served without upgrades gives nothing away.
#[tokio::test]
async fn served_without_upgrades() {
    let (mut near, far) = duplex(64 << 10);
    let service = service_fn(|mut request: Request<Incoming>| async move {
        request.extensions_mut().clear();
        let rejection = Upgrading::from_request(&mut request).unwrap_err();
        assert_eq!(rejection, Rejection::NotUpgradable);
        Ok::<_, Infallible>(rejection.into_response())
    });
    tokio::spawn(async move {
        let _ = configured().serve_connection_with_upgrades(TokioIo::new(far), service).await;
    });
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    let mut answer = [0; 13];
    near.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 500 ");
}

/// To drop it drops the connection.
#[tokio::test]
async fn dropped() {
    let (mut near, mut pending) = misused(|response| Some(response.map(|()| String::new())));
    near.write_all(&bowstring_testing::handshake::request("")).await.unwrap();
    drop(pending.recv().await.unwrap());
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
}
