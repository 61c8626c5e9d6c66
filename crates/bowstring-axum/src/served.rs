//! An upgrade whose connection a server manages.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use axum_core::Error;
use axum_core::response::Response;
use bowstring::Config;
use bowstring::hyper::Pending;
use bowstring::net::Transport;
use bowstring::server::{HandlerOutcome, Peer, Permit, ServerConnection, ServerHandle};
use http::HeaderValue;

use crate::answer::accept;
use crate::failed::{DefaultOnFailedUpgrade, OnFailedUpgrade};
use crate::socket::WebSocket;
use crate::upgrade::WebSocketUpgrade;

/// An upgrade whose connection a [`Server`](bowstring::server::Server) manages: from
/// [`WebSocketUpgrade::server`].
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::{ConnectInfo, State};
/// use axum::{Router, response::Response, routing::any};
/// use bowstring::server::{Server, ServerHandle};
/// use bowstring_axum::{WebSocket, WebSocketUpgrade};
///
/// async fn handler(
///     ws: WebSocketUpgrade,
///     ConnectInfo(peer): ConnectInfo<SocketAddr>,
///     State(server): State<ServerHandle>,
/// ) -> Response {
///     ws.server(&server, peer).on_upgrade(echo)
/// }
///
/// async fn echo(mut socket: WebSocket) {
///     while let Some(Ok(message)) = socket.recv().await {
///         if socket.send(message).await.is_err() {
///             return;
///         }
///     }
/// }
///
/// async fn run(listener: tokio::net::TcpListener) -> std::io::Result<()> {
///     let server = Server::new().handle();
///     let app = Router::new().route("/ws", any(handler)).with_state(server.clone());
///     let signal = server.clone();
///     tokio::spawn(async move {
///         let _ = tokio::signal::ctrl_c().await;
///         signal.drain();
///     });
///     // When the server drains, its connections get a close frame, and axum stops accepting.
///     axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
///         .with_graceful_shutdown(server.draining())
///         .await?;
///     println!("{:?}", server.drained().await);
///     Ok(())
/// }
/// ```
///
/// # What the server decides
///
/// - Its configuration holds, unless one was [set](WebSocketUpgrade::config). The size limits of a
///   [`WebSocketUpgrade`] count in any case, if they were set.
/// - Its origins hold, unless others were [set](WebSocketUpgrade::origins): others get 403.
/// - While it is full or drains, the answer is 503. If there are too many connections from the address, it is 429.
/// - When it drains, the peer gets a close frame. Then the handler receives what still comes, and the end.
#[must_use = "the client gets its answer from `on_upgrade` or `serve`"]
pub struct ServerUpgrade<F = DefaultOnFailedUpgrade, D = ()> {
    ws: WebSocketUpgrade<F>,
    server: ServerHandle,
    peer: Peer,
    data: D,
}

impl<F> WebSocketUpgrade<F> {
    /// Gives the connection to a [`Server`](bowstring::server::Server): its limits, deadlines, draining, report and
    /// spans hold for it, and its [topics](bowstring::server::Topic) reach it.
    ///
    /// The server needs no listeners of its own. `peer` is the address that the limit
    /// [per address](bowstring::server::ServerLimits::per_address) counts: axum's `ConnectInfo` has it, or a field of
    /// a proxy. See [`ServerUpgrade`].
    pub fn server(self, server: &ServerHandle, peer: impl Into<Peer>) -> ServerUpgrade<F> {
        ServerUpgrade { ws: self, server: server.clone(), peer: peer.into(), data: () }
    }
}

impl<F> ServerUpgrade<F> {
    /// Answers, and gives the connection to `callback`, in a task of its own. This is
    /// [`WebSocketUpgrade::on_upgrade`], within the server.
    ///
    /// Pings and pongs are received, unless another configuration was [set](WebSocketUpgrade::config). Dropping the
    /// socket closes the connection with 1000.
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
        let base = |permit: &Permit| {
            let mut config = permit.config().clone();
            config.report_pings = true;
            config
        };
        self.accept(base, |Accepted { pending, permit, selected, data: () }| {
            let socket = |connection| WebSocket::served(connection, selected);
            permit.adopt(pending, |connection| callback(socket(connection)));
        })
    }
}

/// What was admitted and accepted.
struct Accepted<D> {
    pending: Opening,
    permit: Permit,
    selected: Option<HeaderValue>,
    data: D,
}

impl<F: OnFailedUpgrade, D> ServerUpgrade<F, D> {
    /// Takes a place in the server, makes the answer, and starts the handler. `base` is the configuration unless one
    /// was set.
    fn accept(
        self,
        base: impl FnOnce(&Permit) -> Config,
        start: impl FnOnce(Accepted<D>),
    ) -> Response {
        let Self { ws, server, peer, data } = self;
        let WebSocketUpgrade { upgrading, selected, mut settings, on_failed, .. } = ws;
        let request = upgrading.head();
        let mut permit = match server.admit(peer) {
            Ok(permit) => permit.path(request.uri().path()),
            Err(error) => return error.into(),
        };
        if settings.origins.is_none() {
            let tls = settings.tls.unwrap_or(upgrading.is_tls());
            permit = match permit.check_origin(request, tls) {
                Ok(permit) => permit,
                Err(error) => return error.into(),
            };
        }
        let config = settings.config(|| base(&permit));
        match accept(upgrading, selected.as_ref(), &settings, &config) {
            Ok((response, pending)) => {
                let pending = Box::pin(watched(pending, on_failed));
                start(Accepted { pending, permit, selected, data });
                response
            }
            Err(refused) => {
                let response = refused.answer(on_failed);
                permit.refuse(response.status());
                response
            }
        }
    }
}

type Opened = Result<bowstring::WebSocket<Transport>, bowstring::Error>;
type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

/// What tells the application, too, if the upgrade fails. The server drops it if it gives the upgrade up.
struct Telling<F: OnFailedUpgrade>(Option<F>);

impl<F: OnFailedUpgrade> Telling<F> {
    fn tell(&mut self, error: bowstring::Error) {
        if let Some(on_failed) = self.0.take() {
            on_failed.call(Error::new(error));
        }
    }
}

impl<F: OnFailedUpgrade> Drop for Telling<F> {
    fn drop(&mut self) {
        self.tell(bowstring::Error::Lost);
    }
}

/// The upgrade, and the application is told if it fails. It may be dropped before it was polled.
fn watched(
    pending: Pending,
    on_failed: impl OnFailedUpgrade,
) -> impl Future<Output = Opened> + Send {
    let mut telling = Telling(Some(on_failed));
    async move {
        match pending.await {
            Ok(socket) => {
                drop(telling.0.take());
                Ok(socket)
            }
            Err(error) => {
                // Errors of I/O cannot be copied. For the server it is lost in any case.
                let copy = match &error {
                    bowstring::Error::HandshakeTimeout(step) => {
                        bowstring::Error::HandshakeTimeout(*step)
                    }
                    _ => bowstring::Error::Lost,
                };
                telling.tell(error);
                Err(copy)
            }
        }
    }
}

impl<F: OnFailedUpgrade, D: Send + 'static> ServerUpgrade<F, D> {
    /// Sets what the handler of [`serve`](Self::serve) gets as [`ServerConnection::data`].
    pub fn data<E>(self, data: E) -> ServerUpgrade<F, E> {
        let Self { ws, server, peer, .. } = self;
        ServerUpgrade { ws, server, peer, data }
    }

    /// Answers, and runs a handler as a [`Server`](bowstring::server::Server) does: with a [`ServerConnection`], and
    /// it may fail.
    ///
    /// ```
    /// # use std::net::SocketAddr;
    /// # use axum::extract::{ConnectInfo, State};
    /// # use axum::response::Response;
    /// use bowstring::server::{ServerConnection, ServerHandle};
    /// use bowstring_axum::WebSocketUpgrade;
    ///
    /// async fn handler(
    ///     ws: WebSocketUpgrade,
    ///     ConnectInfo(peer): ConnectInfo<SocketAddr>,
    ///     State(server): State<ServerHandle>,
    /// ) -> Response {
    ///     ws.server(&server, peer).data("ada").serve(greet)
    /// }
    ///
    /// async fn greet(mut connection: ServerConnection<&str>) -> Result<(), bowstring::Error> {
    ///     let greeting = format!("hello, {}", connection.data);
    ///     connection.send(greeting).await?;
    ///     while connection.recv().await?.is_some() {}
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use = "the client gets its answer only if it is returned"]
    pub fn serve<H, Fut>(self, handler: H) -> Response
    where
        H: FnOnce(ServerConnection<D>) -> Fut + Send + 'static,
        Fut: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let base = |permit: &Permit| permit.config().clone();
        self.accept(base, |Accepted { pending, permit, data, .. }| {
            permit.data(data).adopt(pending, handler);
        })
    }
}

impl<F, D> fmt::Debug for ServerUpgrade<F, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ws, server, peer, .. } = self;
        f.debug_struct("ServerUpgrade")
            .field("ws", ws)
            .field("server", server)
            .field("peer", peer)
            .finish_non_exhaustive()
    }
}
