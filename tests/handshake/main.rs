//! The opening handshake, in tables by section. A test named `sNN_` answers the attack of that number.
//!
//! Every head goes through [`scanned`], which feeds it whole, byte by byte and cut at every byte, and asks for one
//! outcome.

use bowstring::handshake::*;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use std::time::{Duration, Instant};

mod client_request;
mod connect;
mod extensions;
mod head;
mod origin;
mod over_http2;
mod properties;
mod redirect;
mod request;
mod response;
mod uri;

const NONCE: [u8; 16] = *b"the sample nonce";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const REQUEST: [&str; 6] = [
    "GET /chat?a=b HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
];

const RESPONSE: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

/// `lines` without those that begin with `drop`, and with `add` in the place of the first of them, or last.
fn head(lines: &[&str], drop: &str, add: &[&[u8]]) -> Vec<u8> {
    let mut all: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let at = lines.iter().position(|line| line.starts_with(drop)).filter(|_| !drop.is_empty());
    if let Some(at) = at {
        all.remove(at);
    }
    for (n, line) in add.iter().enumerate() {
        all.insert(at.unwrap_or(lines.len()) + n, line);
    }
    let mut head = all.join(&b"\r\n"[..]);
    head.extend_from_slice(b"\r\n\r\n");
    head
}

/// What a scanner makes of `bytes`, however they are cut.
fn scanned(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let limits = HeadLimits::default();
    let whole = HeadScanner::new(&limits).scan(bytes);
    let mut trickle = HeadScanner::new(&limits);
    // Miri would take hours to cut everywhere.
    for end in (0..bytes.len()).step_by(if cfg!(miri) { 29 } else { 1 }) {
        let early = trickle.scan(&bytes[..end]);
        assert!(early == Ok(None) || early == whole, "{early:?} at {end}, {whole:?} in the end");
        assert!(trickle.scanned() <= end);
        if bytes.len() < 2000 {
            let mut cut = HeadScanner::new(&limits);
            assert_eq!(cut.scan(&bytes[..end]), early);
            assert_eq!(cut.scan(bytes), whole, "cut at {end}");
        }
    }
    assert_eq!(trickle.scan(bytes), whole);
    whole.map(|head| head.map(|head| head.len()))
}

fn server(bytes: &[u8]) -> Result<Upgrade, RequestError> {
    if let Ok(Some(end)) = scanned(bytes) {
        assert_eq!(end, bytes.len(), "one head and nothing more");
    }
    let request = parse_request_head(bytes, &HeadLimits::default())?;
    check_request(&request)
}

fn client(bytes: &[u8], request: &ClientRequest) -> Result<Option<String>, ResponseError> {
    scanned(bytes)?;
    let response = parse_response_head(bytes, &HeadLimits::default())?;
    check_response(&response, request, NONCE).map(|agreed| agreed.protocol)
}

fn ask() -> ClientRequest {
    ClientRequest::new("ws://server.example.com/chat?a=b".parse().unwrap())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn drop_it<T>(_: T) {}

/// The refusal parses, has the status, closes, and its length is right.
fn refused(error: &RequestError, status: u16, has: &str) {
    let answer = write_refusal(error);
    let length = scanned(&answer[..answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4])
        .unwrap()
        .unwrap();
    let response = parse_response_head(&answer, &HeadLimits::default()).unwrap();
    assert_eq!(response.status(), status, "{error}");
    assert_eq!(body_length(&response), BodyLength::Known((answer.len() - length) as u64));
    assert!(has_token(response.headers(), http::header::CONNECTION, "close"));
    if status == 426 {
        assert!(has_token(response.headers(), http::header::CONNECTION, "upgrade"));
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["sec-websocket-version"], "13");
    }
    let shown = text(&answer);
    assert!(shown.contains(has) && shown.contains(error.section()), "{has}: {shown}");
    assert!(error.section().contains('§'));
}
