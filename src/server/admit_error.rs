//! Why a server admits no connection, and what its peer is told.

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::report::{Full, Reason};

/// Why [`ServerHandle::admit`](super::ServerHandle::admit) refuses a connection. It converts into the response
/// that a server's own listeners give.
///
/// ```
/// use bowstring::server::AdmitError;
///
/// let response: http::Response<String> = AdmitError::Address.into();
/// assert_eq!(response.status(), 429);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AdmitError {
    /// The server has as many [connections](super::ServerLimits::connections) as it takes: 503.
    Full,
    /// There are as many from this [address](super::ServerLimits::per_address) as it takes: 429.
    Address,
    /// The server drains: 503.
    Draining,
    /// The request comes from a page of a foreign [origin](super::Server::origins): 403.
    Origin,
}

impl AdmitError {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Full | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Address => StatusCode::TOO_MANY_REQUESTS,
            Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    /// As what it is counted.
    pub(super) fn reason(self) -> Reason {
        match self {
            Self::Full => Reason::Full(Full::Everywhere),
            Self::Address => Reason::Full(Full::Address),
            Self::Draining => Reason::Draining,
            Self::Origin => Reason::Origin,
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::Full => "the server has as many connections as it takes\n",
            Self::Address => {
                "there are as many connections from this address as the server takes\n"
            }
            Self::Draining => "the server is going down\n",
            Self::Origin => "pages of this origin may not connect (RFC 6455 §10.2)\n",
        }
    }
}

impl From<Full> for AdmitError {
    fn from(full: Full) -> Self {
        match full {
            Full::Everywhere => Self::Full,
            Full::Address => Self::Address,
        }
    }
}

/// With a body that says why, as plain text. `B` is for instance `String`, `Bytes`, or the body of axum.
impl<B: From<&'static str>> From<AdmitError> for Response<B> {
    fn from(error: AdmitError) -> Self {
        let mut response = Response::new(B::from(error.body()));
        *response.status_mut() = error.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        response
    }
}

impl fmt::Display for AdmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.body().trim_end())
    }
}

impl std::error::Error for AdmitError {}
