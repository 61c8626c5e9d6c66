//! Whose pages may connect (§10.2): the defence against cross-site WebSocket hijacking.
//!
//! A browser lets any page connect anywhere, with the visitor's cookies. It tells in `Origin` where the
//! page came from. A server that ignores this lets every site act in its visitors' names. The `server` of
//! this crate checks the origin before it asks its hook. Without it, check here before you accept.

use std::collections::BTreeSet;
use std::fmt;

use http::Request;
use http::header::{HOST, ORIGIN};

/// Whose pages may connect.
///
/// Browsers send an `Origin` with every request. A request without one passes: a client that is no
/// browser could claim any.
///
/// ```
/// use bowstring::handshake::Origins;
///
/// let request = |origin| {
///     let request = http::Request::get("/chat").header("Host", "example.com");
///     request.header("Origin", origin).body(()).unwrap()
/// };
/// let same = Origins::same_host();
/// assert!(same.allow(&request("https://example.com"), true));
/// assert!(!same.allow(&request("https://example.org"), true));
///
/// // A web page, an app in a web view, and a native client with a word of its own.
/// let listed = Origins::list(["https://app.example.org", "file://"])?.or_exactly("MyApp/1.0");
/// assert!(listed.allow(&request("https://app.example.org"), true));
/// assert!(listed.allow(&request("MyApp/1.0"), true));
/// assert!(!listed.allow(&request("https://example.com"), true));
/// # Ok::<(), bowstring::handshake::OriginError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    allowed: Allowed,
    /// Values that pass as they are, besides.
    exact: BTreeSet<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Allowed {
    #[default]
    SameHost,
    Listed(BTreeSet<String>),
    Any,
}

/// A text that cannot be in a list of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError(String);

impl Origins {
    /// Pages of the same host and port that the request asks for. The default.
    ///
    /// The request names them in its target, if that is absolute, else in `Host`. Over TLS, pages pass
    /// that came by `https`. In the clear those of `http` pass as well, and those of `https` because a
    /// proxy may have ended TLS. `ws` and `wss` count as `http` and `https`: native clients write them.
    ///
    /// A server that only its own machine or network can reach should rather [list](Self::list) its
    /// origins. A page elsewhere can make its own name mean the server's address (DNS rebinding), and
    /// then names itself in both.
    pub fn same_host() -> Self {
        Self::default()
    }

    /// Pages of these origins, each as a browser writes it: `https://example.com`, with the port if it
    /// is not the scheme's own.
    ///
    /// The scheme, host and port must match; case and one trailing slash do not matter. `null` stands
    /// for pages that hide where they came from, such as files. `file://`, `content://` and the like
    /// have no host. `host:port` without a scheme is what some native clients send. For any other text
    /// there is [`or_exactly`](Self::or_exactly).
    ///
    /// # Errors
    ///
    /// The first that is no origin: one with a path, a wildcard, a user, a port as no browser writes it,
    /// or a bare host without a port.
    pub fn list<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let parse = |origin: O| {
            let origin = origin.as_ref();
            canonical(origin).ok_or_else(|| OriginError(origin.to_owned()))
        };
        let listed = origins.into_iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { allowed: Allowed::Listed(listed), ..Self::default() })
    }

    /// Everybody's pages. Only where nothing depends on who the visitor is: no cookies, no
    /// authentication by the browser, no network that only the visitor can reach.
    pub fn any() -> Self {
        Self { allowed: Allowed::Any, ..Self::default() }
    }

    /// And requests whose `Origin` is this very text, byte for byte. It need not be an origin: native
    /// clients may send what they like.
    pub fn or_exactly(mut self, origin: impl AsRef<[u8]>) -> Self {
        self.exact.insert(origin.as_ref().to_owned());
        self
    }

    /// Whether this request may pass, which came over TLS or did not.
    pub fn allow<B>(&self, request: &Request<B>, tls: bool) -> bool {
        let mut values = request.headers().get_all(ORIGIN).iter();
        let Some(value) = values.next() else { return true };
        if let Allowed::Any = self.allowed {
            return true;
        }
        // No browser sends two of them, or one that is malformed.
        if values.next().is_some() {
            return false;
        }
        if self.exact.contains(value.as_bytes()) {
            return true;
        }
        let Some(origin) = value.to_str().ok().and_then(canonical) else { return false };
        match &self.allowed {
            Allowed::Any => true,
            Allowed::Listed(listed) => listed.contains(&origin),
            Allowed::SameHost => is_same_host(&origin, request, tls),
        }
    }
}

/// Whether an origin is that of the host which the request asks for.
fn is_same_host<B>(origin: &str, request: &Request<B>, tls: bool) -> bool {
    // RFC 9112 §3.2.2: the host of an absolute target counts, and `Host` MUST be ignored then.
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()),
    };
    origin.split_once("://").zip(host).is_some_and(|((scheme, authority), host)| {
        let fits = match scheme {
            "https" | "wss" => true,
            "http" | "ws" => !tls,
            _ => false,
        };
        fits && without_default_port(scheme, &host.to_ascii_lowercase()) == authority
    })
}

/// An origin in lower case, without the port of its scheme and without a slash at its end
/// (RFC 6454 §6.2).
fn canonical(origin: &str) -> Option<String> {
    let origin = origin.to_ascii_lowercase();
    if origin == "null" {
        return Some(origin);
    }
    let Some((scheme, authority)) = origin.split_once("://") else {
        // A host alone is rather a mistake in the list than what a client sends.
        let (_, port) = host_and_port(&origin)?;
        return port.is_some().then_some(origin);
    };
    if !is_word(scheme, b"+-.") {
        return None;
    }
    // The pages of an app come by a scheme of its own, and from no host.
    let is_web = matches!(scheme, "http" | "https" | "ws" | "wss");
    if authority.is_empty() && !is_web {
        return Some(origin);
    }
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    host_and_port(authority)?;
    Some(format!("{scheme}://{}", without_default_port(scheme, authority)))
}

/// The two parts of `host[:port]`, if it is that.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match authority.rfind(':').filter(|at| !authority[*at..].contains(']')) {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host =
        bracketed.map_or_else(|| is_word(host, b"-._"), |address| is_word(address, b":."));
    (is_host && port.is_none_or(is_port)).then_some((host, port))
}

/// Whether a text is not empty and has only letters, digits and these bytes.
fn is_word(text: &str, further: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || further.contains(&b))
}

/// Whether a browser writes a port so: a number without a sign and without zeros in front.
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
        let text = &self.0;
        write!(
            f,
            "{text:?} is no origin: scheme://host, scheme://host:port or host:port (RFC 6454 §6.2); \
             Origins::or_exactly takes any text"
        )
    }
}

impl std::error::Error for OriginError {}
