//! The client's request: written by [`ClientRequest`] (§4.1, the first list), checked by [`check_request`]
//! (§4.2.1).
//!
//! Whether the origin is welcome (§10.2) and whether the resource exists (§4.2.2 item 4) are the caller's
//! to decide, between the check and the answer.

use super::deflate::DeflateOffer;
use super::error::{BuildError, RequestError};
use super::extensions::{Extension, format_extensions, parse_extensions};
use super::headers::{has_token, is_token, list, not_token_at, not_value_at, single, trim};
use super::key::{accept_key, encode_nonce, is_key};
use super::protocols::{Protocols, ProtocolsError};
use super::uri::{Authority, Uri};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method, Request, Version};

/// A client's request: the URI, header fields, subprotocols.
///
/// ```
/// use bowstring::handshake::ClientRequest;
///
/// let request = ClientRequest::new("ws://example.com/chat".parse()?)
///     .header("Authorization", "Bearer a-long-random-token")
///     .protocol("chat.v2")
///     .protocol("chat");
/// # assert!(request.write([0; 16]).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Everything is checked when the request is written: by [`write`](Self::write), or by `connect_with` of the tokio
/// layer.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    uri: Uri,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    protocols: Vec<String>,
    deflate: Vec<DeflateOffer>,
}

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

impl ClientRequest {
    /// A request for this URI, without header fields of yours, subprotocols and extensions.
    pub fn new(uri: Uri) -> Self {
        Self { uri, headers: Vec::new(), protocols: Vec::new(), deflate: Vec::new() }
    }

    /// Adds a header field. A `Host` replaces the one from the URI.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Adds all of these header fields.
    pub fn headers(self, headers: &HeaderMap) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Offers one more subprotocol. The first is the most preferred (§4.1 item 10).
    ///
    /// A server that knows none of them may still accept the client (§4.2.2). So ask the connection which was
    /// chosen. A server that chooses one that was not offered is an error.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocols.push(name.into());
        self
    }

    /// With one more offer of permessage-deflate; the first is the most preferred (RFC 7692 §5.1). The
    /// server takes one of them or none.
    ///
    /// If there is none, the tokio layer makes the offers of its configuration. An answer that goes with
    /// no offer fails the handshake, so the last one should be the plain `DeflateOffer::default()`.
    pub fn deflate(mut self, offer: DeflateOffer) -> Self {
        self.deflate.push(offer);
        self
    }

    /// Without any offer of permessage-deflate.
    pub fn without_deflate(mut self) -> Self {
        self.deflate.clear();
        self
    }

    /// The offers of permessage-deflate, most preferred first.
    pub fn deflate_offers(&self) -> &[DeflateOffer] {
        &self.deflate
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The subprotocols offered, most preferred first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.iter().map(String::as_str)
    }

    /// The bytes of the request. `nonce` is 16 random bytes, new for each connection (§4.1 item 7). Give the
    /// same to [`check_response`](super::check_response).
    ///
    /// # Errors
    ///
    /// - The name of a header field is not a token, or its value has a control character.
    /// - The name is `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` or `Sec-WebSocket-*`.
    /// - A `Host` of yours is malformed, or there are two.
    /// - A subprotocol is not a token, or is offered twice.
    pub fn write(&self, nonce: [u8; 16]) -> Result<Vec<u8>, BuildError> {
        self.check_protocols()?;
        self.check_deflate()?;
        let default_host = self.uri.host_header();
        let host = self.check_headers()?.unwrap_or(default_host.as_bytes());

        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.uri.resource().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_field(&mut out, b"Host", host);
        write_field(&mut out, b"Upgrade", b"websocket");
        write_field(&mut out, b"Connection", b"Upgrade");
        write_field(&mut out, b"Sec-WebSocket-Key", encode_nonce(nonce).as_bytes());
        write_field(&mut out, b"Sec-WebSocket-Version", b"13");
        if !self.protocols.is_empty() {
            let offered = self.protocols.join(", ");
            write_field(&mut out, b"Sec-WebSocket-Protocol", offered.as_bytes());
        }
        if !self.deflate.is_empty() {
            let offers: Vec<_> = self.deflate.iter().map(DeflateOffer::to_extension).collect();
            let offers = format_extensions(&offers);
            write_field(&mut out, b"Sec-WebSocket-Extensions", offers.as_bytes());
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| !is_host(name)) {
            write_field(&mut out, name, value);
        }
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    /// RFC 7692 §7.1.2: windows have 8–15 bits.
    fn check_deflate(&self) -> Result<(), BuildError> {
        let offered = self.deflate.iter();
        let mut bits = offered.flat_map(|o| [o.server_max_window_bits, o.client_max_window_bits]);
        match bits.find_map(|bits| bits.filter(|bits| !(8..=15).contains(bits))) {
            Some(bits) => Err(BuildError::WindowBits(bits)),
            None => Ok(()),
        }
    }

    fn check_protocols(&self) -> Result<(), BuildError> {
        for (protocol, name) in self.protocols.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                let at = not_token_at(name.as_bytes()).unwrap_or(0);
                return Err(BuildError::Protocol { protocol, at });
            }
            if self.protocols[..protocol].contains(name) {
                return Err(BuildError::RepeatedProtocol(name.clone()));
            }
        }
        Ok(())
    }

    /// Judges every header and returns the `Host` among them.
    fn check_headers(&self) -> Result<Option<&[u8]>, BuildError> {
        let mut host = None;
        for (header, (name, value)) in self.headers.iter().enumerate() {
            if !is_token(name) {
                let at = not_token_at(name).unwrap_or(0);
                return Err(BuildError::HeaderName { header, at });
            }
            let text = || String::from_utf8_lossy(name).into_owned();
            if is_owned(name) {
                return Err(BuildError::OwnedHeader(text()));
            }
            if let Some(at) = not_value_at(value) {
                return Err(BuildError::HeaderValue { name: text(), at });
            }
            if is_host(name) {
                let value = trim(value);
                if host.replace(value).is_some() {
                    return Err(BuildError::RepeatedHost);
                }
                if !std::str::from_utf8(value).is_ok_and(|host| Authority::parse(host).is_ok()) {
                    return Err(BuildError::Host);
                }
            }
        }
        Ok(host)
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

/// Whether the handshake, or the framing that it ends, owns a header: it could not be set by a caller without
/// contradicting what is written.
pub(super) fn is_owned(name: &[u8]) -> bool {
    let owned: [&[u8]; 4] = [b"upgrade", b"connection", b"content-length", b"transfer-encoding"];
    let prefix = b"sec-websocket-";
    owned.iter().any(|owned| name.eq_ignore_ascii_case(owned))
        || name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

pub(super) fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn is_host(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host")
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
