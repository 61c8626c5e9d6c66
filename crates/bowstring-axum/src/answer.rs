//! What an upgrade is answered.

use std::fmt;

use axum_core::Error;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bowstring::Config;
use bowstring::handshake::Origins;
use bowstring::hyper::{Pending, Rejection, Upgrading};
use http::{HeaderValue, StatusCode};

use crate::failed::OnFailedUpgrade;
use crate::settings::Settings;

/// Frames without a mask were to be accepted, which is never done (§5.1): see
/// [`accept_unmasked_frames`](crate::WebSocketUpgrade::accept_unmasked_frames).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnmaskedFramesError;

/// Why an upgrade is not accepted.
#[derive(Debug)]
pub(crate) enum Refused {
    Unmasked,
    Rejection(Rejection),
}

/// Makes the answer that accepts, and what becomes the socket.
pub(crate) fn accept(
    upgrading: Upgrading,
    selected: Option<&HeaderValue>,
    settings: &Settings,
    config: &Config,
) -> Result<(Response, Pending), Refused> {
    if settings.unmasked {
        return Err(Refused::Unmasked);
    }
    // What is no text was not offered, and fails as such.
    let text = |name: &HeaderValue| String::from_utf8_lossy(name.as_bytes()).into_owned();
    let mut upgrading = upgrading
        .protocol(selected.map(text))
        .origins(settings.origins.clone().unwrap_or_else(Origins::any));
    if let Some(tls) = settings.tls {
        upgrading = upgrading.over_tls(tls);
    }
    let (response, pending) = upgrading.accept(config).map_err(Refused::Rejection)?;
    Ok((response.map(|()| Body::empty()), pending))
}

impl Refused {
    /// The answer. If the fault is the application's, it is told.
    pub(crate) fn answer(self, on_failed: impl OnFailedUpgrade) -> Response {
        let (text, error) = match self {
            Self::Rejection(Rejection::Origin) => {
                return Rejection::Origin.into_response().map(Body::from);
            }
            Self::Rejection(rejection) => (rejection.to_string(), Error::new(rejection)),
            Self::Unmasked => (UnmaskedFramesError.to_string(), Error::new(UnmaskedFramesError)),
        };
        on_failed.call(error);
        (StatusCode::INTERNAL_SERVER_ERROR, text + "\n").into_response()
    }
}

impl fmt::Display for UnmaskedFramesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accept_unmasked_frames(true): a server must not accept them (RFC 6455 §5.1)")
    }
}

impl std::error::Error for UnmaskedFramesError {}
