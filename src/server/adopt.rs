//! Connections that another HTTP server has accepted: they are admitted before the answer, and adopted after it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use http::{Request, StatusCode};
use tokio::time::timeout;

use super::admission::{Opened, drained};
use super::admit_error::AdmitError;
use super::connection::ServerConnection;
use super::handle::ServerHandle;
use super::listener::Peer;
use super::outcome::HandlerOutcome;
use super::registry::Slot;
use super::report::{End, Reason};
use super::settings::Settings;
use super::task::OpenConnection;
use super::trace::Trace;
use super::unless::unless;
use crate::net::{Config, Error, OpeningStep, Transport, WebSocket};

/// A place among the connections of a server, for one that another HTTP server has accepted: from
/// [`ServerHandle::admit`].
///
/// It is taken before the answer, so that a full or draining server can still refuse. [`adopt`](Self::adopt)
/// uses it after the answer. [`refuse`](Self::refuse) gives it up for another answer. Dropping it gives it up, too,
/// and the request counts as [unfinished](super::Refusals::unfinished).
///
/// ```
/// use bowstring::handshake::ClientRequest;
/// use bowstring::net::{Incoming, Transport, connect_over};
/// use bowstring::server::{Server, ServerConnection};
/// use bowstring::{Config, Error};
///
/// async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
///     while let Some(message) = ws.recv().await? {
///         ws.feed(message).await?;
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A server without listeners of its own.
/// let server = Server::new().handle();
///
/// // A request that came elsewhere.
/// let (near, far) = tokio::io::duplex(1024);
/// let peer: std::net::SocketAddr = "192.0.2.1:4000".parse()?;
/// let accepting = server.clone();
/// tokio::spawn(async move {
///     let permit = accepting.admit(peer)?;
///     let incoming = Incoming::read(Transport::from(near), permit.config()).await?;
///     permit.check_origin(incoming.request(), false)?.adopt(incoming.accept(), echo);
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
/// });
///
/// let request = ClientRequest::new("ws://example.com/".parse()?);
/// let (mut client, _response) = connect_over(far, &request, &Config::default()).await?;
/// client.send("hello").await?;
/// assert_eq!(client.recv().await?, Some("hello".into()));
///
/// server.drain();
/// while client.recv().await?.is_some() {}
/// drop(client);
/// assert_eq!(server.drained().await.closed, 1);
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it gives the place up"]
pub struct Permit<D = ()> {
    slot: Slot,
    trace: Trace,
    peer: Peer,
    settings: Arc<Settings>,
    data: D,
}

impl ServerHandle {
    /// Asks whether a connection may come that another HTTP server has accepted: one of hyper or axum, for
    /// instance. Call it before the answer; then [`Permit::adopt`] takes the connection.
    ///
    /// The [limits](super::Server::limits) of the server count, for connections of its listeners and for adopted
    /// ones together. An admitted connection takes its place now. The peer is the address that the limit
    /// [per address](super::ServerLimits::per_address) counts, and that handlers and the log see: a
    /// [`SocketAddr`](std::net::SocketAddr) will do. Behind a proxy it may be the client's, as the proxy tells it.
    ///
    /// The hook of [`on_request`](super::Server::on_request) is not asked. It works before the server serves, too,
    /// and if it is never served at all: the settings that were made so far count.
    ///
    /// # Errors
    ///
    /// The server is full or drains, or the address has too many connections. The refusal is
    /// [counted](super::Report::refusals), and converts into a response with 503 or 429.
    pub fn admit(&self, peer: impl Into<Peer>) -> Result<Permit, AdmitError> {
        let peer = peer.into();
        let mut slot = self.registry.enter(peer);
        let trace = Trace::new(slot.id(), peer);
        let room = match slot.full() {
            _ if self.registry.is_draining() => Err(AdmitError::Draining),
            Some(full) => Err(full.into()),
            None => slot.admit().map_err(AdmitError::from),
        };
        if let Err(error) = room {
            return Err(refuse(slot, &trace, error));
        }
        Ok(Permit { slot, trace, peer, settings: self.registry.settings(), data: () })
    }
}

impl<D> Permit<D> {
    /// The configuration of the server, for the answer: it says which limits, deadlines and compression the
    /// connection has.
    pub fn config(&self) -> &Config {
        &self.settings.config
    }

    /// The address that was admitted.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The number of the connection: see [`ServerConnection::id`].
    pub fn id(&self) -> u64 {
        self.slot.id()
    }

    /// Checks whose page the request comes from, as the server's [`origins`](super::Server::origins) say. A server's
    /// own listeners always do that; adopted connections only with this call. `tls` says whether the request came
    /// over TLS.
    ///
    /// # Errors
    ///
    /// [`AdmitError::Origin`], which converts into a response with 403. The place is given up then.
    pub fn check_origin<B>(self, request: &Request<B>, tls: bool) -> Result<Self, AdmitError> {
        if self.settings.origins.allow(request, tls) {
            return Ok(self);
        }
        let Self { slot, trace, .. } = self;
        Err(refuse(slot, &trace, AdmitError::Origin))
    }

    /// Gives the place up, because the request is answered with this status instead. It counts as refused by a
    /// [hook](super::Refusals::hook), and the log shows the status.
    pub fn refuse(mut self, status: StatusCode) {
        self.trace.refused(status);
        self.slot.end(End::Refused(Reason::Hook));
    }

    /// Sets the path that the log shows.
    pub fn path(self, path: &str) -> Self {
        self.trace.requested(path);
        self
    }

    /// Sets what the handler gets as [`ServerConnection::data`].
    pub fn data<E>(self, data: E) -> Permit<E> {
        let Self { slot, trace, peer, settings, .. } = self;
        Permit { slot, trace, peer, settings, data }
    }

    /// Runs a handler on the connection, in a task of its own on this runtime. Everything of the server holds for
    /// it: limits, draining, the report, spans, and what is said of [handlers](super::Server::serve).
    ///
    /// `pending` gives the socket once the answer is out. It is polled in that task, so the answer need not be out
    /// when this is called. If it fails, takes longer than [`handshake_timeout`](Config::handshake_timeout), or the
    /// server has drained before, the connection counts as [unfinished](super::Refusals::unfinished).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn adopt<P, H, F>(self, pending: P, handler: H)
    where
        D: Send + 'static,
        P: Future<Output = Result<WebSocket<Transport>, Error>> + Send + 'static,
        H: FnOnce(ServerConnection<D>) -> F + Send + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let (registry, id) = (Arc::clone(self.slot.registry()), self.slot.id());
        let opening = Box::pin(self.open(pending));
        let spawned = tokio::spawn(async move {
            let Some((mut open, connection)) = opening.await else { return };
            let failure = match open.start(|| handler(connection)) {
                Ok(mut handling) => {
                    let failure = poll_fn(|cx| open.poll_handler(&mut handling, cx)).await;
                    handling.end(failure)
                }
                Err(failure) => Some(failure),
            };
            open.finish(failure).await;
        });
        registry.set_abort(id, spawned.abort_handle());
    }

    async fn open<P>(self, pending: P) -> Option<(OpenConnection, ServerConnection<D>)>
    where
        P: Future<Output = Result<WebSocket<Transport>, Error>>,
    {
        let Self { slot, trace, peer, settings, data } = self;
        let registry = Arc::clone(slot.registry());
        let opening = timeout(settings.config.handshake_timeout, pending);
        let (stop, opening) = (pin!(drained(&registry)), pin!(opening));
        let socket = match unless(stop, opening).await? {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                trace.failed(&error, true);
                return None;
            }
            Err(_late) => {
                trace.failed(&Error::HandshakeTimeout(OpeningStep::Handshake), true);
                return None;
            }
        };
        Some(OpenConnection::begin(Opened { slot, trace, peer, socket, data }))
    }
}

/// Counts that a connection is refused, and says so in the log.
fn refuse(mut slot: Slot, trace: &Trace, error: AdmitError) -> AdmitError {
    trace.refused(error.status());
    slot.end(End::Refused(error.reason()));
    error
}

impl<D> fmt::Debug for Permit<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("peer", &self.peer).finish_non_exhaustive()
    }
}
