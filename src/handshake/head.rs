//! The head of a request or of an answer: where it ends, and what it says (RFC 9112 §2–§5).
//!
//! Two steps, so that bytes that trickle in are not parsed again and again: [`HeadScanner`] looks at each
//! byte once and finds the blank line; then the head, now whole and no longer than its bound, is
//! tokenised once. What is ambiguous between implementations, and so of use to smugglers, is refused at
//! the byte where it shows: a bare CR or LF, NUL, a folded line. What lies behind the head is never
//! looked at: it may already be frames (§4.1: data may follow the answer in the same segment).
//!
//! HTTP/1.0 parses, so that an old proxy's refusal can be reported; the checks of the handshake ask for 1.1.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use httparse::Status;
use std::fmt;

/// How large a head may be (§10.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes, counting the start line and the blank line at the end. 16 KiB by default.
    pub max_bytes: usize,
    /// The most field lines, whether their names repeat or not. 64 by default.
    pub max_headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_bytes: 16 * 1024, max_headers: 64 }
    }
}

/// Finds the end of a head in bytes that arrive in pieces.
///
/// It remembers how far it has looked, so its work is linear in the bytes however they are cut, and its
/// outcome does not depend on the cuts.
#[derive(Debug, Clone)]
pub struct HeadScanner {
    max_bytes: usize,
    /// Bytes looked at. Never decreases, never exceeds `max_bytes`.
    at: usize,
    state: State,
}

/// Why a head was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// No blank line within this many bytes ([`HeadLimits::max_bytes`]).
    TooLarge(usize),
    /// More field lines than this ([`HeadLimits::max_headers`]).
    TooManyHeaders(usize),
    /// A NUL at this byte.
    Nul(usize),
    /// A line feed at this byte that no carriage return precedes.
    BareLf(usize),
    /// A carriage return at this byte that no line feed follows.
    BareCr(usize),
    /// A line that begins with white space, at this byte: a folded field value.
    Folded(usize),
    /// The bytes to be parsed hold no blank line.
    Incomplete,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// The part named does not follow the grammar.
    Malformed(&'static str),
}

/// Reads the head of a request from the front of `bytes`; what lies behind it is ignored.
///
/// Header values keep every byte they came with, repeated names keep all their lines. Fails as
/// [`HeadScanner::scan`] does, and if the request line (RFC 9112 §3) or a field line (RFC 9112 §5)
/// is malformed; a target with a fragment or a non-ASCII byte is (§3).
pub fn parse_request_head(bytes: &[u8], limits: &HeadLimits) -> Result<Request<()>, HeadError> {
    let head = whole_head(bytes, limits)?;
    let mut fields = room_for_fields(head, limits);
    let mut parsed = httparse::Request::new(&mut fields);
    let status = parsed.parse(head);
    complete(status, head, limits, start_line(head).rsplit(|&byte| byte == b' ').next())?;

    let method = parsed.method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let target = parsed
        .path
        // `http::Uri` would silently cut a fragment off, and take some bytes that no URI has.
        .filter(|target| target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'))
        .and_then(|target| target.parse::<Uri>().ok());
    let mut request = Request::new(());
    *request.method_mut() = method.ok_or(HeadError::Malformed("method"))?;
    *request.uri_mut() = target.ok_or(HeadError::Malformed("request target"))?;
    *request.version_mut() = version(parsed.version);
    *request.headers_mut() = header_map(parsed.headers, limits)?;
    Ok(request)
}

/// Reads the head of an answer from the front of `bytes`; what lies behind it is ignored.
///
/// Fails as [`HeadScanner::scan`] does, and if the status line (RFC 9112 §4) or a field line
/// (RFC 9112 §5) is malformed. The reason phrase is not kept.
pub fn parse_response_head(bytes: &[u8], limits: &HeadLimits) -> Result<Response<()>, HeadError> {
    let head = whole_head(bytes, limits)?;
    // Only a server may pass over an empty line before the start line (RFC 9112 §2.2).
    if !head.starts_with(b"HTTP/") {
        return Err(HeadError::Malformed("status line"));
    }
    let mut fields = room_for_fields(head, limits);
    let mut parsed = httparse::Response::new(&mut fields);
    let status = parsed.parse(head);
    complete(status, head, limits, head.get(..8))?;

    let code = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let mut response = Response::new(());
    *response.status_mut() = code.ok_or(HeadError::Malformed("status code"))?;
    *response.version_mut() = version(parsed.version);
    *response.headers_mut() = header_map(parsed.headers, limits)?;
    Ok(response)
}

impl HeadScanner {
    /// A scanner for one head.
    pub fn new(limits: &HeadLimits) -> Self {
        Self { max_bytes: limits.max_bytes, at: 0, state: State::Line }
    }

    /// Looks at the bytes it has not seen yet. `buf` begins, in every call, with the head's first byte.
    ///
    /// Returns the length of the head with its blank line, or `None` while the end has not arrived. What
    /// was found or refused once is returned again from then on.
    ///
    /// # Errors
    ///
    /// [`HeadError::TooLarge`] as soon as the head cannot end within the limit; NUL, a bare CR or LF
    /// (RFC 9112 §2.2) and a folded line (RFC 9112 §5.2) at the byte where they show.
    pub fn scan(&mut self, buf: &[u8]) -> Result<Option<usize>, HeadError> {
        for &byte in buf.iter().take(self.max_bytes).skip(self.at) {
            if matches!(self.state, State::Ended | State::Refused(_)) {
                break;
            }
            self.state = self.state.after(byte, self.at);
            self.at += 1;
        }
        match self.state {
            State::Ended => Ok(Some(self.at)),
            State::Refused(error) => Err(error),
            _ if self.at == self.max_bytes => Err(HeadError::TooLarge(self.max_bytes)),
            _ => Ok(None),
        }
    }

    /// How many bytes it has looked at.
    pub fn scanned(&self) -> usize {
        self.at
    }
}

impl HeadError {
    /// The status a server refuses such a head with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) | Self::TooManyHeaders(_) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        match self {
            Self::TooLarge(_) | Self::TooManyHeaders(_) => "RFC 6455 §10.4",
            Self::Nul(_) => "RFC 9110 §5.5",
            Self::BareLf(_) | Self::BareCr(_) => "RFC 9112 §2.2",
            Self::Folded(_) => "RFC 9112 §5.2",
            Self::Incomplete | Self::Malformed(_) => "RFC 9112 §2.1",
            Self::Version => "RFC 6455 §4.1",
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit) => write!(f, "the head is larger than {limit} bytes"),
            Self::TooManyHeaders(limit) => write!(f, "the head has more than {limit} header lines"),
            Self::Nul(at) => write!(f, "the head has a NUL at byte {at}"),
            Self::BareLf(at) => write!(f, "the head has a bare line feed at byte {at}"),
            Self::BareCr(at) => write!(f, "the head has a bare carriage return at byte {at}"),
            Self::Folded(at) => write!(f, "the head has a folded line at byte {at}"),
            Self::Incomplete => f.write_str("the head has no end"),
            Self::Version => f.write_str("the HTTP version is not 1.1"),
            Self::Malformed(part) => write!(f, "the {part} is malformed"),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl std::error::Error for HeadError {}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// Within a line.
    Line,
    /// Behind a CR within a line.
    Cr,
    /// Behind a CRLF.
    LineStart,
    /// Behind CRLF CR.
    BlankCr,
    Ended,
    Refused(HeadError),
}

impl State {
    fn after(self, byte: u8, at: usize) -> Self {
        match (self, byte) {
            (Self::Cr, b'\n') => Self::LineStart,
            (Self::BlankCr, b'\n') => Self::Ended,
            (Self::Cr | Self::BlankCr, _) => Self::Refused(HeadError::BareCr(at - 1)),
            (Self::LineStart, b'\r') => Self::BlankCr,
            // A server may replace a fold by spaces or refuse it (RFC 9112 §5.2); proxies do not agree on
            // what it means, so it is refused.
            (Self::LineStart, b' ' | b'\t') => Self::Refused(HeadError::Folded(at)),
            (_, b'\r') => Self::Cr,
            (_, b'\n') => Self::Refused(HeadError::BareLf(at)),
            (_, 0) => Self::Refused(HeadError::Nul(at)),
            _ => Self::Line,
        }
    }
}

/// The scanner's rules hold for the tokeniser too, also for a caller who did not scan.
fn whole_head<'a>(bytes: &'a [u8], limits: &HeadLimits) -> Result<&'a [u8], HeadError> {
    let end = HeadScanner::new(limits).scan(bytes)?.ok_or(HeadError::Incomplete)?;
    Ok(&bytes[..end])
}

/// A field line has at least four bytes, so a generous limit reserves no more than the head deserves.
fn room_for_fields<'a>(head: &[u8], limits: &HeadLimits) -> Vec<httparse::Header<'a>> {
    vec![httparse::EMPTY_HEADER; limits.max_headers.min(head.len() / 4)]
}

/// The first line that is not empty, without its end.
fn start_line(head: &[u8]) -> &[u8] {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    head.split(|&byte| byte == b'\r').next().unwrap_or(head)
}

fn complete(
    status: httparse::Result<usize>,
    head: &[u8],
    limits: &HeadLimits,
    version: Option<&[u8]>,
) -> Result<(), HeadError> {
    match status {
        Ok(Status::Complete(length)) if length == head.len() => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders(limits.max_headers)),
        Err(httparse::Error::HeaderName) => Err(HeadError::Malformed("header name")),
        Err(httparse::Error::HeaderValue) => Err(HeadError::Malformed("header value")),
        Err(httparse::Error::Version) if is_version(version) => Err(HeadError::Version),
        _ => Err(HeadError::Malformed("start line")),
    }
}

/// Tells another version of HTTP (505) from what is no HTTP (400).
fn is_version(text: Option<&[u8]>) -> bool {
    matches!(text, Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']))
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 }
}

fn header_map(
    fields: &[httparse::Header<'_>],
    limits: &HeadLimits,
) -> Result<HeaderMap, HeadError> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| HeadError::Malformed("header name"))?;
        let value = HeaderValue::from_bytes(field.value)
            .map_err(|_| HeadError::Malformed("header value"))?;
        // The map has a bound of its own, which a larger `max_headers` must not turn into a panic.
        headers
            .try_append(name, value)
            .map_err(|_| HeadError::TooManyHeaders(limits.max_headers))?;
    }
    Ok(headers)
}
