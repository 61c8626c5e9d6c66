//! WebSockets of bowstring in actix-web 4, over HTTP/1.1.

use std::fmt;
use std::future::{Future, ready};

use actix_web::error::{ErrorInternalServerError, InternalError};
use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bowstring::WebSocket;
use bowstring::handshake::{Agreed, accept_response, check_request, refusal};
use bowstring::http;
use bowstring::net::Transport;
use bowstring::proto::Role;
use bowstring::server::{AdmitError, HandlerOutcome, Peer, ServerConnection, ServerHandle};
use futures_util::StreamExt;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex, split};
use tokio_util::io::ReaderStream;

/// Answers a request, and runs a handler on its WebSocket with the server's limits, deadlines and drain.
pub fn upgrade<H, F>(
    request: &HttpRequest,
    payload: web::Payload,
    server: &ServerHandle,
    handler: H,
) -> Result<HttpResponse, Error>
where
    H: FnOnce(ServerConnection) -> F + Send + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let head = head(request);
    let wanted = check_request(&head);
    let wanted = wanted.map_err(|error| refuse(refusal(&error, head.version()), error))?;
    let told = |error: AdmitError| refuse(error.into(), error);
    let peer = request.peer_addr().map_or(Peer::Unix, Peer::Tcp);
    let permit = server.admit(peer).map_err(told)?.path(request.path());
    let tls = request.app_config().secure();
    let permit = permit.check_origin(&head, tls).map_err(told)?;

    let mut agreed = Agreed::default();
    let (deflate, extension) = permit.config().answer_deflate(wanted.extensions()).unzip();
    agreed.deflate = deflate;
    let accepted = accept_response(&wanted, None, extension.as_ref(), &http::HeaderMap::new());
    let accepted = accepted.map_err(ErrorInternalServerError)?;

    let (pipe, body) = bridge(payload);
    let stream = Transport::from(pipe);
    let ws = WebSocket::from_agreed(stream, Role::Server, [], agreed, permit.config());
    permit.adopt(ready(Ok(ws)), handler);
    Ok(answer(&accepted).upgrade("websocket").streaming(body))
}

/// actix gives what the peer sends as a stream, and takes what it gets as another. Neither may move to another
/// thread, so a pipe carries the bytes. It holds 64 KiB in each direction.
fn bridge(mut payload: web::Payload) -> (DuplexStream, ReaderStream<impl tokio::io::AsyncRead>) {
    let (near, far) = duplex(64 << 10);
    let (reading, mut writing) = split(far);
    actix_web::rt::spawn(async move {
        while let Some(Ok(bytes)) = payload.next().await {
            if writing.write_all(&bytes).await.is_err() {
                return;
            }
        }
        // The peer sends no more.
        let _ = writing.shutdown().await;
    });
    (near, ReaderStream::new(reading))
}

/// actix-web 4 has the types of http 0.2, and bowstring those of http 1.
fn head(request: &HttpRequest) -> http::Request<()> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().as_str().parse().unwrap_or_default();
    *head.uri_mut() = request.uri().to_string().parse().unwrap_or_default();
    *head.version_mut() = match request.version() {
        actix_web::http::Version::HTTP_11 => http::Version::HTTP_11,
        actix_web::http::Version::HTTP_2 => http::Version::HTTP_2,
        _ => http::Version::HTTP_10,
    };
    for (name, value) in request.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            head.headers_mut().append(name, value);
        }
    }
    head
}

fn refuse(
    response: http::Response<String>,
    error: impl fmt::Debug + fmt::Display + 'static,
) -> Error {
    let answer = answer(&response).body(response.into_body());
    InternalError::from_response(error, answer).into()
}

fn answer<B>(response: &http::Response<B>) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(response.status().as_u16());
    let mut answer = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    for (name, value) in response.headers() {
        answer.append_header((name.as_str(), value.as_bytes()));
    }
    answer
}
