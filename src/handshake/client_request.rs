//! The client's request as it is written: [`ClientRequest`] (§4.1, the first list).

use super::credentials::basic_credentials;
use super::deflate::DeflateOffer;
use super::error::BuildError;
use super::extensions::format_extensions;
use super::headers::{is_owned, is_token, not_token_at, not_value_at, trim, write_field};
use super::key::encode_nonce;
use super::uri::{Authority, Uri};
use http::header::{AUTHORIZATION, COOKIE, Entry, HOST, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Display;

/// A client's request: the URI, header fields, subprotocols.
///
/// ```
/// use bowstring::handshake::ClientRequest;
///
/// let request = ClientRequest::new("ws://example.com/chat".parse()?)
///     .header("Authorization", "Bearer a-long-random-token")
///     .protocol("chat.v2")
///     .protocol("chat");
/// # assert!(request.write([0; 16]).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Texts, URIs and requests of the crate `http` convert: see [`IntoClientRequest`](super::IntoClientRequest).
///
/// Everything is checked when the request is written: by [`write`](Self::write), or by `connect_with` of the tokio
/// layer. `Debug` shows neither credentials nor cookies, nor values that are marked as sensitive. What
/// [`headers_mut`](Self::headers_mut) adds is marked when it is taken over.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) protocols: Vec<String>,
    pub(super) deflate: Vec<DeflateOffer>,
    /// The first thing added that a request cannot have.
    fault: Option<BuildError>,
}

impl ClientRequest {
    /// A request for this URI, without header fields of yours, subprotocols and extensions.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            headers: HeaderMap::new(),
            protocols: Vec::new(),
            deflate: Vec::new(),
            fault: None,
        }
    }

    /// Adds a header field. A `Host` replaces the one from the URI.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let Err(error) = self.try_header(name.as_ref(), value.as_ref()) {
            self.fault.get_or_insert(error);
        }
        self
    }

    /// Adds all of these header fields.
    pub fn append_headers(self, headers: &HeaderMap) -> Self {
        let mut request =
            headers.iter().fold(self, |request, (name, value)| request.header(name, value));
        mark_as_in(headers, &mut request.headers);
        request
    }

    /// With a user name and a password (RFC 7617). It replaces an `Authorization` that was there.
    ///
    /// ```
    /// use bowstring::handshake::IntoClientRequest;
    ///
    /// let request = "wss://example.com/".into_client_request()?.basic_auth("Aladdin", "open sesame");
    /// assert_eq!(request.headers()["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    /// # Ok::<(), bowstring::handshake::BuildError>(())
    /// ```
    ///
    /// A user name with a colon is an error when the request is written: no server could tell where the password
    /// begins.
    pub fn basic_auth(mut self, user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        let (user, password) = (user.as_ref(), password.as_ref());
        if let Some(at) = user.iter().position(|&byte| byte == b':') {
            self.fault.get_or_insert(BuildError::UserName { at });
            return self;
        }
        self.authorization(basic_credentials(user, password).into_bytes())
    }

    /// With a bearer token (RFC 6750 §2.1). It replaces an `Authorization` that was there.
    pub fn bearer_auth(self, token: impl AsRef<[u8]>) -> Self {
        self.authorization([b"Bearer ", token.as_ref()].concat())
    }

    fn authorization(mut self, credentials: Vec<u8>) -> Self {
        self.headers.remove(AUTHORIZATION);
        self.header(AUTHORIZATION, credentials)
    }

    /// Adds a cookie. All cookies stand in one field (RFC 6265 §5.4).
    ///
    /// ```
    /// use bowstring::handshake::IntoClientRequest;
    ///
    /// let request = "wss://example.com/".into_client_request()?;
    /// let request = request.cookie("session", "4f3c").cookie("theme", "dark");
    /// assert_eq!(request.headers()["cookie"], "session=4f3c; theme=dark");
    /// # Ok::<(), bowstring::handshake::BuildError>(())
    /// ```
    ///
    /// It is an error when the request is written, if the name is not a token, or the value has a semicolon or a
    /// control character.
    pub fn cookie(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let (name, value) = (name.as_ref(), value.as_ref());
        let end = not_value_at(value.as_bytes()).into_iter().chain(value.find(';')).min();
        let fault = match (is_token(name.as_bytes()), end) {
            (true, None) => None,
            (true, Some(at)) => Some(name.len() + 1 + at),
            (false, _) => Some(not_token_at(name.as_bytes()).unwrap_or(0)),
        };
        if let Some(at) = fault {
            self.fault.get_or_insert(BuildError::Cookie { at });
            return self;
        }
        let mut all = Vec::new();
        for before in self.headers.get_all(COOKIE) {
            all.extend_from_slice(before.as_bytes());
            all.extend_from_slice(b"; ");
        }
        self.headers.remove(COOKIE);
        all.extend_from_slice(name.as_bytes());
        all.push(b'=');
        all.extend_from_slice(value.as_bytes());
        self.header(COOKIE, all)
    }

    /// Adds a parameter to the query of the URI. What needs it is escaped: `a b&c` becomes `a%20b%26c`.
    ///
    /// ```
    /// use bowstring::handshake::IntoClientRequest;
    ///
    /// let request = "wss://example.com/feed?v=2".into_client_request()?;
    /// let request = request.query("room", "red & blue").query("since", 17);
    /// assert_eq!(request.uri().resource(), "/feed?v=2&room=red%20%26%20blue&since=17");
    /// # Ok::<(), bowstring::handshake::BuildError>(())
    /// ```
    pub fn query(mut self, name: impl AsRef<str>, value: impl Display) -> Self {
        self.uri.push_query(name.as_ref(), &value.to_string());
        self
    }

    /// Offers one more subprotocol. The first is the most preferred (§4.1 item 10).
    ///
    /// A server that knows none of them may still accept the client (§4.2.2). So ask the connection which was
    /// chosen. A server that chooses one that was not offered is an error.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocols.push(name.into());
        self
    }

    /// With one more offer of permessage-deflate; the first is the most preferred (RFC 7692 §5.1). The
    /// server takes one of them or none.
    ///
    /// If there is none, the tokio layer makes the offers of its configuration. An answer that goes with
    /// no offer fails the handshake, so the last one should be the plain `DeflateOffer::default()`.
    pub fn deflate(mut self, offer: DeflateOffer) -> Self {
        self.deflate.push(offer);
        self
    }

    /// Without any offer of permessage-deflate.
    pub fn without_deflate(mut self) -> Self {
        self.deflate.clear();
        self
    }

    /// The offers of permessage-deflate, most preferred first.
    pub fn deflate_offers(&self) -> &[DeflateOffer] {
        &self.deflate
    }

    /// The URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The header fields that were added.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The header fields, to change.
    ///
    /// Fields of the handshake in them are taken over by [`IntoClientRequest`](super::IntoClientRequest), which
    /// each way to connect calls.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The subprotocols offered, most preferred first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.iter().map(String::as_str)
    }

    /// The bytes of the request. `nonce` is 16 random bytes, new for each connection (§4.1 item 7). Give the
    /// same to [`check_response`](super::check_response).
    ///
    /// # Errors
    ///
    /// - The name of a header field is not a token, or its value has a control character.
    /// - The name is `Upgrade`, `Connection`, `Content-Length`, `Transfer-Encoding` or `Sec-WebSocket-*`.
    /// - A `Host` of yours is malformed, or there are two.
    /// - A subprotocol is not a token, or is offered twice.
    pub fn write(&self, nonce: [u8; 16]) -> Result<Vec<u8>, BuildError> {
        self.check()?;
        let default_host = self.uri.host_header();
        let host = self.headers.get(HOST).map(|host| trim(host.as_bytes()));

        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.uri.resource().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_field(&mut out, b"Host", host.unwrap_or(default_host.as_bytes()));
        write_field(&mut out, b"Upgrade", b"websocket");
        write_field(&mut out, b"Connection", b"Upgrade");
        write_field(&mut out, b"Sec-WebSocket-Key", encode_nonce(nonce).as_bytes());
        write_field(&mut out, b"Sec-WebSocket-Version", b"13");
        if !self.protocols.is_empty() {
            let offered = self.protocols.join(", ");
            write_field(&mut out, b"Sec-WebSocket-Protocol", offered.as_bytes());
        }
        if !self.deflate.is_empty() {
            let offers: Vec<_> = self.deflate.iter().map(DeflateOffer::to_extension).collect();
            let offers = format_extensions(&offers);
            write_field(&mut out, b"Sec-WebSocket-Extensions", offers.as_bytes());
        }
        for (name, value) in self.headers.iter().filter(|(name, _)| **name != HOST) {
            write_field(&mut out, title_case(name).as_bytes(), value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Ok(out)
    }

    /// Whether all of it can be sent.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn check(&self) -> Result<(), BuildError> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        }?;
        self.check_protocols()?;
        self.check_deflate()?;
        self.check_headers()
    }

    fn try_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), BuildError> {
        let header = self.headers.len();
        let parsed = HeaderName::from_bytes(name).ok().filter(|_| is_token(name));
        let name = parsed.ok_or_else(|| {
            let at = not_token_at(name).unwrap_or(0);
            BuildError::HeaderName { header, at }
        })?;
        let parsed = HeaderValue::from_bytes(value).ok().filter(|_| not_value_at(value).is_none());
        let mut value = parsed.ok_or_else(|| {
            let at = not_value_at(value).unwrap_or(0);
            BuildError::HeaderValue { name: title_case(&name), at }
        })?;
        // Logs are not to show it, and HTTP/2 is not to keep it in its table (RFC 7541 §7.1.3).
        value.set_sensitive(SECRETS.contains(&name));
        match self.headers.try_append(name, value) {
            Ok(_) => Ok(()),
            Err(_) => Err(BuildError::TooManyHeaders),
        }
    }

    /// RFC 7692 §7.1.2: windows have 8–15 bits.
    fn check_deflate(&self) -> Result<(), BuildError> {
        let offered = self.deflate.iter();
        let mut bits = offered.flat_map(|o| [o.server_max_window_bits, o.client_max_window_bits]);
        match bits.find_map(|bits| bits.filter(|bits| !(8..=15).contains(bits))) {
            Some(bits) => Err(BuildError::WindowBits(bits)),
            None => Ok(()),
        }
    }

    fn check_protocols(&self) -> Result<(), BuildError> {
        for (protocol, name) in self.protocols.iter().enumerate() {
            if !is_token(name.as_bytes()) {
                let at = not_token_at(name.as_bytes()).unwrap_or(0);
                return Err(BuildError::Protocol { protocol, at });
            }
            if self.protocols[..protocol].contains(name) {
                return Err(BuildError::RepeatedProtocol(name.clone()));
            }
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<(), BuildError> {
        if let Some(name) = self.headers.keys().find(|name| is_owned(name.as_ref())) {
            return Err(BuildError::OwnedHeader(title_case(name)));
        }
        let mut hosts = self.headers.get_all(HOST).into_iter();
        if let Some(host) = hosts.next() {
            let host = trim(host.as_bytes());
            if !std::str::from_utf8(host).is_ok_and(|host| Authority::parse(host).is_ok()) {
                return Err(BuildError::Host);
            }
        }
        match hosts.next() {
            Some(_) => Err(BuildError::RepeatedHost),
            None => Ok(()),
        }
    }
}

/// Fields whose values are always secret.
const SECRETS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Marks what logs are not to show, and HTTP/2 is not to keep in its table (RFC 7541 §7.1.3).
pub(super) fn mark_secrets(headers: &mut HeaderMap) {
    SECRETS.iter().for_each(|name| mark(headers, name));
}

/// Marks the fields that are marked in others.
pub(super) fn mark_as_in(others: &HeaderMap, headers: &mut HeaderMap) {
    let marked = others.iter().filter(|(_, value)| value.is_sensitive());
    marked.for_each(|(name, _)| mark(headers, name));
}

fn mark(headers: &mut HeaderMap, name: &HeaderName) {
    if let Entry::Occupied(mut values) = headers.entry(name) {
        values.iter_mut().for_each(|value| value.set_sensitive(true));
    }
}

/// `x-request-id` is written `X-Request-Id`. Names have no case (RFC 9110 §5.1), but some old servers expect
/// this one.
pub(super) fn title_case(name: &HeaderName) -> String {
    let mut start = true;
    let cased = name.as_str().chars().map(|c| {
        let cased = if start { c.to_ascii_uppercase() } else { c };
        start = c == '-';
        cased
    });
    cased.collect()
}
