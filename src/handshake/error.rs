//! Who was wrong: [`RequestError`] is a client's fault, [`ResponseError`] a server's, [`BuildError`] the caller's.
//!
//! Each names its section. A text of the peer is shown only if it is known to be a token, and it is cut short. An
//! error may be logged, and the peer must not be able to write into the log.

use super::head::HeadError;
use super::uri::UriError;
use http::{Method, StatusCode, Version};
use std::fmt;

/// Why a request is refused (§4.2.1). [`write_refusal`](super::write_refusal) makes the answer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The head could not be read.
    Head(HeadError),
    /// The method is not GET.
    Method(Method),
    /// The method is not CONNECT, as HTTP/2 and HTTP/3 want it (RFC 8441 §5).
    NotConnect(Method),
    /// An extended CONNECT to another protocol than `websocket` (RFC 8441 §4, RFC 9220 §3).
    UnknownProtocol,
    /// The HTTP version is one in which this request cannot be made.
    Version,
    /// The target is neither a path nor an absolute `http` or `https` URI.
    Target,
    /// A body is announced, by `Content-Length` or `Transfer-Encoding`.
    Body,
    /// A body is announced in a transfer coding that is not known here.
    TransferCoding,
    /// There is no `Upgrade` field: a plain HTTP request.
    NotAnUpgrade,
    /// `Upgrade` does not name `websocket`.
    WrongUpgrade,
    /// `Connection` does not name `upgrade`.
    WrongConnection,
    /// This field is missing.
    Missing(&'static str),
    /// This field may occur once and occurs more often.
    Repeated(&'static str),
    /// This field is one of HTTP/1.1, and may not occur in HTTP/2 and HTTP/3 (RFC 9113 §8.2.2).
    OfHttp1(&'static str),
    /// The value of this field does not follow its grammar.
    Malformed(&'static str),
    /// A version of the WebSocket protocol other than 13.
    UnsupportedVersion(u8),
    /// A subprotocol is offered twice.
    RepeatedProtocol,
    /// `Sec-WebSocket-Extensions` does not follow its grammar.
    Extensions(ExtensionError),
}

/// Why an answer does not open the connection (§4.1, the second list).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The head could not be read.
    Head(HeadError),
    /// The server answered with another status than 101: a redirect, a challenge, a refusal.
    Status(StatusCode),
    /// A 101 in another version than HTTP/1.1.
    Version,
    /// `Upgrade` is not exactly `websocket`.
    WrongUpgrade,
    /// `Connection` does not name `upgrade`.
    WrongConnection,
    /// `Sec-WebSocket-Accept` is not the answer to our key.
    WrongAccept,
    /// This field is missing.
    Missing(&'static str),
    /// This field may occur once and occurs more often.
    Repeated(&'static str),
    /// The value of this field does not follow its grammar.
    Malformed(&'static str),
    /// The server chose a subprotocol that was not offered.
    UnofferedProtocol(String),
    /// The server agreed to an extension that was not offered.
    UnofferedExtension(String),
    /// The answer goes with no offer of permessage-deflate: this parameter. What is offered can be
    /// changed with [`ClientRequest::deflate`](super::ClientRequest::deflate).
    Deflate(&'static str),
    /// `Sec-WebSocket-Extensions` does not follow its grammar.
    Extensions(ExtensionError),
}

/// Why a request or answer of yours cannot be written. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The URI is not a WebSocket URI.
    Uri(UriError),
    /// The method of a request is not GET.
    Method(Method),
    /// The version of a request is older than HTTP/1.1.
    Version(Version),
    /// There are more header fields than a request can have: 24,576.
    TooManyHeaders,
    /// The name of a header field is not a token.
    HeaderName {
        /// Which of the headers, counted from 0 in the order they were added.
        header: usize,
        /// The first offending byte of the name.
        at: usize,
    },
    /// The value of a header has a control byte, such as CR, LF or NUL.
    HeaderValue {
        /// The header.
        name: String,
        /// The first offending byte of the value.
        at: usize,
    },
    /// A user name for Basic authentication has a colon at this byte.
    UserName {
        /// The offset of the colon.
        at: usize,
    },
    /// A cookie, as `name=value`, has a byte that ends it or is a control.
    Cookie {
        /// The first offending byte; 0 if the name is empty.
        at: usize,
    },
    /// The handshake writes this header itself, and what is given says something else.
    OwnedHeader(String),
    /// The `Host` given is not `host[:port]`.
    Host,
    /// `Host` is given more than once.
    RepeatedHost,
    /// The resource name, or the whole head, is too long for the types of HTTP/2.
    Target,
    /// A subprotocol is not a token.
    Protocol {
        /// Which of the subprotocols, counted from 0.
        protocol: usize,
        /// The first offending byte; 0 if it is empty.
        at: usize,
    },
    /// A subprotocol is offered twice.
    RepeatedProtocol(String),
    /// The subprotocol chosen is not one that was offered.
    UnofferedProtocol(String),
    /// A name or value of an extension is not a token.
    Extension {
        /// The first offending byte; 0 if it is empty.
        at: usize,
    },
    /// A window of permessage-deflate with so many bits, which is not 8–15.
    WindowBits(u8),
    /// The status is not a final status of HTTP (200–599).
    Status(StatusCode),
    /// This status allows no body.
    Body(StatusCode),
    /// The request is an extended CONNECT. Its answer cannot be written as HTTP/1.1: see
    /// [`accept_response`](super::accept_response).
    NotHttp1,
}

impl RequestError {
    /// The status to refuse the request with in HTTP/1.1. [`refusal`](super::refusal) knows the other versions.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Head(error) => error.status(),
            Self::Method(_) | Self::NotConnect(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::TransferCoding | Self::UnknownProtocol => StatusCode::NOT_IMPLEMENTED,
            Self::NotAnUpgrade | Self::UnsupportedVersion(_) => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Head(error) => error.section(),
            Self::Missing("Host") | Self::Repeated("Host") | Self::Malformed("Host") => {
                "RFC 9112 §3.2"
            }
            Self::Malformed("Sec-WebSocket-Protocol") | Self::RepeatedProtocol => "RFC 6455 §4.1",
            Self::Missing(":protocol") => "RFC 8441 §4",
            Self::Missing(":authority") | Self::NotConnect(_) => "RFC 8441 §5",
            Self::UnknownProtocol => "RFC 9220 §3",
            Self::OfHttp1(_) => "RFC 9113 §8.2.2",
            Self::Body => "RFC 9112 §6.3",
            Self::TransferCoding => "RFC 9112 §6.1",
            Self::UnsupportedVersion(_) => "RFC 6455 §4.2.2",
            Self::Repeated(_) => "RFC 6455 §11.3",
            Self::Extensions(error) => error.section(),
            _ => "RFC 6455 §4.2.1",
        }
    }
}

impl ResponseError {
    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Head(error) => error.section(),
            Self::Repeated(_) => "RFC 6455 §11.3",
            Self::Malformed(_) | Self::Version => "RFC 6455 §4.2.2",
            Self::Extensions(error) => error.section(),
            _ => "RFC 6455 §4.1",
        }
    }
}

impl BuildError {
    /// The section that asks for it.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Uri(error) => error.section(),
            Self::Method(_) | Self::Version(_) => "RFC 6455 §4.1",
            Self::TooManyHeaders => "RFC 9110 §5.4",
            Self::HeaderName { .. } => "RFC 9110 §5.1",
            Self::UserName { .. } => "RFC 7617 §2",
            Self::Cookie { .. } => "RFC 6265 §4.2.1",
            Self::HeaderValue { .. } => "RFC 9110 §5.5",
            Self::OwnedHeader(_) | Self::Protocol { .. } | Self::RepeatedProtocol(_) => {
                "RFC 6455 §4.1"
            }
            Self::Host | Self::RepeatedHost => "RFC 9112 §3.2",
            Self::Target => "RFC 9113 §8.3.1",
            Self::UnofferedProtocol(_) => "RFC 6455 §4.2.2",
            Self::Extension { .. } => "RFC 6455 §9.1",
            Self::WindowBits(_) => "RFC 7692 §7.1.2",
            Self::Status(_) => "RFC 9110 §15",
            Self::Body(_) => "RFC 9110 §6.4.1",
            Self::NotHttp1 => "RFC 8441 §5",
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => return error.fmt(f),
            Self::Extensions(error) => return error.fmt(f),
            Self::Method(_) => f.write_str("the method is not GET"),
            Self::NotConnect(_) => f.write_str("the method is not CONNECT"),
            Self::UnknownProtocol => f.write_str("the :protocol is not websocket"),
            Self::Version => f.write_str("the HTTP version does not fit"),
            Self::Target => f.write_str("the request target is no resource name"),
            Self::Body => f.write_str("the request has a body"),
            Self::TransferCoding => f.write_str("the transfer coding is not known"),
            Self::NotAnUpgrade => f.write_str("the request does not ask for an upgrade"),
            Self::WrongUpgrade => f.write_str("Upgrade does not name websocket"),
            Self::WrongConnection => f.write_str("Connection does not name upgrade"),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Repeated(name) => write!(f, "{name} stands more than once"),
            Self::OfHttp1(name) => write!(f, "{name} is a field of HTTP/1.1"),
            Self::Malformed(name) => write!(f, "{name} is malformed"),
            Self::UnsupportedVersion(version) => write!(f, "version {version} is not 13"),
            Self::RepeatedProtocol => f.write_str("a subprotocol is offered twice"),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(error) => return error.fmt(f),
            Self::Extensions(error) => return error.fmt(f),
            Self::Status(status) => {
                write!(f, "the server answered {} and not 101", status.as_u16())
            }
            Self::Version => f.write_str("the 101 is not HTTP/1.1"),
            Self::WrongUpgrade => f.write_str("Upgrade is not websocket"),
            Self::WrongConnection => f.write_str("Connection does not name upgrade"),
            Self::WrongAccept => f.write_str("Sec-WebSocket-Accept does not answer the key"),
            Self::Missing(name) => write!(f, "{name} is missing"),
            Self::Repeated(name) => write!(f, "{name} stands more than once"),
            Self::Malformed(name) => write!(f, "{name} is malformed"),
            Self::UnofferedProtocol(name) => {
                write!(f, "the subprotocol {} was not offered", short(name))
            }
            Self::Deflate(what) => {
                write!(
                    f,
                    "the answer to permessage-deflate goes with no offer: {what}; Config::deflate \
                     and ClientRequest::deflate say what is offered"
                )
            }
            Self::UnofferedExtension(name) => {
                write!(f, "the extension {} was not offered", short(name))
            }
        }?;
        write!(f, " ({})", self.section())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => return error.fmt(f),
            Self::Method(method) => {
                write!(f, "the method of the request is {} and not GET", short(method.as_str()))
            }
            Self::Version(version) => write!(f, "the request is {version:?}, not HTTP/1.1"),
            Self::TooManyHeaders => f.write_str("the request has more than 24,576 header fields"),
            Self::HeaderName { header, at } => {
                write!(f, "the name of header {header} is no token at byte {at}")
            }
            Self::HeaderValue { name, at } => {
                write!(f, "the value of {} has a control at byte {at}", short(name))
            }
            Self::UserName { at } => write!(f, "the user name has a colon at byte {at}"),
            Self::Cookie { at } => write!(f, "the cookie cannot be sent: see its byte {at}"),
            Self::OwnedHeader(name) => write!(f, "{} is the handshake's to set", short(name)),
            Self::Host => f.write_str("Host is not host[:port]"),
            Self::RepeatedHost => f.write_str("Host is given more than once"),
            Self::Target => f.write_str("the resource name or the head is too long"),
            Self::Protocol { protocol, at } => {
                write!(f, "subprotocol {protocol} is no token at byte {at}")
            }
            Self::RepeatedProtocol(name) => {
                write!(f, "the subprotocol {} is offered twice", short(name))
            }
            Self::UnofferedProtocol(name) => {
                write!(f, "the subprotocol {} was not offered", short(name))
            }
            Self::Extension { at } => write!(f, "the extension's word is no token at byte {at}"),
            Self::WindowBits(bits) => write!(f, "a window of {bits} bits: 8 to 15 are possible"),
            Self::Status(status) => write!(f, "{} is no final status", status.as_u16()),
            Self::Body(status) => write!(f, "{} does not go with a body", status.as_u16()),
            Self::NotHttp1 => f.write_str("an extended CONNECT has no answer in HTTP/1.1"),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl std::error::Error for RequestError {}
impl std::error::Error for ResponseError {}
impl std::error::Error for BuildError {}

impl From<UriError> for BuildError {
    fn from(error: UriError) -> Self {
        Self::Uri(error)
    }
}

impl From<HeadError> for RequestError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> Self {
        Self::Head(error)
    }
}

/// A `Sec-WebSocket-Extensions` that does not follow the grammar of §9.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionError {
    pub(super) expected: &'static str,
    pub(super) line: usize,
    pub(super) at: usize,
}

impl ExtensionError {
    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        "RFC 6455 §9.1"
    }
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { expected, line, at } = self;
        write!(f, "expected {expected} at byte {at} of Sec-WebSocket-Extensions")?;
        if *line > 0 {
            write!(f, " line {}", line + 1)?;
        }
        write!(f, " ({})", self.section())
    }
}

impl std::error::Error for ExtensionError {}

impl From<ExtensionError> for RequestError {
    fn from(error: ExtensionError) -> Self {
        Self::Extensions(error)
    }
}

impl From<ExtensionError> for ResponseError {
    fn from(error: ExtensionError) -> Self {
        Self::Extensions(error)
    }
}

/// The first 64 bytes, escaped.
fn short(name: &str) -> impl fmt::Display {
    name.as_bytes()[..name.len().min(64)].escape_ascii()
}
