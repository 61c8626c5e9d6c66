//! The pieces that HTTP field values are made of: tokens, comma lists, quoted strings (RFC 9110 §5.6).
//!
//! They are written by hand for two reasons. Each must take time linear in the value: [`Cursor`] only moves
//! forward. And each must take any byte: a value may hold 0x80–0xFF (obs-text, RFC 9110 §5.5). A list is read
//! over *all* field lines of its name (RFC 9110 §5.3).

use http::{HeaderMap, HeaderName};

/// Whether `bytes` is a token: one or more visible ASCII characters, without separators (RFC 9110 §5.6.2).
/// A subprotocol is one (§4.1 item 10).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && not_token_at(bytes).is_none()
}

/// The elements of a comma list, from all field lines called `name`, in order and without white space around
/// them.
///
/// Empty elements are left out (RFC 9110 §5.6.1.2). An element may hold any byte but a comma.
pub fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Whether the comma list `name` has an element equal to `token`, in any case of ASCII letters. The whole
/// element counts: `websocket/13` is not `websocket`.
pub fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    list(headers, name).any(|element| element.eq_ignore_ascii_case(token.as_bytes()))
}

/// The name stands on more than one field line.
#[derive(Debug, PartialEq)]
pub(super) struct Repeated;

/// The trimmed value of a field that may stand only once.
pub(super) fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&[u8]>, Repeated> {
    let mut lines = headers.get_all(name).into_iter();
    let first = lines.next();
    match lines.next() {
        None => Ok(first.map(|value| trim(value.as_bytes()))),
        Some(_) => Err(Repeated),
    }
}

/// Where the first byte lies that cannot be in a token.
pub(super) fn not_token_at(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| !is_token_byte(byte))
}

/// Where the first byte lies that cannot be in a field value: a control other than HTAB
/// (RFC 9110 §5.5).
pub(super) fn not_value_at(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte != b'\t' && (byte < b' ' || byte == 0x7F))
}

/// Without the optional white space at both ends (RFC 9110 §5.6.3).
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Reads one field value from front to back.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    /// Never decreases.
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// A token, or `None` with the cursor left at the byte that is none.
    pub(super) fn token(&mut self) -> Option<&'a str> {
        let rest = self.bytes.get(self.at..)?;
        let token = &rest[..not_token_at(rest).unwrap_or(rest.len())];
        self.at += token.len();
        std::str::from_utf8(token).ok().filter(|token| !token.is_empty())
    }

    /// A quoted string without its quotes and backslashes (RFC 9110 §5.6.4), or `None` with the cursor
    /// left where it stopped being one.
    pub(super) fn quoted(&mut self) -> Option<Vec<u8>> {
        if !self.eat(b'"') {
            return None;
        }
        let mut unquoted = Vec::new();
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(unquoted);
                }
                b'\\' => self.at += 1,
                _ => {}
            }
            let byte = self.peek()?;
            if not_value_at(&[byte]).is_some() {
                return None;
            }
            unquoted.push(byte);
            self.at += 1;
        }
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::CONNECTION;

    #[test]
    fn tokens_are_the_77_characters() {
        let separators = b"()<>@,;:\\\"/[]?={} \t";
        for byte in 0..=255u8 {
            let expected = (0x21..=0x7E).contains(&byte) && !separators.contains(&byte);
            assert_eq!(is_token(&[byte]), expected, "{byte:#04x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn lists_run_over_all_lines_and_skip_the_empty() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_static(" ,keep-alive ,,\t"));
        headers.append(CONNECTION, HeaderValue::from_static(""));
        headers.append(CONNECTION, HeaderValue::from_bytes(b"\xff,\tUpGrade\t").unwrap());
        let elements: Vec<_> = list(&headers, CONNECTION).collect();
        assert_eq!(elements, [&b"keep-alive"[..], b"\xff", b"UpGrade"]);
        assert!(has_token(&headers, CONNECTION, "upgrade"));
        assert!(!has_token(&headers, CONNECTION, "keep"));
        assert_eq!(single(&headers, CONNECTION), Err(Repeated));
        assert_eq!(single(&headers, http::header::HOST), Ok(None));
    }

    #[test]
    fn quoted_strings() {
        for (bytes, expected, at) in [
            (&br#""""#[..], Some(&b""[..]), 2),
            (br#""a b"c"#, Some(b"a b"), 5),
            (br#""\"\\\a""#, Some(br#""\a"#), 8),
            (b"\"\xff\\\xff\t\"", Some(b"\xff\xff\t"), 6),
            (br#""a"#, None, 2),
            (br#""a\"#, None, 3),
            (br#""a\""#, None, 4),
            (b"\"a\0\"", None, 2),
            (b"\"a\\\x7f\"", None, 3),
            (b"a", None, 0),
            (b"", None, 0),
        ] {
            let mut cursor = Cursor::new(bytes);
            assert_eq!(cursor.quoted().as_deref(), expected, "{}", bytes.escape_ascii());
            assert_eq!(cursor.at(), at, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn s22_a_quote_that_never_ends_is_walked_once() {
        let mut bytes = vec![b'\\'; 16 * 1024];
        bytes[0] = b'"';
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(cursor.quoted(), None);
        assert_eq!(cursor.at(), bytes.len());
        assert_eq!(cursor.quoted(), None);
        assert_eq!(cursor.token(), None);
        assert_eq!(cursor.at(), bytes.len());
    }
}
