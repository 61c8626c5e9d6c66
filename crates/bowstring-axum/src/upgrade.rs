//! The extractor.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use axum_core::Error;
use axum_core::extract::FromRequestParts;
use axum_core::response::Response;
use bowstring::Config;
use bowstring::handshake::Origins;
use bowstring::hyper::Upgrading;
use bowstring::net::Deflate;
use http::HeaderValue;
use http::request::Parts;

use crate::answer::accept;
use crate::failed::{DefaultOnFailedUpgrade, OnFailedUpgrade};
use crate::rejection::WebSocketUpgradeRejection;
use crate::settings::{Settings, default_config};
use crate::socket::WebSocket;

/// An extractor for requests that ask to become a WebSocket, over HTTP/1.1 or HTTP/2.
/// [`on_upgrade`](Self::on_upgrade) makes the answer.
///
/// **The route must be `any`**, because the method is GET over HTTP/1.1 and CONNECT over HTTP/2.
///
/// ```
/// use axum::{Router, response::Response, routing::any};
/// use bowstring_axum::{Message, WebSocket, WebSocketUpgrade};
///
/// async fn handler(ws: WebSocketUpgrade) -> Response {
///     ws.protocols(["chat.v2", "chat"]).max_message_size(64 * 1024).on_upgrade(greet)
/// }
///
/// async fn greet(mut socket: WebSocket) {
///     // If the client has gone, nothing is left to do.
///     let _ = socket.send(Message::text("hello")).await;
/// }
///
/// let app: Router = Router::new().route("/ws", any(handler));
/// ```
///
/// What the extractor refuses is in [`rejection`](crate::rejection).
#[must_use = "the client gets its answer from `on_upgrade`"]
pub struct WebSocketUpgrade<F = DefaultOnFailedUpgrade> {
    pub(crate) upgrading: Upgrading,
    /// What the client offers.
    requested: Vec<HeaderValue>,
    pub(crate) selected: Option<HeaderValue>,
    pub(crate) settings: Settings,
    pub(crate) on_failed: F,
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let upgrading = Upgrading::from_parts(parts)
            .map_err(|rejection| WebSocketUpgradeRejection::of(&rejection, parts))?;
        let token = |name| HeaderValue::from_str(name).expect("it was offered, so it is a token");
        let requested = upgrading.protocols().map(token).collect();
        Ok(Self {
            upgrading,
            requested,
            selected: None,
            settings: Settings::default(),
            on_failed: DefaultOnFailedUpgrade,
        })
    }
}

impl<F> WebSocketUpgrade<F> {
    /// Names the subprotocols that the server knows, most wanted first. The first that the client offers, too, is
    /// agreed on. If there is none, the answer names none, and the client may still connect.
    ///
    /// ```
    /// use axum::response::{IntoResponse, Response};
    /// use bowstring_axum::WebSocketUpgrade;
    /// use http::StatusCode;
    ///
    /// async fn handler(ws: WebSocketUpgrade) -> Response {
    ///     let ws = ws.protocols(["v2.example.com", "v1.example.com"]);
    ///     match ws.selected_protocol() {
    ///         Some(_) => ws.on_upgrade(async |_socket| {}),
    ///         None => StatusCode::BAD_REQUEST.into_response(),
    ///     }
    /// }
    /// ```
    pub fn protocols<I>(mut self, protocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Cow<'static, str>>,
    {
        let offered = |name: Cow<'static, str>| {
            self.requested.iter().find(|offer| offer.as_bytes() == name.as_bytes()).cloned()
        };
        self.selected = protocols.into_iter().find_map(|name| offered(name.into()));
        self
    }

    /// The subprotocols that the client offers, most wanted first (§4.1).
    pub fn requested_protocols(&self) -> impl Iterator<Item = &HeaderValue> {
        self.requested.iter()
    }

    /// The subprotocol that is agreed on: by [`protocols`](Self::protocols) or
    /// [`set_selected_protocol`](Self::set_selected_protocol).
    pub fn selected_protocol(&self) -> Option<&HeaderValue> {
        self.selected.as_ref()
    }

    /// Agrees to this subprotocol, instead of what was agreed to before.
    ///
    /// It must be one that the client [offers](Self::requested_protocols) (§4.2.2): otherwise
    /// [`on_upgrade`](Self::on_upgrade) answers 500, because the client would have to give up the connection.
    pub fn set_selected_protocol(&mut self, protocol: HeaderValue) {
        self.selected = Some(protocol);
    }

    /// The longest message in bytes. Default 64 MiB. A longer one ends the connection with 1009.
    pub fn max_message_size(mut self, max: usize) -> Self {
        self.settings.max_message_size = Some(max);
        self
    }

    /// The longest frame in bytes. Default 16 MiB. A longer one ends the connection with 1009.
    pub fn max_frame_size(mut self, max: usize) -> Self {
        self.settings.max_frame_size = Some(max);
        self
    }

    /// Has no effect. The sockets of a thread share blocks of 64 KiB for reading, and one that waits has none.
    pub fn read_buffer_size(self, _size: usize) -> Self {
        self
    }

    /// Has no effect. [`WebSocket::send`] and `flush` write at once. What was only fed is written before the socket
    /// next waits for input.
    pub fn write_buffer_size(self, _size: usize) -> Self {
        self
    }

    /// How many bytes may wait to be written: [`Config::high_water`]. Default 64 KiB.
    ///
    /// Beyond that, [`WebSocket::send`] waits for room; axum's gives an error. Then the socket stops reading, too.
    pub fn max_write_buffer_size(mut self, max: usize) -> Self {
        self.settings.high_water = Some(max);
        self
    }

    /// Whether frames of clients need no mask. They do (§5.1), so `false` has no effect.
    ///
    /// With `true`, [`on_upgrade`](Self::on_upgrade) answers 500 with the reason: a server of bowstring never
    /// accepts such frames.
    pub fn accept_unmasked_frames(mut self, accept: bool) -> Self {
        self.settings.unmasked = accept;
        self
    }

    /// Calls this function if the upgrade fails: because the client has gone before it got its answer, or because
    /// the answer would not be legal. A [server](Self::server) that drains gives up what is not answered, and then it is
    /// called, too. Without it the error is dropped.
    ///
    /// The error is a [`bowstring::Error`], or a [`Rejection`](bowstring::hyper::Rejection).
    ///
    /// ```
    /// use axum::response::Response;
    /// use bowstring_axum::WebSocketUpgrade;
    ///
    /// async fn handler(ws: WebSocketUpgrade) -> Response {
    ///     ws.on_failed_upgrade(|error| eprintln!("no WebSocket: {error}")).on_upgrade(async |_| {})
    /// }
    /// ```
    pub fn on_failed_upgrade<C: OnFailedUpgrade>(self, callback: C) -> WebSocketUpgrade<C> {
        let Self { upgrading, requested, selected, settings, .. } = self;
        WebSocketUpgrade { upgrading, requested, selected, settings, on_failed: callback }
    }

    /// Sets limits, deadlines, compression and all else that a [`Config`] has, instead of
    /// [`default_config`](crate::default_config). What other methods here set counts more, in any order.
    pub fn config(mut self, config: Config) -> Self {
        self.settings.config = Some(config);
        self
    }

    /// Whether and how messages are compressed, if the client agrees (RFC 7692). Default:
    /// [`Deflate::default`]. `None` never compresses.
    ///
    /// Without the feature `deflate` nothing is compressed.
    pub fn deflate(mut self, deflate: impl Into<Option<Deflate>>) -> Self {
        self.settings.deflate = Some(deflate.into());
        self
    }

    /// Says whose pages may connect: [`on_upgrade`](Self::on_upgrade) answers others with 403 (§10.2).
    ///
    /// **Without it pages of all sites may connect**, with their visitor's cookies, as in axum. If you know the
    /// visitor by a cookie, use [`Origins::same_host`] or a [list](Origins::list).
    ///
    /// ```
    /// use axum::response::Response;
    /// use bowstring_axum::{Origins, WebSocketUpgrade};
    ///
    /// async fn handler(ws: WebSocketUpgrade) -> Response {
    ///     ws.origins(Origins::same_host()).on_upgrade(async |_socket| {})
    /// }
    /// ```
    pub fn origins(mut self, origins: Origins) -> Self {
        self.settings.origins = Some(origins);
        self
    }

    /// Whether the client came over TLS, for the check of [origins](Self::origins): then pages that came in the
    /// clear are foreign. Over HTTP/2 the request says so. Over HTTP/1.1 it does not, and the default is `false`.
    pub fn over_tls(mut self, tls: bool) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Answers, and gives the connection to `callback`, in a task of its own.
    ///
    /// The answer is 101 over HTTP/1.1 and 200 over HTTP/2. You may add header fields to it, such as cookies.
    ///
    /// # Other answers
    ///
    /// | status | if |
    /// |---|---|
    /// | 403 | pages of this origin may not connect: see [`origins`](Self::origins) |
    /// | 500 | the client has not offered the [subprotocol](Self::set_selected_protocol) |
    /// | 500 | unmasked frames [should be accepted](Self::accept_unmasked_frames) |
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use = "the client gets its answer only if it is returned"]
    pub fn on_upgrade<C, Fut>(self, callback: C) -> Response
    where
        C: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
        F: OnFailedUpgrade,
    {
        let Self { upgrading, selected, mut settings, on_failed, .. } = self;
        let config = settings.config(default_config);
        let (response, pending) = match accept(upgrading, selected.as_ref(), &settings, &config) {
            Ok(accepted) => accepted,
            Err(refused) => return refused.answer(on_failed),
        };
        tokio::spawn(async move {
            match pending.await {
                Ok(socket) => callback(WebSocket::own(socket, selected)).await,
                Err(error) => on_failed.call(Error::new(error)),
            }
        });
        response
    }
}

impl<F> fmt::Debug for WebSocketUpgrade<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("requested", &self.requested)
            .field("selected", &self.selected)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
