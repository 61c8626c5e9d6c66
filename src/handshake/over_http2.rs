//! A client's opening handshake over HTTP/2 (RFC 8441 §5): its request as one of `http`, and the check of the answer.
//!
//! There is no key, because what it proves the settings of HTTP/2 prove. Everything else is checked as over HTTP/1.1.

use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use super::client_request::{ClientRequest, mark_as_in, mark_secrets};
use super::error::{BuildError, ResponseError};
use super::head::{HeadLimits, parse_request_head};
use super::response::{Agreed, agreed};

/// The CONNECT of a client's request (RFC 8441 §4), without `:protocol`: for that the libraries have types of their own.
///
/// ```
/// use bowstring::handshake::{ClientRequest, connect_request};
///
/// let request = ClientRequest::new("wss://example.com/chat?room=7".parse()?).protocol("chat");
/// let connect = connect_request(&request)?;
/// assert_eq!((connect.method(), connect.version()), (&http::Method::CONNECT, http::Version::HTTP_2));
/// assert_eq!(connect.uri(), "https://example.com/chat?room=7");
/// assert_eq!(connect.headers()["Sec-WebSocket-Version"], "13");
/// assert!(!connect.headers().contains_key("Sec-WebSocket-Key"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - As for [`ClientRequest::write`].
/// - The name of a header is `Keep-Alive`, `Proxy-Connection` or `TE`, which HTTP/2 does not have.
/// - [`Target`](BuildError::Target) if the resource name or the head is too long for the types of `http`.
pub fn connect_request(request: &ClientRequest) -> Result<Request<()>, BuildError> {
    // All that is checked there is checked here.
    let written = request.write([0; 16])?;
    let limits = HeadLimits { max_bytes: written.len() + 1, max_headers: written.len() };
    let head = parse_request_head(&written, &limits).map_err(|_| BuildError::Target)?;
    let (mut parts, ()) = head.into_parts();
    let host = parts.headers.remove(HOST).ok_or(BuildError::Host)?;
    // RFC 8441 §5: neither is part of it.
    for name in [UPGRADE, CONNECTION, SEC_WEBSOCKET_KEY] {
        parts.headers.remove(name);
    }
    // RFC 9113 §8.2.2: these concern one connection, and make a request over HTTP/2 malformed.
    for name in ["keep-alive", "proxy-connection", "te"] {
        if parts.headers.contains_key(name) {
            return Err(BuildError::OwnedHeader(name.to_owned()));
        }
    }
    // What was written as bytes has lost its marks.
    mark_secrets(&mut parts.headers);
    mark_as_in(request.headers(), &mut parts.headers);
    let path = parts.uri.path_and_query().cloned();
    let mut uri = http::uri::Parts::default();
    // RFC 8441 §5: `https` stands for `wss`, and `http` for `ws`.
    uri.scheme = Some(if request.uri().secure() { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| BuildError::Host)?);
    uri.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
    parts.uri = Uri::from_parts(uri).map_err(|_| BuildError::Target)?;
    parts.method = Method::CONNECT;
    parts.version = Version::HTTP_2;
    Ok(Request::from_parts(parts, ()))
}

/// Checks the answer to a CONNECT (RFC 8441 §5). Returns what is agreed on.
///
/// ```
/// use bowstring::handshake::{ClientRequest, check_connect_response};
///
/// let request = ClientRequest::new("ws://example.com/".parse()?).protocol("chat");
/// let answer = http::Response::builder().status(200).version(http::Version::HTTP_2);
/// let answer = answer.header("Sec-WebSocket-Protocol", "chat").body(())?;
/// let agreed = check_connect_response(&answer, &request)?;
/// assert_eq!(agreed.protocol.as_deref(), Some("chat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ResponseError::Status`] if the status is not 200. Otherwise the first fault: reset the stream before you read or
/// send a frame.
pub fn check_connect_response(
    response: &Response<()>,
    request: &ClientRequest,
) -> Result<Agreed, ResponseError> {
    if response.status() != StatusCode::OK {
        return Err(ResponseError::Status(response.status()));
    }
    agreed(response.headers(), request)
}
