//! How `parse` reads with the feature `url`: as browsers do (the URL standard of the WHATWG), by the crate `url`.
//!
//! That crate does not say where a text is wrong: the part that its error speaks of is looked up here. Zones of
//! IPv6 addresses are not part of that standard: they are taken out before, and read by RFC 6874.

use super::uri::{Authority, AuthorityError, Uri, UriError};
use std::ops::Range;
use std::str::FromStr;
use url::{ParseError, Url};

/// A user name and a password, unescaped.
pub(super) struct Userinfo {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Userinfo {
    pub(super) fn user(&self) -> &[u8] {
        &self.user
    }

    pub(super) fn password(&self) -> &[u8] {
        &self.password
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        match read(text)? {
            (uri, None) => Ok(uri),
            // A URI is shown in logs: it has no place for a password.
            (_, Some(_)) => Err(UriError::Userinfo),
        }
    }
}

/// The URI, and who the text says asks.
pub(super) fn read(text: &str) -> Result<(Uri, Option<Userinfo>), UriError> {
    let (without, zone) = split_zone(text)?;
    let text_read = without.as_deref().unwrap_or(text);
    let url = Url::parse(text_read).map_err(|error| explain(text, error))?;
    // `new WebSocket` takes http and https as well.
    let secure = match url.scheme() {
        "ws" | "http" => false,
        "wss" | "https" => true,
        _ => return Err(UriError::Scheme),
    };
    // Fragments MUST NOT be used (§3), and `new WebSocket` throws.
    if url.fragment().is_some() {
        return Err(UriError::Fragment(text.find('#').unwrap_or(0)));
    }
    let at = host_range(text).start;
    let host = url.host_str().ok_or(UriError::Host(at))?;
    let port = url.port_or_known_default().filter(|&port| port != 0);
    let port = port.ok_or_else(|| UriError::Port(port_at(text)))?;
    // The standard allows some bytes in a host that the Host field does not (RFC 3986 §3.2.2).
    let authority = Authority::parse(host).map_err(|error| match error {
        AuthorityError::Host(_) | AuthorityError::Port(_) => UriError::Host(at),
    })?;
    let authority = Authority { port: Some(port), ..authority };
    let uri = Uri::new(secure, authority, zone, url.path(), url.query().unwrap_or(""));
    let password = url.password().unwrap_or("");
    let named = !url.username().is_empty() || !password.is_empty();
    let userinfo =
        named.then(|| Userinfo { user: unescape(url.username()), password: unescape(password) });
    Ok((uri, userinfo))
}

/// The text without the zone of its address, and the zone (RFC 6874 §2: `%25` and a name; §3: a bare `%` is taken,
/// too).
fn split_zone(text: &str) -> Result<(Option<String>, Option<String>), UriError> {
    let host = host_range(text);
    let Some(inner) = text[host.clone()].strip_prefix('[') else { return Ok((None, None)) };
    let Some((address, rest)) = inner.split_once('%') else { return Ok((None, None)) };
    let start = host.start + 1 + address.len();
    let zone = rest.split_once(']').ok_or(UriError::Host(host.start))?.0;
    let end = start + 1 + zone.len();
    let name = zone.strip_prefix("25").filter(|name| !name.is_empty()).unwrap_or(zone);
    let name = String::from_utf8(unescape(name)).map_err(|_| UriError::Zone(start))?;
    // An interface's name is a word; what else could be meant is not for a resolver to guess.
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if name.is_empty() || !name.chars().all(is_word) {
        return Err(UriError::Zone(start));
    }
    Ok((Some(format!("{}{}", &text[..start], &text[end..])), Some(name)))
}

/// What is wrong, and where it begins.
fn explain(text: &str, error: ParseError) -> UriError {
    match error {
        ParseError::InvalidPort => UriError::Port(port_at(text)),
        ParseError::RelativeUrlWithoutBase | ParseError::RelativeUrlWithCannotBeABaseBase => {
            UriError::Scheme
        }
        _ => UriError::Host(host_range(text).start),
    }
}

/// Where the host stands, with its port: after the scheme, its slashes and the last `@`, before the path.
fn host_range(text: &str) -> Range<usize> {
    let scheme = text.find(':').map_or(0, |colon| colon + 1);
    let slashes = text[scheme..].bytes().take_while(|byte| b"/\\".contains(byte)).count();
    let start = scheme + slashes;
    let end = text[start..].find(['/', '\\', '?', '#']).map_or(text.len(), |len| start + len);
    let userinfo = text[start..end].rfind('@').map_or(0, |at| at + 1);
    start + userinfo..end
}

fn port_at(text: &str) -> usize {
    let host = host_range(text);
    text[host.clone()].rfind(':').map_or(host.start, |colon| host.start + colon + 1)
}

/// The bytes that a text stands for (RFC 3986 §2.1). What is no percent-encoding stays as it is.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let escaped = (*first == b'%').then(|| Some(digit(0)? * 16 + digit(1)?)).flatten();
        match escaped.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
