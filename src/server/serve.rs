//! The server: what it listens to, what it allows, whom it asks, and its end.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::ToSocketAddrs;
use tokio::runtime;

use super::admission::{Context, Hook};
use super::connection::ServerConnection;
use super::handle::ServerHandle;
use super::listener::Listener;
use super::outcome::HandlerOutcome;
use super::registry::Registry;
use super::reply::{Accept, Answer};
use super::report::Report;
use super::request::Request;
use super::settings::ServerLimits;
use super::supervise::supervise;
use super::tls::Tls;
use super::workers::{Accepting, Workers};
use crate::handshake::Origins;
use crate::net::Config;
use crate::proto::{CloseCode, CloseFrame, Misuse};

/// Accepts connections and gives each to a handler, in a task of its own.
///
/// ```no_run
/// use bowstring::server::{Accept, Answer, Server};
/// use http::StatusCode;
///
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:9001").await?.on_request(async |request| {
///     let Some(room) = request.path().strip_prefix("/rooms/") else {
///         return Err(Answer::new(StatusCode::NOT_FOUND).text("no such room\n"));
///     };
///     Ok(Accept::new(room.to_owned()))
/// });
/// let report = server
///     .drain_on(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
///     .serve(|mut connection| async move {
///         println!("{} is in {}", connection.peer(), connection.data);
///         while let Some(message) = connection.recv().await? {
///             connection.feed(message).await?;
///         }
///         Ok::<_, bowstring::Error>(())
///     })
///     .await;
/// println!("{report:?}");
/// # Ok(())
/// # }
/// ```
///
/// # Its end
///
/// A server *drains* when the future of [`drain_on`](Self::drain_on) resolves, or by [`ServerHandle::drain`]:
///
/// - It accepts no connection any more. Requests that have come get 503.
/// - Each connection gets a close frame with [1001](CloseCode::GOING_AWAY), after all that was framed for it.
///   Its handler receives what still comes, and then the end.
/// - What is left at the [deadline](Self::drain_within) is aborted.
pub struct Server<D = ()> {
    listeners: Vec<Listener>,
    /// For the listeners that have none of their own.
    tls: Option<Tls>,
    hook: Hook<D>,
    until: Until,
    /// It has the settings, too, because handles admit connections by them.
    registry: Arc<Registry>,
}

/// What is waited for before the server drains.
type Until = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Server {
    /// A server at the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// As for [`Listener::bind`].
    pub async fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new().listen(Listener::bind(addresses).await?))
    }

    /// A server that does not listen yet: see [`listen`](Self::listen).
    ///
    /// It need not listen at all: another HTTP server may accept the connections, and its [handle](Self::handle)
    /// [admits](ServerHandle::admit) and adopts them.
    pub fn new() -> Self {
        Self {
            listeners: Vec::new(),
            tls: None,
            hook: Box::new(|_| Box::pin(async { Ok(Accept::default()) })),
            until: Box::pin(pending()),
            registry: Registry::new(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Send + 'static> Server<D> {
    /// Listens there, too: at another address, a Unix socket, or a socket that you have opened.
    pub fn listen(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// Everything that it listens to speaks TLS, in whatever order this and [`listen`](Self::listen) are
    /// called. A listener that has a [certificate of its own](Listener::tls) keeps that. To speak TLS at
    /// some addresses only, use [`Listener::tls`] alone.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Limits, deadlines and compression of connections.
    pub fn config(self, config: Config) -> Self {
        self.registry.set(|settings| settings.config = config);
        self
    }

    /// How many connections are accepted.
    pub fn limits(self, limits: ServerLimits) -> Self {
        self.registry.set(|settings| settings.limits = limits);
        self
    }

    /// Which pages may connect. Default: those of the [same host](Origins::same_host).
    pub fn origins(self, origins: Origins) -> Self {
        self.registry.set(|settings| settings.origins = origins);
        self
    }

    /// Asks a hook about each request. The hook accepts it, with data for the handler, or gives another
    /// answer.
    ///
    /// An [`Accept`] may have a subprotocol, header fields and a configuration. Plain HTTP requests come to
    /// the hook, too, so it can answer with a page. A plain request that is accepted gets 426.
    ///
    /// The hook is not asked about these requests:
    ///
    /// | request | answer |
    /// |---|---|
    /// | it comes while the server drains | 503 |
    /// | there are as many connections as the [limits](ServerLimits) allow | 503; from one address 429 |
    /// | it is an opening handshake, and not a legal one (§4.2.1) | 400, 405, 426, 501 or 505 |
    /// | it comes from a page of a foreign [origin](Self::origins) | 403 |
    ///
    /// Plain requests have an [allowance](ServerLimits::plain_requests) of their own while the server is full, so
    /// that a health check is still answered.
    ///
    /// The hook has [`handshake_timeout`](Config::handshake_timeout) to decide; then the answer is 503. If it
    /// panics, the answer is 500. It is dropped when the client has gone.
    ///
    /// Without a hook every opening handshake is accepted, whatever its path.
    ///
    /// A hook that needs state of yours is a closure that clones it for each request, and moves the clone into
    /// an `async` block, as below. An `async` closure borrows it instead, and the compiler says that it "does
    /// not implement `Fn` because it captures state". The same is true of handlers.
    ///
    /// ```no_run
    /// # use std::{collections::HashMap, sync::Arc};
    /// # use bowstring::server::{Accept, Answer, Server};
    /// # use http::StatusCode;
    /// # async fn example() -> std::io::Result<()> {
    /// let users = Arc::new(HashMap::from([("a-long-random-token".to_owned(), "ada".to_owned())]));
    /// let server = Server::bind("127.0.0.1:9001").await?;
    /// let handle = server.handle();
    /// let server = server.on_request(move |request| {
    ///     let (users, handle) = (Arc::clone(&users), handle.clone());
    ///     async move {
    ///         if request.path() == "/health" {
    ///             return Err(Answer::new(StatusCode::OK).text(format!("{:?}\n", handle.report())));
    ///         }
    ///         match request.bearer().and_then(|token| users.get(token)) {
    ///             Some(user) => Ok(Accept::new(user.clone())),
    ///             None => Err(StatusCode::UNAUTHORIZED.into()),
    ///         }
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_request<E, H, F>(self, hook: H) -> Server<E>
    where
        H: Fn(Request) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Accept<E>, Answer>> + Send + 'static,
    {
        let Self { listeners, tls, until, registry, .. } = self;
        let hook: Hook<E> = Box::new(move |request| Box::pin(hook(request)));
        Server { listeners, tls, hook, until, registry }
    }

    /// Drains when this future resolves: on a signal, for instance. [`serve`](Self::serve) polls it; if no one calls
    /// that, use [`ServerHandle::drain`].
    pub fn drain_on(mut self, until: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Box::pin(until);
        self
    }

    /// How long draining may take. Default 10 s.
    ///
    /// Handlers that are left then are aborted: each ends where it next awaits, and its connection is
    /// dropped. A handler that blocks its thread is waited for 200 ms, counted as dropped, and left alone.
    ///
    /// [`serve_on_threads`](Self::serve_on_threads) always keeps this deadline. [`serve`](Self::serve) keeps
    /// it while one worker of its runtime is free. If a handler blocks the only worker, nothing can be done.
    pub fn drain_within(self, limit: Duration) -> Self {
        self.registry.set(|settings| settings.drain_within = limit);
        self
    }

    /// The close frame of all connections when the server drains. Default: 1001, "the server is going down".
    /// Use 1012 for a server that restarts.
    ///
    /// # Errors
    ///
    /// If the code must not be sent (§7.4) or the reason is longer than 123 bytes.
    /// [`CloseFrame::truncated`] cuts a reason.
    pub fn drain_close(self, code: impl Into<CloseCode>, reason: &str) -> Result<Self, Misuse> {
        let close = CloseFrame::new(code, reason)?;
        self.registry.set(|settings| settings.drain_close = close);
        Ok(self)
    }

    /// The TCP addresses it listens at.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(Listener::local_addr)
    }

    /// A handle for other tasks, or for the server's own hook. It is valid for what is set later, too.
    ///
    /// It goes on working after the server was dropped, or if it never serves: so it
    /// [adopts](super::Permit::adopt) connections that other HTTP servers accept.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(&self.registry)
    }

    /// Serves until the server has drained. Each connection has a task of its own on this runtime, until its
    /// handler and the closing handshake have ended. It waits for [adopted](super::Permit::adopt) connections, too.
    ///
    /// A handler that returns closes its connection with 1000. One that fails or panics closes it with 1011.
    ///
    /// # Panics
    ///
    /// If the future of [`drain_on`](Self::drain_on) panics, the panic goes on here when the server has
    /// drained.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops accepting; connections go on. A [`ServerHandle`] drains or aborts them, but
    /// nothing keeps the deadline any more.
    pub async fn serve<H, F>(self, handler: H) -> Report
    where
        H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let (context, listeners, until) = self.begin(handler);
        let accepting = Accepting::start(&context, listeners);
        supervise(&context.registry, until, accepting).await
    }

    /// Serves until the server has drained, on so many threads. Each has a runtime of its own and its share of
    /// the connections, which never move between threads.
    ///
    /// The calling thread waits. It runs the future of [`drain_on`](Self::drain_on) and keeps the
    /// [deadline](Self::drain_within), so a handler that blocks its thread delays neither.
    ///
    /// # Errors
    ///
    /// A thread or a runtime could not be made, or a listener could not be shared. Nothing was served then.
    ///
    /// # Panics
    ///
    /// If it is called from within a runtime. If the future of [`drain_on`](Self::drain_on) panics, the
    /// panic goes on here when the server has drained.
    pub fn serve_on_threads<H, F>(self, threads: NonZero<usize>, handler: H) -> io::Result<Report>
    where
        H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let supervisor = runtime::Builder::new_current_thread().enable_all().build()?;
        // Within a runtime it panics.
        supervisor.block_on(std::future::ready(()));
        let (context, listeners, until) = self.begin(handler);
        let workers = Workers::start(threads, &context, &listeners)?;
        drop(listeners);
        Ok(supervisor.block_on(supervise(&context.registry, until, workers)))
    }

    /// From now on it serves.
    fn begin<H>(self, handler: H) -> (Arc<Context<D, H>>, Vec<Listener>, Until) {
        let Self { listeners, tls, hook, until, registry } = self;
        registry.begin();
        let listeners = match tls {
            Some(tls) => listeners.into_iter().map(|listener| listener.or_tls(&tls)).collect(),
            None => listeners,
        };
        let settings = registry.settings();
        (Arc::new(Context { registry, settings, hook, handler }), listeners, until)
    }
}

impl<D> fmt::Debug for Server<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.registry.settings();
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("limits", &settings.limits)
            .field("origins", &settings.origins)
            .finish_non_exhaustive()
    }
}
