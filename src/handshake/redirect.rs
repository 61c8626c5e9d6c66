//! Redirects of the opening handshake: where to ask next, and with what (§4.1, RFC 9110 §15.4).

use std::fmt;

use http::Response;
use http::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};

use super::client_request::ClientRequest;
use super::headers::single;
use super::uri::{Uri, UriError, check_relative};

/// Why a redirect is not followed.
///
/// It does not repeat the address, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// The answer has no `Location`, or more than one.
    Location,
    /// What `Location` says is no address of a WebSocket. A name or password in it is an error, too.
    Uri(UriError),
    /// It leads from `wss` to `ws`, so that others could read along.
    Downgrade,
    /// It leads where this call has been already.
    Loop,
    /// There were as many redirects as are allowed: this many.
    TooMany(usize),
}

/// Whether an answer sends the client elsewhere: 301, 302, 303, 307 or 308.
pub fn is_redirect(response: &Response<()>) -> bool {
    matches!(response.status().as_u16(), 301..=303 | 307 | 308)
}

/// The request that follows a redirect.
///
/// `Location` may be relative (RFC 9110 §10.2.2). `http` in it means `ws`, and `https` means `wss`, because many
/// servers write it so. If the scheme, host or port changes, these fields of the request are left out:
/// `Authorization`, `Cookie`, `Proxy-Authorization` and `Host`.
///
/// ```
/// use bowstring::handshake::{ClientRequest, follow_redirect};
///
/// let request = ClientRequest::new("wss://example.com/a/b".parse()?).header("Cookie", "id=7");
/// let answer = |location| http::Response::builder().status(307).header("Location", location).body(());
/// let next = follow_redirect(&request, &answer("../c?d")?)?;
/// assert_eq!(next.uri().to_string(), "wss://example.com/c?d");
/// assert_eq!(next.headers().len(), 1);
/// let next = follow_redirect(&request, &answer("https://chat.example.com/")?)?;
/// assert_eq!(next.uri().to_string(), "wss://chat.example.com/");
/// assert_eq!(next.headers().len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Location`](RedirectError::Location), [`Uri`](RedirectError::Uri) and
/// [`Downgrade`](RedirectError::Downgrade). Count redirects yourself.
pub fn follow_redirect(
    request: &ClientRequest,
    response: &Response<()>,
) -> Result<ClientRequest, RedirectError> {
    let location = single(response.headers(), LOCATION).ok().flatten();
    let location = location.and_then(|value| std::str::from_utf8(value).ok());
    let from = request.uri();
    let to = resolve(from, location.ok_or(RedirectError::Location)?).map_err(RedirectError::Uri)?;
    if from.secure() && !to.secure() {
        return Err(RedirectError::Downgrade);
    }
    let origin = |uri: &Uri| (uri.secure(), uri.scoped_host().into_owned(), uri.port());
    let mut next = request.clone();
    if origin(from) != origin(&to) {
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST] {
            next.headers.remove(name);
        }
    }
    next.uri = to;
    Ok(next)
}

/// RFC 3986 §5.2. A fragment stays in and is refused: a WebSocket's URI has none (§3).
fn resolve(base: &Uri, reference: &str) -> Result<Uri, UriError> {
    let end = reference.find(['/', '?', '#']).unwrap_or(reference.len());
    if let Some(at) = reference[..end].find(':') {
        let (scheme, rest) = reference.split_at(at);
        let scheme = scheme.to_ascii_lowercase();
        let scheme = match scheme.as_str() {
            "http" => "ws",
            "https" => "wss",
            other => other,
        };
        return Uri::strict(&format!("{scheme}{rest}"));
    }
    let scheme = if base.secure() { "wss" } else { "ws" };
    if reference.starts_with("//") {
        return Uri::strict(&format!("{scheme}:{reference}"));
    }
    check_relative(reference)?;
    let (base_path, base_query) = base.resource().split_once('?').unwrap_or((base.resource(), ""));
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    if path.is_empty() {
        return Ok(base.with_resource(base_path, query.unwrap_or(base_query)));
    }
    let folder = &base_path[..=base_path.rfind('/').unwrap_or(0)];
    let folder = if path.starts_with('/') { "" } else { folder };
    let path = without_dots(&format!("{folder}{path}"));
    Ok(base.with_resource(&path, query.unwrap_or_default()))
}

/// RFC 3986 §5.2.4, of a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

impl RedirectError {
    /// The section that is violated.
    pub fn section(&self) -> &'static str {
        match self {
            Self::Location => "RFC 9110 §10.2.2",
            Self::Uri(error) => error.section(),
            Self::Downgrade => "RFC 6455 §10.6",
            Self::Loop | Self::TooMany(_) => "RFC 9110 §15.4",
        }
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Location => f.write_str("the server redirects and does not say where to"),
            Self::Uri(error) => {
                return write!(f, "the server redirects to what is no address: {error}");
            }
            Self::Downgrade => f.write_str("the server redirects from wss to ws"),
            Self::Loop => f.write_str("the server redirects in a circle"),
            Self::TooMany(most) => write!(f, "the server redirects more than {most} times"),
        }?;
        write!(f, " ({})", self.section())
    }
}

impl std::error::Error for RedirectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Uri(error) => Some(error),
            _ => None,
        }
    }
}
