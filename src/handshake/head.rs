//! The head of a request or of a response: where it ends, and what it says (RFC 9112 §2–§5).
//!
//! There are two steps. [`HeadScanner`] looks at each byte once and finds the blank line. The [`Head`]
//! that it gives is whole and within its limit; it is parsed once.
//!
//! What implementations read differently is refused at the byte where it shows: a bare CR or LF, NUL, a
//! folded line. It would help an attacker to smuggle a request past a proxy. Bytes after the head are not
//! looked at: they may already be frames (§4.1).
//!
//! HTTP/1.0 parses, so that the refusal of an old proxy can be reported. The checks of the handshake ask
//! for 1.1.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
};
use httparse::Status;
use std::fmt;

/// How large a head may be (§10.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes, counting the start line and the blank line at the end. 16 KiB by default. The informational
    /// responses (1xx) that may come before a response have as many together.
    pub max_bytes: usize,
    /// The most field lines, whether their names repeat or not. 128 by default: proxies and content
    /// delivery networks add dozens.
    pub max_headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_bytes: 16 * 1024, max_headers: 128 }
    }
}

/// Finds the end of a head in bytes that arrive in pieces.
///
/// It remembers how far it has looked. So its work is linear in the bytes however they are cut, and the
/// outcome does not depend on the cuts.
///
/// ```
/// use bowstring::handshake::{HeadLimits, HeadScanner};
///
/// let mut scanner = HeadScanner::new(&HeadLimits::default());
/// assert_eq!(scanner.scan(b"GET / HTTP/1.1\r\nHost: a\r\n")?, None);
/// let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nframes";
/// let head = scanner.scan(bytes)?.expect("it is whole");
/// assert_eq!(&bytes[head.len()..], b"frames");
/// assert_eq!(head.request()?.headers()["host"], "a");
/// # Ok::<(), bowstring::handshake::HeadError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HeadScanner {
    max_bytes: usize,
    max_headers: usize,
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
    /// HTTP, but not HTTP/1.
    Version,
    /// The part named does not follow the grammar.
    Malformed(&'static str),
}

/// A whole head, found by [`HeadScanner::scan`] and not parsed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'b> {
    /// Ends with the blank line. The scanner's rules hold for it.
    bytes: &'b [u8],
    max_headers: usize,
}

/// Scans and parses the head of a request at the front of `bytes`. Bytes after the head are ignored.
///
/// To wait for a head that arrives in pieces, use [`HeadScanner`]: it does not scan a byte twice.
///
/// ```
/// use bowstring::handshake::{HeadLimits, parse_request_head};
///
/// let bytes = b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n";
/// let request = parse_request_head(bytes, &HeadLimits::default())?;
/// assert_eq!(request.uri().path(), "/chat");
/// # Ok::<(), bowstring::handshake::HeadError>(())
/// ```
///
/// # Errors
///
/// As [`HeadScanner::scan`] and [`Head::request`]; [`HeadError::Incomplete`] if the head has no end.
pub fn parse_request_head(bytes: &[u8], limits: &HeadLimits) -> Result<Request<()>, HeadError> {
    whole_head(bytes, limits)?.request()
}

/// Scans and parses the head of a response at the front of `bytes`. Bytes after the head are ignored.
///
/// To wait for a head that arrives in pieces, use [`HeadScanner`]: it does not scan a byte twice.
///
/// # Errors
///
/// As [`HeadScanner::scan`] and [`Head::response`]; [`HeadError::Incomplete`] if the head has no end.
pub fn parse_response_head(bytes: &[u8], limits: &HeadLimits) -> Result<Response<()>, HeadError> {
    whole_head(bytes, limits)?.response()
}

impl Head<'_> {
    /// Its length in bytes, with the blank line.
    #[expect(clippy::len_without_is_empty, reason = "no head is empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Parses the head of a request.
    ///
    /// Field values keep every byte they came with, and repeated names keep all their lines.
    ///
    /// # Errors
    ///
    /// The request line (RFC 9112 §3) or a field line (RFC 9112 §5) is malformed. A target with a
    /// fragment or a non-ASCII byte is malformed (§3).
    pub fn request(&self) -> Result<Request<()>, HeadError> {
        let mut fields = self.room_for_fields();
        let mut parsed = httparse::Request::new(&mut fields);
        let status = parsed.parse(self.bytes);
        let line = start_line(self.bytes);
        if matches!(status, Err(httparse::Error::Version | httparse::Error::NewLine))
            && has_target_with_space(line)
        {
            return Err(HeadError::Malformed("request target"));
        }
        if status == Err(httparse::Error::Version) {
            let word = line.iter().rposition(|&byte| byte == b' ').map_or(0, |space| space + 1);
            let blank = self.bytes.len() - without_blank(self.bytes).len();
            return self.as_1_1(blank + word, |head| head.request());
        }
        self.check_complete(status)?;

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
        *request.headers_mut() = self.header_map(parsed.headers)?;
        Ok(request)
    }

    /// Parses the head of a response. The reason phrase is not kept.
    ///
    /// # Errors
    ///
    /// The status line (RFC 9112 §4) or a field line (RFC 9112 §5) is malformed.
    pub fn response(&self) -> Result<Response<()>, HeadError> {
        // Only a server may pass over an empty line before the start line (RFC 9112 §2.2).
        if !self.bytes.starts_with(b"HTTP/") {
            return Err(HeadError::Malformed("status line"));
        }
        let mut fields = self.room_for_fields();
        let mut parsed = httparse::Response::new(&mut fields);
        let status = parsed.parse(self.bytes);
        if status == Err(httparse::Error::Version) {
            return self.as_1_1(0, |head| head.response());
        }
        self.check_complete(status)?;

        let code = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        let mut response = Response::new(());
        *response.status_mut() = code.ok_or(HeadError::Malformed("status code"))?;
        *response.version_mut() = version(parsed.version);
        *response.headers_mut() = self.header_map(parsed.headers)?;
        Ok(response)
    }

    /// A field line has at least four bytes, so a generous limit reserves no more than the head
    /// deserves.
    fn room_for_fields<'a>(&self) -> Vec<httparse::Header<'a>> {
        vec![httparse::EMPTY_HEADER; self.max_headers.min(self.bytes.len() / 4)]
    }

    /// Parses the head of a later version of HTTP/1, whose name begins at this byte, as one of HTTP/1.1:
    /// RFC 9110 §2.5 has it understood so.
    #[cold]
    fn as_1_1<T>(
        &self,
        at: usize,
        parse: impl FnOnce(Head<'_>) -> Result<T, HeadError>,
    ) -> Result<T, HeadError> {
        match self.bytes.get(at..at + 8) {
            Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9']) => {
                let mut bytes = self.bytes.to_vec();
                bytes[at + 7] = b'1';
                parse(Head { bytes: &bytes, max_headers: self.max_headers })
            }
            // Another version of HTTP (505), or no HTTP (400).
            Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => {
                Err(HeadError::Version)
            }
            _ => Err(HeadError::Malformed("start line")),
        }
    }

    fn check_complete(&self, status: httparse::Result<usize>) -> Result<(), HeadError> {
        match status {
            Ok(Status::Complete(length)) if length == self.bytes.len() => Ok(()),
            Err(httparse::Error::TooManyHeaders) => {
                Err(HeadError::TooManyHeaders(self.max_headers))
            }
            Err(httparse::Error::HeaderName) => Err(HeadError::Malformed("header name")),
            Err(httparse::Error::HeaderValue) => Err(HeadError::Malformed("header value")),
            _ => Err(HeadError::Malformed("start line")),
        }
    }

    fn header_map(&self, fields: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
        let mut headers = HeaderMap::new();
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| HeadError::Malformed("header name"))?;
            let value = HeaderValue::from_bytes(field.value)
                .map_err(|_| HeadError::Malformed("header value"))?;
            // The map has a bound of its own, which a larger `max_headers` must not turn into a panic.
            headers
                .try_append(name, value)
                .map_err(|_| HeadError::TooManyHeaders(self.max_headers))?;
        }
        Ok(headers)
    }
}

impl HeadScanner {
    /// A scanner for one head.
    pub fn new(limits: &HeadLimits) -> Self {
        let HeadLimits { max_bytes, max_headers } = *limits;
        Self { max_bytes, max_headers, at: 0, state: State::Line }
    }

    /// Looks at the bytes it has not seen yet. `buf` begins, in every call, with the head's first byte.
    ///
    /// Returns the head, or `None` while its end has not arrived. What was found or refused once is
    /// returned again by every later call.
    ///
    /// # Errors
    ///
    /// [`HeadError::TooLarge`] as soon as the head cannot end within the limit. NUL, a bare CR or LF (RFC 9112
    /// §2.2), or a folded line (RFC 9112 §5.2), as soon as that byte is there.
    pub fn scan<'b>(&mut self, buf: &'b [u8]) -> Result<Option<Head<'b>>, HeadError> {
        for &byte in buf.iter().take(self.max_bytes).skip(self.at) {
            if matches!(self.state, State::Ended | State::Refused(_)) {
                break;
            }
            self.state = self.state.after(byte, self.at);
            self.at += 1;
        }
        match self.state {
            State::Ended => Ok(buf.get(..self.at).map(|bytes| self.head(bytes))),
            State::Refused(error) => Err(error),
            _ if self.at == self.max_bytes => Err(HeadError::TooLarge(self.max_bytes)),
            _ => Ok(None),
        }
    }

    fn head<'b>(&self, bytes: &'b [u8]) -> Head<'b> {
        Head { bytes, max_headers: self.max_headers }
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
    /// After a CR within a line.
    Cr,
    /// After a CRLF.
    LineStart,
    /// After CRLF CR.
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

fn whole_head<'b>(bytes: &'b [u8], limits: &HeadLimits) -> Result<Head<'b>, HeadError> {
    HeadScanner::new(limits).scan(bytes)?.ok_or(HeadError::Incomplete)
}

/// Without the empty line that may precede a request (RFC 9112 §2.2).
fn without_blank(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\r\n").unwrap_or(head)
}

/// The request line, without its end.
fn start_line(head: &[u8]) -> &[u8] {
    let head = without_blank(head);
    head.split(|&byte| byte == b'\r').next().unwrap_or(head)
}

/// Whether more than a target stands between the method and the version. The parser takes what follows
/// the space for the version.
fn has_target_with_space(line: &[u8]) -> bool {
    let words: Vec<_> = line.split(|&byte| byte == b' ').collect();
    let known = matches!(words[..], [.., b"HTTP/1.1" | b"HTTP/1.0"]);
    known && words.len() > 3
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 }
}
