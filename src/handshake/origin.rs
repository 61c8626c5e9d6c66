//! Whose pages may connect (§10.2): the defence against cross-site WebSocket hijacking.
//!
//! A browser lets any page connect anywhere, with the visitor's cookies, and tells where the page came
//! from in `Origin`. A server that ignores it lets every site act in its visitors' names. The `server` of
//! this crate asks before its hook; whoever makes the handshake without it asks here.

use std::collections::BTreeSet;
use std::fmt;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whose pages may connect. Only requests of browsers have an `Origin`; those without one pass, for
/// whoever is no browser could claim any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Allowed);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Allowed {
    #[default]
    SameHost,
    Listed(BTreeSet<String>),
    Any,
}

/// An origin that cannot be in a list: it is not `scheme://host` or `scheme://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError(String);

impl Origins {
    /// Pages of the same host and port that the request names in `Host`. Over TLS, pages that came by
    /// `https`; in the clear those as well, for a proxy may have ended TLS. The default.
    ///
    /// A server that only its own machine or network can reach should rather [list](Self::list) its
    /// origins: a page elsewhere whose name comes to mean the server's address names itself in both.
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Pages of these origins, each as a browser writes it: `https://example.com`, with the port if
    /// it is not the scheme's own. They must match exactly; the scheme and host may be in any case.
    /// `null` stands for pages that hide where they came from, such as files.
    ///
    /// # Errors
    ///
    /// The first that is no origin: one with a path, a wildcard, a user, or a port as no browser
    /// writes it.
    pub fn list<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let parse = |origin: O| {
            let origin = origin.as_ref();
            canonical(origin).ok_or_else(|| OriginError(origin.to_owned()))
        };
        Ok(Self(Allowed::Listed(origins.into_iter().map(parse).collect::<Result<_, _>>()?)))
    }

    /// Everybody's pages. Only where nothing depends on who the visitor is: no cookies, no
    /// authentication by the browser, no network that only the visitor can reach.
    pub fn any() -> Self {
        Self(Allowed::Any)
    }

    /// Whether a request with these header fields may pass, which came over TLS or did not.
    pub fn allow(&self, headers: &HeaderMap, tls: bool) -> bool {
        let mut values = headers.get_all(ORIGIN).iter();
        let Some(value) = values.next() else { return true };
        // Two of them, or one that is malformed, come from no browser.
        let mut only = || match values.next() {
            Some(_) => None,
            None => value.to_str().ok().and_then(canonical),
        };
        match &self.0 {
            Allowed::Any => true,
            Allowed::Listed(listed) => only().is_some_and(|origin| listed.contains(&origin)),
            Allowed::SameHost => only().is_some_and(|origin| is_same_host(&origin, headers, tls)),
        }
    }
}

/// Whether an origin is that of the host which the request names.
fn is_same_host(origin: &str, headers: &HeaderMap, tls: bool) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin.split_once("://").zip(host).is_some_and(|((scheme, authority), host)| {
        if scheme != "https" && (tls || scheme != "http") {
            return false;
        }
        without_default_port(scheme, &host.to_ascii_lowercase()) == authority
    })
}

/// An origin in lower case and without the port of its scheme (RFC 6454 §6.2).
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    if origin == "null" {
        return Some(origin);
    }
    let (scheme, authority) = origin.split_once("://")?;
    let (host, port) = match authority.rfind(':').filter(|at| !authority[*at..].contains(']')) {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    let word = |text: &str, further: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || further.contains(&b))
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let legal = word(scheme, b"+-.")
        && bracketed.map_or_else(|| word(host, b"-._"), |address| word(address, b":."))
        && port.is_none_or(is_port);
    legal.then(|| format!("{scheme}://{}", without_default_port(scheme, authority)))
}

/// Whether a browser writes a port so: a number without a sign and zeros in front.
fn is_port(port: &str) -> bool {
    port.starts_with(|first| matches!(first, '1'..='9')) && port.parse::<u16>().is_ok()
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = match scheme {
        "http" | "ws" => ":80",
        "https" | "wss" => ":443",
        _ => return authority,
    };
    authority.strip_suffix(port).unwrap_or(authority)
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no origin: scheme://host or scheme://host:port (RFC 6454 §6.2)", self.0)
    }
}

impl std::error::Error for OriginError {}
