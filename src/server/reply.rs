//! What the handshake hook answers: an acceptance, or another response.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::net::Config;

/// An acceptance: the connection is opened, and the handler gets `data`.
///
/// ```
/// use bowstring::server::Accept;
/// use http::{HeaderValue, header::SET_COOKIE};
///
/// let accept = Accept::new("ada".to_owned())
///     .protocol("chat.v2")
///     .header(SET_COOKIE, HeaderValue::from_static("seen=1"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Accept<D = ()> {
    /// What the handler gets; see [`ServerConnection::data`](super::ServerConnection::data).
    pub data: D,
    pub(super) protocol: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) config: Option<Box<Config>>,
}

/// An answer other than 101: a refusal, a challenge, a redirect, a page. The connection ends with it.
///
/// ```
/// use bowstring::server::Answer;
/// use http::{HeaderValue, StatusCode};
///
/// let no_such_room = Answer::new(StatusCode::NOT_FOUND).text("no such room\n");
/// let who_are_you = Answer::unauthorized(HeaderValue::from_static("Basic realm=\"chat\""));
/// ```
#[derive(Clone, Debug)]
pub struct Answer(pub(super) Response<Bytes>);

impl<D> Accept<D> {
    /// Accepts the request. The handler gets `data`, for instance the user's name.
    pub fn new(data: D) -> Self {
        Self { data, protocol: None, headers: HeaderMap::new(), config: None }
    }

    /// Agrees to this subprotocol. It must be one of those that the client
    /// [offers](super::Request::protocols) (§4.2.2 item 4); otherwise the request is answered with 500.
    pub fn protocol(mut self, name: impl Into<String>) -> Self {
        self.protocol = Some(name.into());
        self
    }

    /// Adds a header field to the 101, for instance a cookie. A field of the handshake itself cannot be added:
    /// then the request is answered with 500.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Other limits, timeouts or compression for this connection than the server's.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(Box::new(config));
        self
    }

    /// The subprotocol that was set.
    pub fn chosen_protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The header fields that were added to the 101.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The configuration that was set.
    pub fn chosen_config(&self) -> Option<&Config> {
        self.config.as_deref()
    }
}

impl Answer {
    /// An answer without a body. `Content-Length` and `Connection: close` are added.
    pub fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Self(response)
    }

    /// 401 with this challenge (RFC 9110 §11.6.1).
    pub fn unauthorized(challenge: HeaderValue) -> Self {
        let answer = Self::new(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, challenge);
        answer.text("this needs a user and a password, or a token\n")
    }

    /// Adds a header field.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().append(name, value);
        self
    }

    /// Sets the body to this plain text.
    pub fn text(self, text: impl Into<Bytes>) -> Self {
        self.body(HeaderValue::from_static("text/plain; charset=utf-8"), text)
    }

    /// Sets the body to this page.
    pub fn html(self, page: impl Into<Bytes>) -> Self {
        self.body(HeaderValue::from_static("text/html; charset=utf-8"), page)
    }

    /// Sets the body to this JSON text.
    pub fn json(self, json: impl Into<Bytes>) -> Self {
        self.body(HeaderValue::from_static("application/json"), json)
    }

    /// Sets the body, and its type.
    pub fn body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.0.headers_mut().insert(CONTENT_TYPE, content_type);
        *self.0.body_mut() = body.into();
        self
    }

    /// The status, header fields and body, without the fields that are added when it is written.
    pub fn response(&self) -> &Response<Bytes> {
        &self.0
    }
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

impl<B: Into<Bytes>> From<Response<B>> for Answer {
    fn from(response: Response<B>) -> Self {
        Self(response.map(Into::into))
    }
}
