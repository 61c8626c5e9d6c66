//! What is taken for a client's request, and what becomes of the handshake's fields in it.

use super::client_request::{ClientRequest, mark_secrets, title_case};
use super::deflate::{DeflateOffer, is_deflate};
use super::error::BuildError;
use super::extensions::parse_extensions;
use super::headers::{is_owned, list, single};
use super::key::is_key;
use super::uri::Uri;
use super::whatwg;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, Method, Request, Version};

/// What converts into a [`ClientRequest`]. Each way to connect takes all of these.
///
/// ```
/// use bowstring::handshake::{ClientRequest, IntoClientRequest};
///
/// let from_text = "ws://example.com/chat".into_client_request()?;
/// assert_eq!(from_text.uri().resource(), "/chat");
///
/// // A request as other libraries want it. The fields of the handshake are taken over.
/// let request = http::Request::get("ws://example.com/chat")
///     .header("Host", "example.com")
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Version", "13")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Sec-WebSocket-Protocol", "chat.v2, chat")
///     .body(())?;
/// let request: ClientRequest = request.into_client_request()?;
/// assert!(request.protocols().eq(["chat.v2", "chat"]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A user name and a password in an address (`wss://user:password@example.com`) become an `Authorization` field with the
/// feature `url`. Without it they are an error: see [`Uri`].
///
/// # Fields of the handshake
///
/// A request may have fields that the handshake writes itself (§4.1). What they say decides:
///
/// | field | |
/// |---|---|
/// | `Sec-WebSocket-Protocol` | its names are offered, after those offered already |
/// | `Sec-WebSocket-Extensions` | offers of permessage-deflate are made; another extension is an error |
/// | `Sec-WebSocket-Key` | dropped: each connection has a new one (§4.1 item 7) |
/// | `Sec-WebSocket-Version: 13`, `Upgrade: websocket`, `Connection: Upgrade`, `Content-Length: 0` | dropped: they are written anyway, or mean nothing |
/// | any of these with another value, `Transfer-Encoding`, other `Sec-WebSocket-*` | an error |
/// | `Host` | replaces the one from the URI |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no address and no request",
    label = "this does not convert into a request",
    note = "addresses are `&str`, `String`, `Uri` and `http::Uri`; requests are `ClientRequest` and `http::Request<()>`",
    note = "a `url::Url` is one with the feature `url`; without it call `.as_str()`"
)]
pub trait IntoClientRequest {
    /// The request.
    ///
    /// # Errors
    ///
    /// [`BuildError::Uri`] if the address is no WebSocket URI, and what else keeps the request from being sent.
    fn into_client_request(self) -> Result<ClientRequest, BuildError>;
}

impl IntoClientRequest for ClientRequest {
    fn into_client_request(mut self) -> Result<ClientRequest, BuildError> {
        take_over(&mut self)?;
        Ok(self)
    }
}

impl IntoClientRequest for &ClientRequest {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for Uri {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        Ok(ClientRequest::new(self))
    }
}

impl IntoClientRequest for &Uri {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for &str {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        let (uri, userinfo) = whatwg::read(self)?;
        let request = ClientRequest::new(uri);
        Ok(match userinfo {
            Some(userinfo) => request.basic_auth(userinfo.user(), userinfo.password()),
            None => request,
        })
    }
}

impl IntoClientRequest for String {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &String {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for http::Uri {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.to_string().into_client_request()
    }
}

impl IntoClientRequest for &http::Uri {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.to_string().into_client_request()
    }
}

impl IntoClientRequest for http::request::Parts {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        if self.method != Method::GET {
            return Err(BuildError::Method(self.method));
        }
        if self.version < Version::HTTP_11 {
            return Err(BuildError::Version(self.version));
        }
        let mut request = self.uri.into_client_request()?;
        request.headers.extend(self.headers);
        request.into_client_request()
    }
}

impl IntoClientRequest for Request<()> {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.into_parts().0.into_client_request()
    }
}

impl IntoClientRequest for &Request<()> {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.clone().into_client_request()
    }
}

/// Takes the fields of the handshake out of the others, and does what they say.
fn take_over(request: &mut ClientRequest) -> Result<(), BuildError> {
    mark_secrets(&mut request.headers);
    // Most requests have none.
    if !request.headers.keys().any(|name| is_owned(name.as_ref())) {
        return Ok(());
    }
    let headers = &request.headers;
    let offered = list(headers, SEC_WEBSOCKET_PROTOCOL);
    // What is no text is no token either: that is found when the request is written.
    let protocols: Vec<_> =
        offered.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let deflate = deflate_offers(headers)?;

    let is_token =
        |token: &'static str| move |text: &[u8]| text.eq_ignore_ascii_case(token.as_bytes());
    let upgrade = list(headers, UPGRADE).all(is_token("websocket"));
    let is_usual = |token: &[u8]| is_token("upgrade")(token) || is_token("keep-alive")(token);
    let connection = list(headers, CONNECTION).all(is_usual);
    let is_once = |name, is_right: fn(&[u8]) -> bool| match single(headers, name) {
        Ok(value) => value.is_none_or(is_right),
        Err(_) => false,
    };
    let version = is_once(SEC_WEBSOCKET_VERSION, |version| version == b"13");
    let key = is_once(SEC_WEBSOCKET_KEY, is_key);
    let length = is_once(CONTENT_LENGTH, |length| length == b"0");
    let taken: [(HeaderName, bool); 7] = [
        (UPGRADE, upgrade),
        (CONNECTION, connection),
        (SEC_WEBSOCKET_VERSION, version),
        (SEC_WEBSOCKET_KEY, key),
        (CONTENT_LENGTH, length),
        (SEC_WEBSOCKET_PROTOCOL, true),
        (SEC_WEBSOCKET_EXTENSIONS, true),
    ];
    for (name, is_right) in taken {
        if !is_right {
            return Err(BuildError::OwnedHeader(title_case(&name)));
        }
        request.headers.remove(name);
    }
    request.protocols.extend(protocols);
    request.deflate.extend(deflate);
    // Any other is found when the request is written, and here for those who only convert.
    match request.headers.keys().find(|name| is_owned(name.as_ref())) {
        Some(name) => Err(BuildError::OwnedHeader(title_case(name))),
        None => Ok(()),
    }
}

fn deflate_offers(headers: &HeaderMap) -> Result<Vec<DeflateOffer>, BuildError> {
    let unknown = || BuildError::OwnedHeader(title_case(&SEC_WEBSOCKET_EXTENSIONS));
    let extensions = parse_extensions(headers).map_err(|_| unknown())?;
    let offers = extensions.iter().map(|extension| match is_deflate(extension) {
        true => DeflateOffer::parse(extension).map_err(|_| unknown()),
        false => Err(unknown()),
    });
    offers.collect()
}
