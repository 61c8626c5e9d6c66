//! Why a request does not become a WebSocket: what the extractor gives instead, and what is answered.
//!
//! The types are those of `axum::extract::ws::rejection`, and one more. Each has the fields that go with its status,
//! and a line of text that says what was wrong.
//!
//! | type | status | in axum |
//! |---|---|---|
//! | [`MethodNotGet`] | 405, with `Allow` | 405 |
//! | [`MethodNotConnect`] | 405, with `Allow` | 405 |
//! | [`InvalidConnectionHeader`] | 400 | 400 |
//! | [`InvalidUpgradeHeader`] | 400 | 400 |
//! | [`InvalidProtocolPseudoheader`] | 501 if it is another protocol (RFC 9220 §3), 400 if there is none | 400 |
//! | [`InvalidWebSocketVersionHeader`] | 426 if it is another version (§4.4), 400 if there is none; both with `Sec-WebSocket-Version`; over HTTP/2 always 400 | 400 |
//! | [`WebSocketKeyHeaderMissing`] | 400, also if the key is not 16 bytes in base64 (§4.2.1) | 400, if there is none |
//! | [`ConnectionNotUpgradable`] | 426 | 426 |
//! | [`InvalidRequest`] | 400 or 501 | accepted |
//!
//! A handler that has something else for those who ask for no WebSocket takes the result:
//!
//! ```
//! use axum::{Router, response::{IntoResponse, Response}, routing::any};
//! use bowstring_axum::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
//!
//! async fn page_or_socket(ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> Response {
//!     match ws {
//!         Ok(ws) => ws.on_upgrade(async |_socket| {}),
//!         Err(WebSocketUpgradeRejection::InvalidConnectionHeader(_)) => "a page\n".into_response(),
//!         Err(rejection) => rejection.into_response(),
//!     }
//! }
//! # let _: Router = Router::new().route("/", any(page_or_socket));
//! ```

use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bowstring::handshake::{RequestError, has_token, refusal};
use bowstring::hyper::Rejection;
use http::header::CONNECTION;
use http::request::Parts;
use http::{Method, StatusCode, Version};

/// What is answered. Boxed, because extractors give it in a `Result` beside what is small.
#[derive(Debug)]
struct Refusal(Box<http::Response<String>>);

impl Refusal {
    fn new(error: &RequestError, version: Version, status: Option<StatusCode>) -> Self {
        let mut response = refusal(error, version);
        if let Some(status) = status {
            *response.status_mut() = status;
        }
        Self(Box::new(response))
    }
}

macro_rules! rejections {
    ($(
        $(#[$doc:meta])*
        $name:ident: $example:expr, $status:expr;
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $name(Refusal);

            impl $name {
                fn new(error: &RequestError, version: Version) -> Self {
                    Self(Refusal::new(error, version, $status))
                }

                /// What was wrong: the text of the answer.
                pub fn body_text(&self) -> String {
                    self.to_string()
                }

                /// The status of the answer.
                pub fn status(&self) -> StatusCode {
                    self.0.0.status()
                }
            }

            /// As for a request over HTTP/1.1 that shows this fault.
            impl Default for $name {
                fn default() -> Self {
                    Self::new(&$example, Version::HTTP_11)
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(self.0.0.body().trim_end())
                }
            }

            impl std::error::Error for $name {}

            impl IntoResponse for $name {
                fn into_response(self) -> Response {
                    self.0.0.map(Body::from)
                }
            }

            impl From<$name> for WebSocketUpgradeRejection {
                fn from(rejection: $name) -> Self {
                    Self::$name(rejection)
                }
            }
        )*

        /// Why a request does not become a WebSocket; see the [module](self).
        #[derive(Debug)]
        #[non_exhaustive]
        pub enum WebSocketUpgradeRejection {
            $($(#[$doc])* $name($name),)*
        }

        impl WebSocketUpgradeRejection {
            /// What was wrong: the text of the answer.
            pub fn body_text(&self) -> String {
                match self {
                    $(Self::$name(rejection) => rejection.body_text(),)*
                }
            }

            /// The status of the answer.
            pub fn status(&self) -> StatusCode {
                match self {
                    $(Self::$name(rejection) => rejection.status(),)*
                }
            }
        }

        impl fmt::Display for WebSocketUpgradeRejection {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name(rejection) => rejection.fmt(f),)*
                }
            }
        }

        impl std::error::Error for WebSocketUpgradeRejection {}

        impl IntoResponse for WebSocketUpgradeRejection {
            fn into_response(self) -> Response {
                match self {
                    $(Self::$name(rejection) => rejection.into_response(),)*
                }
            }
        }
    };
}

rejections! {
    /// A request over HTTP/1.1 whose method is not GET (§4.2.1 item 1).
    MethodNotGet: RequestError::Method(Method::POST), None;

    /// A request over HTTP/2 whose method is not CONNECT (RFC 8441 §5).
    MethodNotConnect: RequestError::NotConnect(Method::GET), None;

    /// `Connection` does not name `upgrade` (§4.2.1 item 4): a plain request, as a rule.
    InvalidConnectionHeader: RequestError::WrongConnection, Some(StatusCode::BAD_REQUEST);

    /// `Upgrade` does not name `websocket` (§4.2.1 item 3).
    InvalidUpgradeHeader: RequestError::WrongUpgrade, Some(StatusCode::BAD_REQUEST);

    /// The `:protocol` of a request over HTTP/2 is not `websocket`, or there is none (RFC 8441 §5).
    InvalidProtocolPseudoheader: RequestError::UnknownProtocol, None;

    /// `Sec-WebSocket-Version` is not 13 (§4.2.1 item 6).
    InvalidWebSocketVersionHeader: RequestError::Missing("Sec-WebSocket-Version"), None;

    /// `Sec-WebSocket-Key` is missing, or is no key (§4.2.1 item 5).
    WebSocketKeyHeaderMissing: RequestError::Missing("Sec-WebSocket-Key"), None;

    /// The connection cannot be upgraded: the request came by HTTP/1.0, or hyper has not given the connection away.
    ConnectionNotUpgradable: RequestError::NotAnUpgrade, Some(StatusCode::UPGRADE_REQUIRED);

    /// Another rule for the opening handshake is broken, which axum does not check. For instance: there is a body,
    /// `Host` is missing, a subprotocol is offered twice, or `Sec-WebSocket-Extensions` is malformed.
    InvalidRequest: RequestError::Body, None;
}

impl WebSocketUpgradeRejection {
    /// The type that fits what is wrong with this request.
    pub(crate) fn of(rejection: &Rejection, parts: &Parts) -> Self {
        let Rejection::Request { error, version } = rejection else {
            return ConnectionNotUpgradable::new(&RequestError::NotAnUpgrade, parts.version).into();
        };
        let version = *version;
        match error {
            RequestError::Method(_) => MethodNotGet::new(error, version).into(),
            RequestError::NotConnect(_) => MethodNotConnect::new(error, version).into(),
            RequestError::UnknownProtocol | RequestError::Missing(":protocol") => {
                InvalidProtocolPseudoheader::new(error, version).into()
            }
            RequestError::NotAnUpgrade
            | RequestError::WrongUpgrade
            | RequestError::WrongConnection
            | RequestError::Missing("Connection") => {
                // axum looks at `Connection` first, and programs tell plain requests by that.
                if has_token(&parts.headers, CONNECTION, "upgrade") {
                    InvalidUpgradeHeader::new(error, version).into()
                } else {
                    InvalidConnectionHeader::new(error, version).into()
                }
            }
            RequestError::UnsupportedVersion(_)
            | RequestError::Missing("Sec-WebSocket-Version")
            | RequestError::Repeated("Sec-WebSocket-Version")
            | RequestError::Malformed("Sec-WebSocket-Version") => {
                InvalidWebSocketVersionHeader::new(error, version).into()
            }
            RequestError::Missing("Sec-WebSocket-Key")
            | RequestError::Repeated("Sec-WebSocket-Key")
            | RequestError::Malformed("Sec-WebSocket-Key") => {
                WebSocketKeyHeaderMissing::new(error, version).into()
            }
            RequestError::Version => ConnectionNotUpgradable::new(error, version).into(),
            _ => InvalidRequest::new(error, version).into(),
        }
    }
}
