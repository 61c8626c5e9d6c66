//! Why a request does not become a WebSocket, and the answer that says so.

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode, Version};

use crate::handshake::{BuildError, RequestError, refusal};

/// Why a request does not become a WebSocket. [`into_response`](Self::into_response) makes the answer.
///
/// ```
/// use bowstring::handshake::RequestError;
/// use bowstring::hyper::{Rejection, Upgrading};
///
/// let mut request = http::Request::get("/chat").header("Host", "example.com").body(())?;
/// let refusal = Upgrading::from_request(&mut request).unwrap_err();
/// assert!(matches!(refusal, Rejection::Request { error: RequestError::NotAnUpgrade, .. }));
/// assert_eq!(refusal.into_response().status(), 426);
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The request is not a legal opening handshake.
    Request {
        /// What is wrong with it.
        error: RequestError,
        /// Its version of HTTP. The answer depends on it.
        version: Version,
    },
    /// Pages of this origin may not connect (§10.2): see [`Upgrading::origins`](super::Upgrading::origins).
    Origin,
    /// hyper cannot give the connection away. On HTTP/1.1 it was served without upgrades, or the request was
    /// taken apart before.
    NotUpgradable,
    /// The answer is not legal: the fault is the application's.
    Build(BuildError),
}

impl Rejection {
    /// The status to answer with.
    ///
    /// | | |
    /// |---|---|
    /// | `Request` | 400, 405, 426, 501 or 505 |
    /// | `Origin` | 403 |
    /// | `NotUpgradable`, `Build` | 500 |
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Request { error, version } => refusal(error, *version).status(),
            Self::Origin => StatusCode::FORBIDDEN,
            Self::NotUpgradable | Self::Build(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The answer, with a line of text for the client. A fault of the application's is not told.
    ///
    /// For another type of body use [`map`](Response::map) on what this gives.
    pub fn into_response(self) -> Response<String> {
        let status = self.status();
        let text = match self {
            Self::Request { error, version } => return refusal(&error, version),
            Self::Origin => format!("{self}\n"),
            Self::NotUpgradable | Self::Build(_) => String::new(),
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        if !response.body().is_empty() {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, text);
        }
        response
    }
}

impl From<Rejection> for Response<String> {
    fn from(refusal: Rejection) -> Self {
        refusal.into_response()
    }
}

impl From<BuildError> for Rejection {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { error, .. } => error.fmt(f),
            Self::Origin => f.write_str("pages of this origin may not connect (RFC 6455 §10.2)"),
            Self::NotUpgradable => f.write_str("hyper does not give the connection away"),
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Rejection {}
