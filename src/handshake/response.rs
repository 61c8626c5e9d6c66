//! The server's answer: written by [`write_accept`], [`write_response`] and [`write_refusal`] (§4.2.2), checked
//! by [`check_response`] (§4.1, the second list).
//!
//! Only a 101 leaves the connection open. Every other answer says how long its body is and closes the connection
//! (RFC 9112 §9.6). So bytes that a client has sent early are never read as a second request. No `Date` is
//! written, because there is no clock here.

use super::answer::refusal;
use super::client_request::ClientRequest;
use super::deflate::{DeflateParams, check_deflate, is_deflate};
use super::error::{BuildError, RequestError, ResponseError};
use super::extensions::{Extension, parse_extensions};
use super::headers::{has_token, is_owned, is_token, list, single, write_field};
use super::key::{accept_key, encode_nonce};
use super::request::Upgrade;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};

/// What client and server agreed on in the opening handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The subprotocol (§1.9).
    pub protocol: Option<String>,
    /// permessage-deflate and its parameters (RFC 7692).
    pub deflate: Option<DeflateParams>,
}

/// The 101 that accepts a request (§4.2.2 item 5), with the subprotocol, the extension, and further header
/// fields, such as cookies.
///
/// [`answer_deflate`](super::answer_deflate) makes the extension.
///
/// ```
/// use bowstring::handshake::{check_request, write_accept};
///
/// // The request of §1.3.
/// let request = http::Request::get("/chat")
///     .header("Host", "server.example.com")
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Sec-WebSocket-Protocol", "chat, superchat")
///     .header("Sec-WebSocket-Version", "13")
///     .body(())?;
/// let upgrade = check_request(&request)?;
/// let answer = write_accept(&upgrade, Some("chat"), None, &http::HeaderMap::new())?;
/// let answer = String::from_utf8(answer)?;
/// assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - `protocol` was not offered (§4.2.2 item 4).
/// - `extra` has `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` or `Sec-WebSocket-*`.
/// - The request is an extended CONNECT.
pub fn write_accept(
    upgrade: &Upgrade,
    protocol: Option<&str>,
    extension: Option<&Extension>,
    extra: &HeaderMap,
) -> Result<Vec<u8>, BuildError> {
    if let Some(name) = extra.keys().find(|name| is_owned(name.as_ref())) {
        return Err(BuildError::OwnedHeader(name.to_string()));
    }
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    write_field(&mut out, b"Upgrade", b"websocket");
    write_field(&mut out, b"Connection", b"Upgrade");
    write_field(&mut out, b"Sec-WebSocket-Accept", upgrade.accept().ok_or(BuildError::NotHttp1)?);
    if let Some(name) = protocol {
        // What was offered is a token, so what is written here is one too.
        if !upgrade.protocols().contains(name) {
            return Err(BuildError::UnofferedProtocol(name.to_owned()));
        }
        write_field(&mut out, b"Sec-WebSocket-Protocol", name.as_bytes());
    }
    if let Some(extension) = extension {
        write_field(&mut out, b"Sec-WebSocket-Extensions", extension.to_string().as_bytes());
    }
    write_fields(&mut out, extra.iter());
    out.extend_from_slice(b"\r\n");
    Ok(out)
}

/// Any other answer than 101: a redirect, a challenge, a page (§4.2.2 items 2–4).
///
/// `Content-Length`, `Transfer-Encoding` and `Connection` of the response are replaced. `Connection` is `close`, and
/// with an `Upgrade` field also `Upgrade` (RFC 9110 §7.8). The version is HTTP/1.1. For a request by HEAD, give
/// an empty body (RFC 9110 §9.3.2).
///
/// ```
/// use bowstring::handshake::write_response;
///
/// let page = http::Response::builder().status(404).body("no such room\n")?;
/// let answer = write_response(&page)?;
/// assert!(answer.starts_with(b"HTTP/1.1 404 "));
/// assert!(answer.ends_with(b"\r\n\r\nno such room\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - The status is not in 200–599.
/// - The status is 204, 205 or 304, and the body is not empty (RFC 9110 §15).
pub fn write_response(response: &Response<impl AsRef<[u8]>>) -> Result<Vec<u8>, BuildError> {
    let mut out = write_response_head(response)?;
    out.extend_from_slice(response.body().as_ref());
    Ok(out)
}

/// The head of such an answer alone, for a body that is written from where it is, or an answer to HEAD.
///
/// # Errors
///
/// As for [`write_response`].
pub fn write_response_head(response: &Response<impl AsRef<[u8]>>) -> Result<Vec<u8>, BuildError> {
    let status = response.status();
    let body = response.body().as_ref();
    if !(200..=599).contains(&status.as_u16()) {
        return Err(BuildError::Status(status));
    }
    let bodyless = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    if bodyless.contains(&status) && !body.is_empty() {
        return Err(BuildError::Body(status));
    }
    Ok(format_head(status, response.headers(), body.len()))
}

/// The answer to a request that [`check_request`](super::check_request) refuses: its status, the headers that go
/// with it, and a line of text that says what was wrong.
///
/// 405 has `Allow`, and 426 has `Upgrade` and `Sec-WebSocket-Version` (§4.4, RFC 9110 §15.5.22). A request
/// whose `Sec-WebSocket-Version` is missing or malformed gets 400 and that field as well.
///
/// ```
/// use bowstring::handshake::{check_request, write_refusal};
///
/// let plain = http::Request::get("/").header("Host", "example.com").body(())?;
/// let error = check_request(&plain).unwrap_err();
/// assert!(write_refusal(&error).starts_with(b"HTTP/1.1 426 "));
/// # Ok::<(), http::Error>(())
/// ```
pub fn write_refusal(error: &RequestError) -> Vec<u8> {
    let answer = refusal(error, Version::HTTP_11);
    format_response(answer.status(), answer.headers(), answer.body().as_bytes())
}

/// Checks the answer to `request`, which was written with `nonce` (§4.1). Returns what is agreed on.
///
/// ```
/// use bowstring::handshake::{
///     ClientRequest, HeadLimits, ResponseError, check_response, parse_response_head,
/// };
///
/// let (request, nonce) = (ClientRequest::new("ws://example.com/".parse()?), [7; 16]);
/// let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
/// let answer = parse_response_head(answer, &HeadLimits::default())?;
/// assert!(matches!(check_response(&answer, &request, nonce), Err(ResponseError::Status(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ResponseError::Status`] if the status is not 101. Then [`body_length`](super::body_length) says how to read
/// the body. Otherwise the first fault: end the connection before you read or send a frame.
pub fn check_response(
    response: &Response<()>,
    request: &ClientRequest,
    nonce: [u8; 16],
) -> Result<Agreed, ResponseError> {
    let headers = response.headers();
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ResponseError::Status(response.status()));
    }
    // HTTP/1.0 knows neither 101 nor Upgrade, so such an answer is some cache's (§4.2.2 item 5).
    if response.version() != Version::HTTP_11 {
        return Err(ResponseError::Version);
    }
    if !headers.contains_key(UPGRADE) {
        return Err(ResponseError::Missing("Upgrade"));
    }
    // The whole value must match, unlike in the request, where it need only be in the list (§4.1 item 2).
    let mut upgrades = list(headers, UPGRADE);
    if !upgrades.next().is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"))
        || upgrades.next().is_some()
    {
        return Err(ResponseError::WrongUpgrade);
    }
    if !headers.contains_key(CONNECTION) {
        return Err(ResponseError::Missing("Connection"));
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(ResponseError::WrongConnection);
    }
    let accept = at_most_once(headers, SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")?
        .ok_or(ResponseError::Missing("Sec-WebSocket-Accept"))?;
    if accept != accept_key(encode_nonce(nonce).as_bytes()) {
        return Err(ResponseError::WrongAccept);
    }
    agreed(headers, request)
}

/// What an answer agrees to, over whichever version of HTTP it comes.
pub(super) fn agreed(
    headers: &HeaderMap,
    request: &ClientRequest,
) -> Result<Agreed, ResponseError> {
    let deflate = agreed_deflate(headers, request)?;
    Ok(Agreed { protocol: agreed_protocol(headers, request)?, deflate })
}

/// The extension in use: none, or the one that was offered, with parameters that go with an offer (§4.1 item 5,
/// RFC 7692 §5.1).
fn agreed_deflate(
    headers: &HeaderMap,
    request: &ClientRequest,
) -> Result<Option<DeflateParams>, ResponseError> {
    at_most_once(headers, SEC_WEBSOCKET_EXTENSIONS, "Sec-WebSocket-Extensions")?;
    let mut answers = parse_extensions(headers)?.into_iter();
    let Some(answer) = answers.next() else { return Ok(None) };
    let unoffered = |answer: Extension| ResponseError::UnofferedExtension(answer.name().to_owned());
    let offers = request.deflate_offers();
    if offers.is_empty() || !is_deflate(&answer) {
        return Err(unoffered(answer));
    }
    // Offers are alternatives: agreeing twice agrees to something else (RFC 7692 §5.1).
    if let Some(answer) = answers.next() {
        return Err(unoffered(answer));
    }
    check_deflate(&answer, offers).map(Some).map_err(ResponseError::Deflate)
}

/// The subprotocol in use: none, or one of those offered (§4.1 item 6).
fn agreed_protocol(
    headers: &HeaderMap,
    request: &ClientRequest,
) -> Result<Option<String>, ResponseError> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let name = at_most_once(headers, SEC_WEBSOCKET_PROTOCOL, NAME)?;
    // An empty field chooses none.
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(None) };
    let name = std::str::from_utf8(name).ok().filter(|name| is_token(name.as_bytes()));
    let name = name.ok_or(ResponseError::Malformed(NAME))?.to_owned();
    if request.protocols().any(|offered| offered == name) {
        Ok(Some(name))
    } else {
        Err(ResponseError::UnofferedProtocol(name))
    }
}

/// A field that MUST NOT stand more than once in an answer (§11.3.2–§11.3.4).
fn at_most_once<'a>(
    headers: &'a HeaderMap,
    name: HeaderName,
    shown: &'static str,
) -> Result<Option<&'a [u8]>, ResponseError> {
    single(headers, name).map_err(|_| ResponseError::Repeated(shown))
}

fn format_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut out = format_head(status, headers, body.len());
    out.extend_from_slice(body);
    out
}

fn format_head(status: StatusCode, headers: &HeaderMap, body_len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let reason = status.canonical_reason().unwrap_or_default();
    out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    let connection: &[u8] =
        if headers.contains_key(UPGRADE) { b"close, Upgrade" } else { b"close" };
    write_field(&mut out, b"Connection", connection);
    // 204 must not have one, and in a 304 it would be the length of what is not sent (RFC 9110 §8.6).
    if ![StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) {
        write_field(&mut out, b"Content-Length", body_len.to_string().as_bytes());
    }
    let ours = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];
    write_fields(&mut out, headers.iter().filter(|(name, _)| !ours.contains(name)));
    out.extend_from_slice(b"\r\n");
    out
}

/// The types of `http` admit no control in a name or a value, so these lines need no check.
fn write_fields<'a>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
) {
    for (name, value) in fields {
        write_field(out, name.as_ref(), value.as_bytes());
    }
}
