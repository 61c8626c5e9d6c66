//! The client's request as the server sees it: checked by [`check_request`] (§4.2.1).
//!
//! Whether the origin is welcome (§10.2) and whether the resource exists (§4.2.2 item 4) are the caller's
//! to decide, between the check and the answer.

use super::error::RequestError;
use super::extensions::{Extension, parse_extensions};
use super::headers::{has_token, list, single, trim};
use super::key::{accept_key, is_key};
use super::protocols::{Protocols, ProtocolsError};
use super::uri::Authority;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method, Request, Version};

/// A request that may be accepted: what its answer needs. [`check_request`] and
/// [`check_connect`](super::check_connect) give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    answer: Accepting,
    protocols: Protocols,
    extensions: Vec<Extension>,
}

/// How a request is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accepting {
    /// By a 101 with this proof that the key was read (§4.2.2 item 5).
    Upgrade([u8; 28]),
    /// By a 200 to an extended CONNECT (RFC 8441 §5).
    Connect,
}

/// Whether a request asks to become a WebSocket at all: its `Upgrade` list names `websocket`.
///
/// If it does not, it is a plain HTTP request, and you may answer it as you like. If it does, but wrongly,
/// [`check_request`] says what is wrong.
///
/// ```
/// use bowstring::handshake::{RequestError, check_request, wants_upgrade, write_refusal};
///
/// let request = http::Request::get("/health").header("Host", "example.com").body(())?;
/// assert!(!wants_upgrade(&request));
///
/// let request = http::Request::get("/").header("Host", "example.com").header("Upgrade", "websocket");
/// let request = request.body(())?;
/// assert!(wants_upgrade(&request));
/// let error = check_request(&request).unwrap_err();
/// assert_eq!(error, RequestError::Missing("Connection"));
/// assert!(write_refusal(&error).starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
/// # Ok::<(), http::Error>(())
/// ```
pub fn wants_upgrade<B>(request: &Request<B>) -> bool {
    has_token(request.headers(), UPGRADE, "websocket")
}

/// Checks a request by §4.2.1, in this order:
///
/// ```text
/// method 405 · HTTP version 505 · target 400 · Host 400 · transfer coding 501 · body 400
/// · Upgrade 426, 400 · Connection 400 · Sec-WebSocket-Version 400, 426 · -Key 400 · -Protocol 400
/// · -Extensions 400
/// ```
///
/// An empty `Sec-WebSocket-Protocol` or `Sec-WebSocket-Extensions` counts as absent.
///
/// ```
/// use bowstring::handshake::{ClientRequest, HeadLimits, check_request, parse_request_head};
///
/// let client = ClientRequest::new("ws://example.com/chat".parse()?).protocol("chat.v2");
/// let request = parse_request_head(&client.write([0; 16])?, &HeadLimits::default())?;
/// let upgrade = check_request(&request)?;
/// assert!(upgrade.protocols().contains("chat.v2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first fault. None of them leaves the connection usable for another request: answer with
/// [`write_refusal`](super::write_refusal) and close it.
pub fn check_request<B>(request: &Request<B>) -> Result<Upgrade, RequestError> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(RequestError::Method(request.method().clone()));
    }
    if request.version() != Version::HTTP_11 {
        return Err(RequestError::Version);
    }
    // A resource name, or an absolute http or https URI that holds one (§4.2.1 item 1).
    let target = request.uri();
    if !matches!(target.scheme_str(), None | Some("http" | "https"))
        || !target.path().starts_with('/')
    {
        return Err(RequestError::Target);
    }
    let host = once(headers, HOST, "Host")?;
    if !std::str::from_utf8(host).is_ok_and(|host| Authority::parse(host).is_ok()) {
        return Err(RequestError::Malformed("Host"));
    }
    // Frames follow the head at once. A body there would be read as frames by us and skipped by a proxy,
    // or the other way round, which is how requests are smuggled.
    // RFC 9112 §6.1: of a transfer coding that is not known, a server should say that it is not.
    let known: [&[u8]; 2] = [b"chunked", b"identity"];
    let is_known = |coding: &[u8]| known.iter().any(|known| coding.eq_ignore_ascii_case(known));
    if !list(headers, TRANSFER_ENCODING).all(is_known) {
        return Err(RequestError::TransferCoding);
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    if headers.contains_key(TRANSFER_ENCODING) || lengths.any(|n| trim(n.as_bytes()) != b"0") {
        return Err(RequestError::Body);
    }
    if !headers.contains_key(UPGRADE) {
        return Err(RequestError::NotAnUpgrade);
    }
    if !wants_upgrade(request) {
        return Err(RequestError::WrongUpgrade);
    }
    if !headers.contains_key(CONNECTION) {
        return Err(RequestError::Missing("Connection"));
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(RequestError::WrongConnection);
    }
    // Before the key: a client of another version may have other ideas of a key, and is to learn ours.
    check_version(headers)?;
    let key = once(headers, SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")?;
    if !is_key(key) {
        return Err(RequestError::Malformed("Sec-WebSocket-Key"));
    }
    Upgrade::new(Accepting::Upgrade(accept_key(key)), headers)
}

/// The version of the protocol, which is one and 13 (§4.2.1 item 6).
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), RequestError> {
    match version(once(headers, SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")?) {
        Some(13) => Ok(()),
        Some(other) => Err(RequestError::UnsupportedVersion(other)),
        None => Err(RequestError::Malformed("Sec-WebSocket-Version")),
    }
}

impl Upgrade {
    /// With what a request offers in its header fields.
    pub(super) fn new(answer: Accepting, headers: &HeaderMap) -> Result<Self, RequestError> {
        let protocols = Protocols::parse(headers).map_err(|error| match error {
            ProtocolsError::Malformed => RequestError::Malformed("Sec-WebSocket-Protocol"),
            ProtocolsError::Repeated => RequestError::RepeatedProtocol,
        })?;
        // An offer may be ignored but not misread: a malformed one fails the handshake (§9.1).
        let extensions = parse_extensions(headers)?;
        Ok(Self { answer, protocols, extensions })
    }

    pub(super) fn answer(&self) -> &Accepting {
        &self.answer
    }

    /// The value of `Sec-WebSocket-Accept` (§4.2.2 item 5.4). An extended CONNECT has none (RFC 8441 §5).
    pub fn accept(&self) -> Option<&[u8; 28]> {
        match &self.answer {
            Accepting::Upgrade(accept) => Some(accept),
            Accepting::Connect => None,
        }
    }

    /// The subprotocols offered. At most one of them may be chosen (§4.2.2 item 4).
    pub fn protocols(&self) -> &Protocols {
        &self.protocols
    }

    /// The extensions offered, in order (§9.1).
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }
}

/// A field that MUST stand exactly once.
fn once<'a>(
    headers: &'a HeaderMap,
    name: http::HeaderName,
    shown: &'static str,
) -> Result<&'a [u8], RequestError> {
    match single(headers, name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(RequestError::Missing(shown)),
        Err(_) => Err(RequestError::Repeated(shown)),
    }
}

/// 0–255 in decimal without leading zeros (§4.3).
fn version(text: &[u8]) -> Option<u8> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
