//! One forward proxy: its address, as people write it, and what it wants to be told.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::net::proxy_error::ProxyUriError;

/// A forward proxy: `http://user:password@proxy.example:3128`.
///
/// | scheme | protocol | default port |
/// |---|---|---|
/// | `http`, or none | HTTP `CONNECT` (RFC 9110 §9.3.6) | 80 |
/// | `https` | the same over TLS | 443 |
/// | `socks5h`, `socks` | SOCKS5 (RFC 1928); the proxy resolves names | 1080 |
/// | `socks5` | SOCKS5; this side resolves names, and the proxy sees addresses alone | 1080 |
///
/// The user name and the password may be percent-encoded, and must be where they have one of `%:@/?#`. HTTP
/// proxies get them as Basic (RFC 7617), SOCKS5 proxies as RFC 1929 says. Both read them from the network in the
/// clear unless the scheme is `https`. `Debug` and `Display` do not show the password.
///
/// ```
/// use bowstring::net::Proxy;
///
/// let proxy: Proxy = "socks5h://ann:s%40fe@[2001:db8::7]".parse()?;
/// assert_eq!((proxy.host(), proxy.port()), ("2001:db8::7", 1080));
/// assert_eq!(proxy.to_string(), "socks5h://[2001:db8::7]:1080");
/// # Ok::<(), bowstring::net::ProxyUriError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    protocol: ProxyProtocol,
    /// Without brackets; an IPv6 address if it has a colon.
    host: String,
    /// Not zero.
    port: u16,
    credentials: Option<Credentials>,
    headers: HeaderMap,
}

/// What a forward proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// `http://`: HTTP `CONNECT`.
    Http,
    /// `https://`: HTTP `CONNECT` over TLS.
    Https,
    /// `socks5://`: SOCKS5. It is told addresses, which this side has resolved.
    Socks5,
    /// `socks5h://`: SOCKS5. It is told names, and resolves them itself.
    Socks5h,
}

#[derive(Clone, PartialEq, Eq)]
pub(in crate::net) struct Credentials {
    pub(in crate::net) user: String,
    pub(in crate::net) password: String,
}

impl Proxy {
    /// The proxy's host: a name, an IPv4 address, or an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The proxy's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it speaks.
    pub fn protocol(&self) -> ProxyProtocol {
        self.protocol
    }

    /// Logs in with these. They are taken as they are, not percent-encoded.
    ///
    /// # Errors
    ///
    /// [`Colon`](ProxyUriError::Colon) and [`TooLong`](ProxyUriError::TooLong), if the protocol cannot say them.
    pub fn credentials(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, ProxyUriError> {
        let (user, password) = (user.into(), password.into());
        if self.protocol.is_socks() {
            if user.len() > 255 || password.len() > 255 {
                return Err(ProxyUriError::TooLong);
            }
        } else if user.contains(':') {
            return Err(ProxyUriError::Colon);
        }
        self.credentials = Some(Credentials { user, password });
        Ok(self)
    }

    /// Adds a field to `CONNECT`, as `Proxy-Authorization` of another scheme than Basic. The server does not
    /// see it, and SOCKS5 proxies neither.
    ///
    /// `Host` is always the server's. A field of yours takes the place of one that would be sent otherwise.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(in crate::net) fn login(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    pub(in crate::net) fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl ProxyProtocol {
    /// Whether it is SOCKS5.
    pub fn is_socks(self) -> bool {
        matches!(self, Self::Socks5 | Self::Socks5h)
    }

    /// Whether the proxy resolves names. Otherwise this side has to: [`tunnel`](crate::net::tunnel) needs the
    /// server's address then.
    pub fn resolves_names(self) -> bool {
        !matches!(self, Self::Socks5)
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 | Self::Socks5h => 1080,
        }
    }
}

impl FromStr for Proxy {
    type Err = ProxyUriError;

    fn from_str(text: &str) -> Result<Self, ProxyUriError> {
        if let Some(at) = text.bytes().position(|byte| byte <= b' ' || byte == 0x7f) {
            return Err(ProxyUriError::Byte(at));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let protocol = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyProtocol::Http,
            "https" => ProxyProtocol::Https,
            "socks5" => ProxyProtocol::Socks5,
            // As desktops write it and browsers read it.
            "socks5h" | "socks" => ProxyProtocol::Socks5h,
            _ => return Err(ProxyUriError::Scheme),
        };
        let start = text.len() - rest.len();
        // A password as people have it may hold a slash or an @; what follows the last @ is the host.
        let (userinfo, authority) = match rest.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest),
        };
        let at = text.len() - authority.len();
        let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
        let (authority, path) = authority.split_at(end);
        if !matches!(path, "" | "/") {
            return Err(ProxyUriError::Path(at + end));
        }
        let (host, port) = host_and_port(authority, at)?;
        let proxy = Self {
            protocol,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(protocol.default_port()),
            credentials: None,
            headers: HeaderMap::new(),
        };
        let Some(userinfo) = userinfo else { return Ok(proxy) };
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let user = unescape(user, start)?;
        let password = unescape(password, at - 1 - password.len())?;
        proxy.credentials(user, password)
    }
}

impl TryFrom<&str> for Proxy {
    type Error = ProxyUriError;

    fn try_from(text: &str) -> Result<Self, ProxyUriError> {
        text.parse()
    }
}

/// The address, without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{host}{close}:{port}", self.protocol.scheme())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Proxy");
        out.field("address", &format_args!("{self}"));
        if let Some(Credentials { user, .. }) = &self.credentials {
            out.field("user", user);
        }
        // Any of their values may be a secret.
        out.field("headers", &self.headers.keys().collect::<Vec<_>>()).finish()
    }
}

/// Splits `host[:port]`, which stands at this byte of the text.
fn host_and_port(authority: &str, at: usize) -> Result<(&str, Option<u16>), ProxyUriError> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']').ok_or(ProxyUriError::Host(at))?;
            host.parse::<Ipv6Addr>().map_err(|_| ProxyUriError::Host(at + 1))?;
            (host, rest)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, rest) = authority.split_at(end);
            if let Some(wrong) = not_name_at(host) {
                return Err(ProxyUriError::Host(at + wrong));
            }
            (host, rest)
        }
    };
    let rest_at = at + authority.len() - rest.len();
    if rest.is_empty() {
        return Ok((host, None));
    }
    let digits = rest.strip_prefix(':').ok_or(ProxyUriError::Host(rest_at))?;
    if digits.is_empty() {
        return Ok((host, None));
    }
    // `parse` alone would take a plus sign.
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|&port| port != 0 && all_digits);
    port.map(|port| (host, Some(port))).ok_or(ProxyUriError::Port(rest_at + 1))
}

/// Where a text stops being the name of a host or an IPv4 address.
fn not_name_at(host: &str) -> Option<usize> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let wrong = host.bytes().position(|byte| !is_name_byte(byte));
    if host.is_empty() {
        return Some(0);
    }
    // The system's resolver would read these as other IPv4 addresses, each system in its own way.
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    wrong.or((is_number && host.parse::<Ipv4Addr>().is_err()).then_some(0))
}

/// Undoes the percent-encoding of a text that stands at this byte.
fn unescape(text: &str, at: usize) -> Result<String, ProxyUriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let here = at + text.len() - rest.len();
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let digits = digits.filter(|hex| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let value = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(value.ok_or(ProxyUriError::Byte(here))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| ProxyUriError::Byte(at))
}
