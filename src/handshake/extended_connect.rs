//! The request over HTTP/2 and HTTP/3: an extended CONNECT (RFC 8441 §4–§5, RFC 9220 §3), checked by
//! [`check_connect`].
//!
//! It has neither a key nor `Upgrade` and `Connection`: `:protocol` says what the stream becomes. What a client
//! offers is the same as in HTTP/1.1.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Version};

use super::error::RequestError;
use super::headers::trim;
use super::request::{Accepting, Upgrade, check_version};

/// The one `:protocol` that is known here (RFC 8441 §5).
const WEBSOCKET: &str = "websocket";

/// Whether a request over HTTP/2 or HTTP/3 asks to become a WebSocket at all. `protocol` is its `:protocol`.
///
/// If it does not, you may answer it as you like. If it does, but wrongly, [`check_connect`] says what is wrong.
pub fn wants_connect<B>(request: &Request<B>, protocol: Option<&str>) -> bool {
    request.method() == Method::CONNECT && protocol == Some(WEBSOCKET)
}

/// Checks an extended CONNECT by RFC 8441 §5, in this order:
///
/// ```text
/// HTTP version 505 · method 405 · :protocol 400, 501 · target 400 · :authority 400 · fields of HTTP/1.1 400
/// · body 400 · Sec-WebSocket-Version 400 · -Protocol 400 · -Extensions 400
/// ```
///
/// `protocol` is the `:protocol` of the request. HTTP libraries give it beside the request. `None` means that
/// there is none. The rest is as in [`check_request`](super::check_request), but for the key: there is none.
///
/// ```
/// use bowstring::handshake::{accept_response, check_connect};
/// use http::{HeaderMap, Method, Version};
///
/// let request = http::Request::builder()
///     .method(Method::CONNECT)
///     .version(Version::HTTP_2)
///     .uri("https://example.com/chat")
///     .header("sec-websocket-version", "13")
///     .header("sec-websocket-protocol", "chat")
///     .body(())?;
/// let upgrade = check_connect(&request, Some("websocket"))?;
/// let answer = accept_response(&upgrade, Some("chat"), None, &HeaderMap::new())?;
/// assert_eq!(answer.status(), 200);
/// assert_eq!(answer.headers()["sec-websocket-protocol"], "chat");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first fault. Answer with [`refusal`](super::refusal). Other streams of the connection go on.
pub fn check_connect<B>(
    request: &Request<B>,
    protocol: Option<&str>,
) -> Result<Upgrade, RequestError> {
    let headers = request.headers();
    if !matches!(request.version(), Version::HTTP_2 | Version::HTTP_3) {
        return Err(RequestError::Version);
    }
    if request.method() != Method::CONNECT {
        return Err(RequestError::NotConnect(request.method().clone()));
    }
    match protocol {
        None => return Err(RequestError::Missing(":protocol")),
        // Registered names are compared byte for byte: HTTP/2 has no other case of them.
        Some(WEBSOCKET) => {}
        Some(_) => return Err(RequestError::UnknownProtocol),
    }
    // RFC 8441 §4: `:scheme` and `:path` MUST be there. §5: the scheme stands for ws or wss.
    let target = request.uri();
    if !matches!(target.scheme_str(), Some("http" | "https")) || !target.path().starts_with('/') {
        return Err(RequestError::Target);
    }
    if target.authority().is_none_or(|authority| authority.host().is_empty()) {
        return Err(RequestError::Missing(":authority"));
    }
    // RFC 8441 §5: these are superseded. RFC 9113 §8.2.2: a request that has them is malformed.
    let of_http1 = [
        (UPGRADE, "Upgrade"),
        (CONNECTION, "Connection"),
        (TRANSFER_ENCODING, "Transfer-Encoding"),
    ];
    if let Some((_, shown)) = of_http1.iter().find(|(name, _)| headers.contains_key(name)) {
        return Err(RequestError::OfHttp1(shown));
    }
    // What follows are frames, as many as come.
    if headers.get_all(CONTENT_LENGTH).iter().any(|length| trim(length.as_bytes()) != b"0") {
        return Err(RequestError::Body);
    }
    check_version(headers)?;
    Upgrade::new(Accepting::Connect, headers)
}
