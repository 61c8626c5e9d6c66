//! The server's answer as a response of the crate `http`, for those who leave the writing to an HTTP library:
//! [`accept_response`] and [`refusal`], in any version of HTTP.

use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};

use super::error::{BuildError, RequestError};
use super::extensions::Extension;
use super::headers::is_owned;
use super::request::{Accepting, Upgrade};

/// The answer that accepts a request: a 101 (§4.2.2 item 5), or to an extended CONNECT a 200 (RFC 8441 §5).
///
/// It has the subprotocol, the extension and further header fields, such as cookies.
/// [`answer_deflate`](super::answer_deflate) makes the extension.
///
/// ```
/// use bowstring::handshake::{accept_response, check_request};
///
/// let request = http::Request::get("/chat")
///     .header("Host", "server.example.com")
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Sec-WebSocket-Version", "13")
///     .body(())?;
/// let answer = accept_response(&check_request(&request)?, None, None, &http::HeaderMap::new())?;
/// assert_eq!(answer.status(), 101);
/// assert_eq!(answer.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - `protocol` was not offered (§4.2.2 item 4).
/// - `extra` has `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` or `Sec-WebSocket-*`.
pub fn accept_response(
    upgrade: &Upgrade,
    protocol: Option<&str>,
    extension: Option<&Extension>,
    extra: &HeaderMap,
) -> Result<Response<()>, BuildError> {
    if let Some(name) = extra.keys().find(|name| is_owned(name.as_ref())) {
        return Err(BuildError::OwnedHeader(name.to_string()));
    }
    if let Some(name) = protocol.filter(|name| !upgrade.protocols().contains(name)) {
        return Err(BuildError::UnofferedProtocol(name.to_owned()));
    }
    let mut response = Response::new(());
    let headers = response.headers_mut();
    *headers = extra.clone();
    let status = match upgrade.answer() {
        Accepting::Upgrade(accept) => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, token(accept));
            StatusCode::SWITCHING_PROTOCOLS
        }
        Accepting::Connect => StatusCode::OK,
    };
    if let Some(name) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, token(name.as_bytes()));
    }
    if let Some(extension) = extension {
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, token(extension.to_string().as_bytes()));
    }
    *response.status_mut() = status;
    Ok(response)
}

/// The answer to a request that [`check_request`](super::check_request) or
/// [`check_connect`](super::check_connect) refuses, in this version of HTTP. It has the status, the fields that go
/// with it, and a line of text that says what was wrong.
///
/// 405 has `Allow`, and 426 has `Upgrade` and `Sec-WebSocket-Version` (§4.4, RFC 9110 §15.5.22). A request
/// whose `Sec-WebSocket-Version` is missing or malformed gets 400 and that field as well.
///
/// HTTP/2 and HTTP/3 have no `Upgrade` (RFC 9113 §8.2.2), so what would be a 426 is a 400 there.
///
/// ```
/// use bowstring::handshake::{RequestError, refusal};
/// use http::Version;
///
/// let old = RequestError::UnsupportedVersion(8);
/// assert_eq!(refusal(&old, Version::HTTP_11).status(), 426);
/// assert_eq!(refusal(&old, Version::HTTP_2).status(), 400);
/// assert_eq!(refusal(&old, Version::HTTP_2).headers()["sec-websocket-version"], "13");
/// ```
pub fn refusal(error: &RequestError, version: Version) -> Response<String> {
    let has_upgrade = version <= Version::HTTP_11;
    let (status, asks_version) = match error.status() {
        StatusCode::UPGRADE_REQUIRED if has_upgrade => (StatusCode::UPGRADE_REQUIRED, true),
        StatusCode::UPGRADE_REQUIRED => (StatusCode::BAD_REQUEST, true),
        // §4.4 for a version that is missing or could not be read: 400, because the request is malformed
        // (§4.2.1), and ours with it, because the client has to learn it.
        status => (
            status,
            matches!(
                error,
                RequestError::Missing("Sec-WebSocket-Version")
                    | RequestError::Malformed("Sec-WebSocket-Version")
                    | RequestError::Repeated("Sec-WebSocket-Version")
            ),
        ),
    };
    let mut response = Response::new(format!("{error}\n"));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match error {
        RequestError::Method(_) => headers.insert(ALLOW, HeaderValue::from_static("GET")),
        RequestError::NotConnect(_) => headers.insert(ALLOW, HeaderValue::from_static("CONNECT")),
        _ => None,
    };
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if version == Version::HTTP_11 {
            // RFC 9110 §7.8.
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        }
    }
    if asks_version {
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // A client that asked by HEAD does not expect one (RFC 9110 §9.3.2).
    if let RequestError::Method(Method::HEAD) | RequestError::NotConnect(Method::HEAD) = error {
        response.body_mut().clear();
        response.headers_mut().remove(CONTENT_TYPE);
    }
    response
}

/// What is known to be a field value.
fn token(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).expect("tokens and their lists have no control")
}
