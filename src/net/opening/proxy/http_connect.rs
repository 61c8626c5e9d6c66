//! HTTP `CONNECT` (RFC 9110 §9.3.6): the request, and what its answer means.

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Response, StatusCode};

use super::address::{Credentials, Proxy};
use crate::handshake::{HeadLimits, basic_credentials};

/// How large the head of an answer may be.
pub(in crate::net) const LIMITS: HeadLimits = HeadLimits { max_bytes: 8 << 10, max_headers: 128 };

/// What an answer to `CONNECT` means.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::net) enum Meaning {
    /// Another answer follows (RFC 9110 §15.2).
    Informational,
    /// The tunnel begins after the head.
    Tunnel,
    /// The proxy wants other credentials (RFC 9110 §15.5.8).
    Challenge,
    Refusal,
}

/// The head of a request for a tunnel to this host, which must be safe in it.
pub(in crate::net) fn request(proxy: &Proxy, host: &str, port: u16) -> Vec<u8> {
    // Always with a port (RFC 9110 §9.3.6); `Host` is the same (RFC 9112 §3.2.3).
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    let headers = proxy.headers();
    if let Some(Credentials { user, password }) = proxy.login()
        && !headers.contains_key(PROXY_AUTHORIZATION)
    {
        let credentials = basic_credentials(user.as_bytes(), password.as_bytes());
        head.extend_from_slice(format!("Proxy-Authorization: {credentials}\r\n").as_bytes());
    }
    for (name, value) in headers.iter().filter(|(name, _)| *name != HOST) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

pub(in crate::net) fn meaning(response: &Response<()>) -> Meaning {
    match response.status() {
        // No answer of ours was an upgrade.
        StatusCode::SWITCHING_PROTOCOLS => Meaning::Refusal,
        status if status.is_informational() => Meaning::Informational,
        // Any of them, and without a body whatever its fields say (RFC 9110 §9.3.6).
        status if status.is_success() => Meaning::Tunnel,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Meaning::Challenge,
        _ => Meaning::Refusal,
    }
}
