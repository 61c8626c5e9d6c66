//! `ws://` and `wss://` URIs (§3; the productions are RFC 3986's).
//!
//! ```text
//! ws://host[:port][/path][?query]      the resource name is path and query, "/" if the path is empty
//! ```
//!
//! [`Uri::strict`] takes what RFC 3986 allows. Everything here ends up in a request line or a `Host` field: so a
//! byte is refused rather than escaped by guess. The error says where it is. How `parse` reads is in `whatwg.rs`.
//! The server reads `Host` by the same [`Authority`]. No error repeats the text of the URI, which may hold a
//! secret.

use std::borrow::Cow;
use std::fmt;

/// A valid WebSocket URI (§3).
///
/// ```
/// use bowstring::handshake::Uri;
///
/// let uri: Uri = "WSS://Example.com/chat?room=7".parse()?;
/// assert_eq!((uri.host(), uri.port(), uri.secure()), ("example.com", 443, true));
/// assert_eq!(uri.resource(), "/chat?room=7");
/// assert_eq!(uri.to_string(), "wss://example.com/chat?room=7");
/// # Ok::<(), bowstring::handshake::UriError>(())
/// ```
///
/// The scheme and the host are in lower case, a default port is left out, and the resource name is never empty.
/// So URIs that mean the same are mostly equal. `Display` gives that form, and it parses back.
///
/// # How a text is read
///
/// [`Uri::strict`] takes what RFC 6455 §3 and RFC 3986 allow, and nothing else. `parse` does the same, unless the
/// feature `url` is on. With it, `parse` reads what people write, as browsers do (the URL standard of the WHATWG):
///
/// | text | `strict` | `parse` with the feature `url` |
/// |---|---|---|
/// | `ws://h/?filter[id]=3`, `ws://h/a\|b` | an error | taken as it is |
/// | `ws://h/a b`, `ws://h/é` | an error | `/a%20b`, `/%C3%A9` |
/// | `ws://bücher.example/` | an error | `xn--bcher-kva.example` (IDNA) |
/// | `ws://[fe80::1%25eth0]/`, `ws://[fe80::1%eth0]/` | an error | [`zone`](Self::zone) is `eth0`; `Host` is without it |
/// | `https://h/` | an error | `wss://h/`, as `new WebSocket` does |
/// | `ws://user:password@h/` | an error | an error here; [`IntoClientRequest`](super::IntoClientRequest) makes a header of it |
/// | `ws://h/#part` | an error (§3) | an error, as in browsers |
///
/// A fragment is an error in both: §3 says that it must not be used, and `new WebSocket` throws. If it were cut off, a
/// `#` in a password or name would silently lose what follows it. Write such a `#` as `%23`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    secure: bool,
    /// Without brackets; an IPv6 address if it has a colon.
    host: String,
    /// Not empty; only of an IPv6 address.
    zone: Option<String>,
    /// Not zero.
    port: u16,
    /// Begins with `/`, and is visible ASCII.
    resource: String,
}

/// Why a text is not a WebSocket URI. Positions are offsets in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriError {
    /// The scheme is neither `ws` nor `wss`, or there is none.
    Scheme,
    /// The scheme is `http` or `https`.
    HttpScheme,
    /// No `//` follows the scheme.
    NoAuthority,
    /// There is a user name or a password before the host.
    Userinfo,
    /// There is no host, or RFC 3986 §3.2.2 does not allow it, from this byte on.
    Host(usize),
    /// The zone of the IPv6 address that begins at this byte is empty, or has other characters than RFC 6874 §2
    /// allows.
    Zone(usize),
    /// The port that begins at this byte is not in 1–65535.
    Port(usize),
    /// A fragment begins at this byte.
    Fragment(usize),
    /// This byte cannot stand in a URI as it is.
    Byte(usize),
}

impl Uri {
    /// Reads a text that is a WebSocket URI by RFC 6455 §3 and RFC 3986. Nothing is escaped or left out.
    ///
    /// ```
    /// use bowstring::handshake::{Uri, UriError};
    ///
    /// assert!(Uri::strict("wss://example.com/chat?room=7").is_ok());
    /// assert_eq!(Uri::strict("wss://example.com/a b"), Err(UriError::Byte(19)));
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong, and at which byte.
    pub fn strict(text: &str) -> Result<Self, UriError> {
        if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(UriError::Byte(at));
        }
        let (scheme, rest) = text.split_once(':').ok_or(UriError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ws" => false,
            "wss" => true,
            "http" | "https" => return Err(UriError::HttpScheme),
            _ => return Err(UriError::Scheme),
        };
        let rest = rest.strip_prefix("//").ok_or(UriError::NoAuthority)?;
        let start = text.len() - rest.len();
        // Fragments MUST NOT be used, so one is an error and not cut off (§3).
        if let Some(at) = rest.find('#') {
            return Err(UriError::Fragment(start + at));
        }
        let (authority, resource) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // The ws-URI production has no userinfo (§3); sent along, it would be a password in the clear.
        if authority.contains('@') {
            return Err(UriError::Userinfo);
        }
        let authority = Authority::parse(authority).map_err(|error| match error {
            AuthorityError::Host(at) => UriError::Host(start + at),
            AuthorityError::Port(at) => UriError::Port(start + at),
        })?;
        if let Some(at) = not_resource_at(resource.as_bytes()) {
            return Err(UriError::Byte(text.len() - resource.len() + at));
        }
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        Ok(Self::new(secure, authority, None, path, query))
    }

    /// The question mark belongs to the resource name only with a query after it (§3).
    pub(super) fn new(
        secure: bool,
        authority: Authority<'_>,
        zone: Option<String>,
        path: &str,
        query: &str,
    ) -> Self {
        Self {
            secure,
            host: authority.host.to_ascii_lowercase(),
            zone,
            port: authority.port.unwrap_or(default_port(secure)),
            resource: resource(path, query),
        }
    }

    /// Adds a parameter to the query. All but unreserved characters are escaped (RFC 3986 §2.3), spaces and plus
    /// signs too: so it is read alike as a URI and as a form.
    pub(super) fn push_query(&mut self, name: &str, value: &str) {
        self.resource.push(if self.resource.contains('?') { '&' } else { '?' });
        push_escaped(&mut self.resource, name.as_bytes());
        self.resource.push('=');
        push_escaped(&mut self.resource, value.as_bytes());
    }

    /// The host to connect to: a name, an IPv4 address, or an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The zone of an IPv6 address: the interface that the address is on (RFC 4007 §11), such as `eth0` or `2`.
    ///
    /// A link-local address needs it. Only the feature `url` reads it. It means something on this machine alone, so
    /// it is not sent (RFC 6874 §4).
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Another path and query of the same host. What this address has of them may be more than
    /// [`strict`](Self::strict) takes, so nothing is checked here: see [`check_relative`].
    pub(super) fn with_resource(&self, path: &str, query: &str) -> Self {
        Self { resource: resource(path, query), ..self.clone() }
    }

    /// The host with its zone, as resolvers read it: `fe80::1%eth0`.
    pub(crate) fn scoped_host(&self) -> Cow<'_, str> {
        match &self.zone {
            Some(zone) => format!("{}%{zone}", self.host).into(),
            None => (&*self.host).into(),
        }
    }

    /// The port to connect to: 80 for `ws` and 443 for `wss` unless the URI says otherwise (§3).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the scheme is `wss`, and TLS comes first (§3, §4.1).
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The resource name: the path and query that the request line asks for (§3). It begins with `/`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The value of `Host`: an IPv6 address in brackets, no default port (§4.1 item 4).
    pub fn host_header(&self) -> String {
        self.host_with("")
    }

    fn host_with(&self, zone: &str) -> String {
        let Self { host, port, .. } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        if *port == default_port(self.secure) {
            format!("{open}{host}{zone}{close}")
        } else {
            format!("{open}{host}{zone}{close}:{port}")
        }
    }
}

impl TryFrom<&str> for Uri {
    type Error = UriError;

    fn try_from(text: &str) -> Result<Self, UriError> {
        text.parse()
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        let mut zone = String::new();
        if let Some(name) = &self.zone {
            // RFC 6874 §2.
            zone.push_str("%25");
            push_escaped(&mut zone, name.as_bytes());
        }
        write!(f, "{scheme}://{}{}", self.host_with(&zone), self.resource)
    }
}

impl UriError {
    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Host(_) => "RFC 3986 §3.2.2",
            Self::Zone(_) => "RFC 6874 §2",
            Self::Port(_) => "RFC 3986 §3.2.3",
            Self::Byte(_) => "RFC 3986 §2",
            _ => "RFC 6455 §3",
        }
    }
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the URI does not begin with ws: or wss:"),
            Self::HttpScheme => f.write_str("the scheme is http or https: write ws or wss instead"),
            Self::NoAuthority => f.write_str("the URI has no // before a host"),
            Self::Userinfo => f.write_str(
                "the URI has a user name or password: send them with ClientRequest::basic_auth",
            ),
            Self::Host(at) => write!(f, "the URI has no valid host at byte {at}"),
            Self::Zone(at) => write!(f, "the address has no valid zone at byte {at}"),
            Self::Port(at) => write!(f, "the URI's port at byte {at} is not in 1-65535"),
            Self::Fragment(at) => {
                write!(f, "the URI has a fragment at byte {at}: a # that is none is written %23")
            }
            Self::Byte(at) => write!(
                f,
                "the URI has an unescaped or misescaped byte at {at}: the feature url escapes as browsers do"
            ),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl std::error::Error for UriError {}

/// `host [":" port]`, as it stands in a URI and in `Host`.
#[derive(Debug, PartialEq)]
pub(super) struct Authority<'a> {
    /// Without brackets.
    pub(super) host: &'a str,
    /// Not zero; `None` too if nothing follows the colon (RFC 3986 §3.2.3).
    pub(super) port: Option<u16>,
}

/// Which part is wrong, and where.
#[derive(Debug, PartialEq)]
pub(super) enum AuthorityError {
    Host(usize),
    Port(usize),
}

impl<'a> Authority<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, AuthorityError> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inner) => {
                let (address, rest) = inner.split_once(']').ok_or(AuthorityError::Host(0))?;
                if !is_ipv6(address) {
                    return Err(AuthorityError::Host(1));
                }
                (address, rest)
            }
            None => {
                let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                match host.bytes().position(|byte| !is_host_byte(byte)) {
                    None if !host.is_empty() => (host, rest),
                    at => return Err(AuthorityError::Host(at.unwrap_or(0))),
                }
            }
        };
        if rest.is_empty() {
            return Ok(Self { host, port: None });
        }
        let at = text.len() - rest.len();
        let digits = rest.strip_prefix(':').ok_or(AuthorityError::Host(at))?;
        if digits.is_empty() {
            return Ok(Self { host, port: None });
        }
        // `parse` alone would take a plus sign.
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.parse().ok().filter(|&port| port != 0 && all_digits);
        port.map(|port| Self { host, port: Some(port) }).ok_or(AuthorityError::Port(at + 1))
    }
}

/// reg-name without percent-encoding: no resolver undoes it, and a name outside ASCII is written `xn--`.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Eight groups of one to four hex digits, of which one run may be `::` and the last two an IPv4 address
/// (RFC 3986 §3.2.2). Zones are not part of it.
fn is_ipv6(text: &str) -> bool {
    match text.split_once("::") {
        None => groups(text, true) == Some(8),
        Some((before, after)) => {
            let before = if before.is_empty() { Some(0) } else { groups(before, false) };
            let after = if after.is_empty() { Some(0) } else { groups(after, true) };
            before.zip(after).is_some_and(|(before, after)| before + after <= 7)
        }
    }
}

/// How many 16-bit groups these are, if they are.
fn groups(text: &str, last: bool) -> Option<usize> {
    let mut pieces = text.split(':').peekable();
    let mut count = 0;
    while let Some(piece) = pieces.next() {
        let hex = piece.bytes().all(|byte| byte.is_ascii_hexdigit());
        count += if hex && (1..=4).contains(&piece.len()) {
            1
        } else if last && pieces.peek().is_none() && is_ipv4(piece) {
            2
        } else {
            return None;
        };
    }
    Some(count)
}

fn is_ipv4(text: &str) -> bool {
    let octet = |piece: &str| {
        let canonical = piece == "0" || !piece.starts_with('0');
        canonical && !piece.starts_with('+') && piece.parse::<u8>().is_ok()
    };
    text.split('.').count() == 4 && text.split('.').all(octet)
}

/// Where the first byte lies that is neither in pchar, `/`, `?` (RFC 3986 §3.3, §3.4) nor begins a
/// percent-encoding.
fn not_resource_at(resource: &[u8]) -> Option<usize> {
    resource.iter().enumerate().position(|(at, &byte)| match byte {
        b'%' => !matches!(
            resource.get(at + 1..at + 3),
            Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()
        ),
        _ => !is_host_byte(byte) && !b"/?:@".contains(&byte),
    })
}

/// Whether a path and query, relative to another address, are such as [`Uri::strict`] takes.
pub(super) fn check_relative(text: &str) -> Result<(), UriError> {
    if let Some(at) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
        return Err(UriError::Byte(at));
    }
    if let Some(at) = text.find('#') {
        return Err(UriError::Fragment(at));
    }
    not_resource_at(text.as_bytes()).map_or(Ok(()), |at| Err(UriError::Byte(at)))
}

/// The resource name (§3): the mark belongs to a query that is not empty.
fn resource(path: &str, query: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{path}{mark}{query}")
}

fn push_escaped(out: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}
