//! The body of a response that is not 101, which a client reads to report it (RFC 9112 §6, §7.1).
//!
//! This is just enough HTTP to know where such a body ends without waiting for the server to close. The
//! caller limits how much of it is kept. Nothing here grows except by bytes that arrived.

use super::headers::{list, single, trim};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Response, StatusCode};

/// How the body of an answer to GET ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is no body.
    None,
    /// After this many bytes.
    Known(u64),
    /// With an empty chunk: [`Chunks`] finds it.
    Chunked,
    /// When the server closes.
    UntilClose,
}

/// Tells from the head of an answer to GET how its body ends (RFC 9112 §6.3).
///
/// A length that cannot be trusted (malformed, or given more than once) counts as
/// [`BodyLength::UntilClose`]: the connection is of no further use in any case.
///
/// ```
/// use bowstring::handshake::{BodyLength, Chunks, body_length};
///
/// let refusal = http::Response::builder().status(403).header("Content-Length", "5").body(())?;
/// assert_eq!(body_length(&refusal), BodyLength::Known(5));
///
/// let refusal = http::Response::builder().status(403).header("Transfer-Encoding", "chunked");
/// assert_eq!(body_length(&refusal.body(())?), BodyLength::Chunked);
/// let (mut chunks, mut body) = (Chunks::new(), Vec::new());
/// assert_eq!(chunks.decode(b"5\r\nsorry\r\n", &mut body), Ok(false), "more is to come");
/// assert_eq!(chunks.decode(b"0\r\n\r\n", &mut body), Ok(true));
/// assert_eq!(body, b"sorry");
/// # Ok::<(), http::Error>(())
/// ```
pub fn body_length(response: &Response<()>) -> BodyLength {
    let headers = response.headers();
    let status = response.status();
    if status.is_informational()
        || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
    {
        return BodyLength::None;
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        let chunked = list(headers, TRANSFER_ENCODING)
            .last()
            .is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        return if chunked { BodyLength::Chunked } else { BodyLength::UntilClose };
    }
    match single(headers, CONTENT_LENGTH) {
        Ok(Some(value)) if !value.starts_with(b"+") => std::str::from_utf8(value)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .map_or(BodyLength::UntilClose, BodyLength::Known),
        _ => BodyLength::UntilClose,
    }
}

/// Takes the chunks off a chunked body, in whatever pieces it arrives.
#[derive(Debug, Clone)]
pub struct Chunks {
    state: State,
    /// The size line or the trailer line being read, without its end; at most [`MAX_LINE`] bytes.
    line: Vec<u8>,
}

/// A chunked body that does not follow RFC 9112 §7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkError;

impl Chunks {
    /// At the beginning of a body.
    pub fn new() -> Self {
        Self { state: State::Size, line: Vec::new() }
    }

    /// Appends what `raw`, the next bytes from the network, holds of the body to `body`. Returns whether the
    /// body has ended; what follows it in `raw` is passed over.
    ///
    /// # Errors
    ///
    /// If a size line or the end of a chunk is malformed, or a line is longer than 256 bytes. `body` keeps
    /// what was read before.
    pub fn decode(&mut self, mut raw: &[u8], body: &mut Vec<u8>) -> Result<bool, ChunkError> {
        loop {
            if let State::Data(left) = self.state {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(raw.len());
                let (data, rest) = raw.split_at(take);
                body.extend_from_slice(data);
                raw = rest;
                // usize is at most 64 bits wide.
                self.state = match left - take as u64 {
                    0 => State::DataEnd,
                    left => State::Data(left),
                };
            }
            if self.state == State::Ended {
                return Ok(true);
            }
            let Some((&byte, rest)) = raw.split_first() else { return Ok(false) };
            raw = rest;
            if byte == b'\n' {
                let line = self.line.strip_suffix(b"\r").ok_or(ChunkError)?;
                self.state = self.state.after(line)?;
                self.line.clear();
            } else if self.line.len() < MAX_LINE {
                self.line.push(byte);
            } else {
                return Err(ChunkError);
            }
        }
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for ChunkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the chunked body is malformed (RFC 9112 §7.1)")
    }
}

impl std::error::Error for ChunkError {}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Size,
    /// This many bytes of the chunk are still to come; not zero.
    Data(u64),
    DataEnd,
    Trailer,
    Ended,
}

impl State {
    fn after(self, line: &[u8]) -> Result<Self, ChunkError> {
        match self {
            Self::Size => Ok(match chunk_size(line).ok_or(ChunkError)? {
                0 => Self::Trailer,
                size => Self::Data(size),
            }),
            Self::Trailer if line.is_empty() => Ok(Self::Ended),
            Self::Trailer => Ok(Self::Trailer),
            _ if line.is_empty() => Ok(Self::Size),
            _ => Err(ChunkError),
        }
    }
}

/// Hex digits. After a semicolon come extensions, which mean nothing here.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = trim(line.split(|&byte| byte == b';').next()?);
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u64::from_str_radix(digits, 16).ok()
}

const MAX_LINE: usize = 256;
