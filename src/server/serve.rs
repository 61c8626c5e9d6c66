//! The server: what it listens to, what it allows, whom it asks, and its end.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::net::ToSocketAddrs;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::accept_loop;
use super::admission::{Context, Hook, unless};
use super::connection::ServerConnection;
use super::listener::Listener;
use super::outcome::HandlerOutcome;
use super::registry::{Registry, Report, ServerLimits};
use super::reply::{Accept, Answer};
use super::request::Request;
use super::tls::Tls;
use crate::handshake::Origins;
use crate::net::{Config, close_frame};
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
    config: Config,
    limits: ServerLimits,
    origins: Origins,
    hook: Hook<D>,
    drain_close: CloseFrame,
    drain_within: Duration,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
    registry: Arc<Registry>,
}

/// A handle to a server: to drain it, and to see how it does. Clones are the same handle.
///
/// ```no_run
/// # use bowstring::server::{Server, ServerConnection};
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:9001").await?;
/// let handle = server.handle();
/// let serving = tokio::spawn(server.serve(async |mut connection: ServerConnection| {
///     while connection.recv().await?.is_some() {}
///     Ok::<_, bowstring::Error>(())
/// }));
/// println!("{} connections are open", handle.report().open);
/// handle.drain();
/// println!("{:?}", serving.await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    registry: Arc<Registry>,
}

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
    pub fn new() -> Self {
        Self {
            listeners: Vec::new(),
            tls: None,
            config: Config::default(),
            limits: ServerLimits::default(),
            origins: Origins::default(),
            hook: Box::new(|_| Box::pin(async { Ok(Accept::default()) })),
            drain_close: close_frame(CloseCode::GOING_AWAY, "the server is going down"),
            drain_within: Duration::from_secs(10),
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
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many connections are accepted.
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Which pages may connect. Default: those of the [same host](Origins::same_host).
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
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
        let Self {
            listeners,
            tls,
            config,
            limits,
            origins,
            drain_close,
            drain_within,
            until,
            registry,
            ..
        } = self;
        let hook: Hook<E> = Box::new(move |request| Box::pin(hook(request)));
        Server {
            listeners,
            tls,
            config,
            limits,
            origins,
            hook,
            drain_close,
            drain_within,
            until,
            registry,
        }
    }

    /// Drains when this future resolves: on a signal, for instance.
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
    pub fn drain_within(mut self, limit: Duration) -> Self {
        self.drain_within = limit;
        self
    }

    /// The close frame of all connections when the server drains. Default: 1001, "the server is going down".
    /// Use 1012 for a server that restarts.
    ///
    /// # Errors
    ///
    /// If the code must not be sent (§7.4) or the reason is longer than 123 bytes.
    /// [`CloseFrame::truncated`] cuts a reason.
    pub fn drain_close(mut self, code: impl Into<CloseCode>, reason: &str) -> Result<Self, Misuse> {
        self.drain_close = CloseFrame::new(code, reason)?;
        Ok(self)
    }

    /// The TCP addresses it listens at.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(Listener::local_addr)
    }

    /// A handle for other tasks, or for the server's own hook. It is valid for what is set later, too.
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { registry: Arc::clone(&self.registry) }
    }

    /// Serves until the server has drained. Each connection has a task of its own on this runtime, until its
    /// handler and the closing handshake have ended.
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
        let (plan, listeners) = self.plan(handler);
        plan.serve(listeners).await
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
        let (plan, listeners) = self.plan(handler);
        let workers = Workers::start(threads, &plan.context, &listeners)?;
        drop(listeners);
        Ok(supervisor.block_on(plan.supervise(workers)))
    }

    fn plan<H>(self, handler: H) -> (Plan<D, H>, Vec<Listener>) {
        let Self {
            listeners,
            tls,
            config,
            limits,
            origins,
            hook,
            drain_close,
            drain_within,
            until,
            registry,
        } = self;
        registry.begin(limits, drain_close);
        let listeners = match tls {
            Some(tls) => listeners.into_iter().map(|listener| listener.or_tls(&tls)).collect(),
            None => listeners,
        };
        let context = Arc::new(Context { registry, config, origins, hook, handler });
        (Plan { context, drain_within, until }, listeners)
    }
}

/// What is to be done, with whom.
struct Plan<D, H> {
    context: Arc<Context<D, H>>,
    drain_within: Duration,
    until: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<D, H, F> Plan<D, H>
where
    D: Send + 'static,
    H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    async fn serve(self, listeners: Vec<Listener>) -> Report {
        let accepting = accept_from(&self.context, listeners);
        let registry = Arc::clone(&self.context.registry);
        self.supervise(Accepting { accepting, registry }).await
    }

    /// Waits until the server drains, and until it has.
    async fn supervise(self, mut serving: impl Serving) -> Report {
        let Self { context, drain_within, until } = self;
        let registry = &context.registry;
        // If it panics, the server drains all the same.
        let stopped = unless(registry.draining(), catch(until)).await;
        registry.start_draining();
        let late = async {
            unless(registry.ending(), after(drain_within)).await;
        };
        if unless(late, serving.ended()).await.is_none() {
            registry.start_ending();
            serving.abort();
            registry.abort();
            if unless(after(ABORT_WITHIN), serving.ended()).await.is_none() {
                registry.give_up();
            }
        }
        if let Some(Err(panic)) = stopped {
            resume_unwind(panic);
        }
        registry.report()
    }
}

/// What serves the connections of a server.
trait Serving {
    /// Resolves when all listeners are closed and all connections have ended.
    async fn ended(&mut self);

    /// Accepts no more connections.
    fn abort(&mut self);
}

/// The accept loops on this runtime.
struct Accepting {
    accepting: JoinSet<()>,
    registry: Arc<Registry>,
}

impl Serving for Accepting {
    async fn ended(&mut self) {
        // They answer those that were about to be accepted.
        while self.accepting.join_next().await.is_some() {}
        self.registry.empty().await;
    }

    fn abort(&mut self) {
        self.accepting.abort_all();
    }
}

/// Threads that serve, each with a runtime of its own. They end by themselves when the server drains.
struct Workers {
    /// Closed when all threads have ended, however they did.
    running: mpsc::Receiver<Infallible>,
}

impl Workers {
    fn start<D, H, F>(
        threads: NonZero<usize>,
        context: &Arc<Context<D, H>>,
        listeners: &[Listener],
    ) -> io::Result<Self>
    where
        D: Send + 'static,
        H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let (ends, running) = mpsc::channel(1);
        let (go, start) = watch::channel(false);
        for number in 0..threads.get() {
            let runtime = thread_runtime()?;
            let shared = listeners.iter().map(|listener| {
                let _entered = runtime.enter();
                listener.share()?.register()
            });
            let listeners = shared.collect::<io::Result<Vec<_>>>()?;
            let (context, ends, mut start) = (Arc::clone(context), ends.clone(), start.clone());
            let work = async move {
                // All that may fail comes before the first thread serves.
                if start.wait_for(|go| *go).await.is_err() {
                    return;
                }
                let registry = Arc::clone(&context.registry);
                let mut accepting =
                    Accepting { accepting: accept_from(&context, listeners), registry };
                let ended = async {
                    context.registry.draining().await;
                    accepting.ended().await;
                };
                unless(context.registry.ending(), ended).await;
            };
            thread::Builder::new().name(format!("server-{number}")).spawn(move || {
                runtime.block_on(work);
                drop(runtime);
                drop(ends);
            })?;
        }
        go.send_replace(true);
        Ok(Self { running })
    }
}

impl Serving for Workers {
    async fn ended(&mut self) {
        let _ = self.running.recv().await;
    }

    /// They have heard it from the registry.
    fn abort(&mut self) {}
}

/// Resolves after this time, by the clock of the runtime or of a thread. A runtime's clock stands still
/// while the worker that would look at it is blocked, even if another worker is free.
async fn after(time: Duration) {
    let (waiting, cancelled) = std::sync::mpsc::channel::<Infallible>();
    let (over, is_over) = oneshot::channel::<Infallible>();
    let clock = thread::Builder::new().name("server-clock".into()).spawn(move || {
        let _ = cancelled.recv_timeout(time);
        drop(over);
    });
    let by_thread = async {
        match clock {
            Ok(_) => drop(is_over.await),
            Err(_) => pending().await,
        }
    };
    unless(by_thread, sleep(time)).await;
    drop(waiting);
}

/// Runs a future to its end, be that a panic.
async fn catch(future: impl Future<Output = ()>) -> thread::Result<()> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

fn accept_from<D, H, F>(context: &Arc<Context<D, H>>, listeners: Vec<Listener>) -> JoinSet<()>
where
    D: Send + 'static,
    H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_loop::accept(Arc::clone(context), listener));
    }
    accepting
}

fn thread_runtime() -> io::Result<runtime::Runtime> {
    // Under a flood a turn takes milliseconds: after a few, look for what else has come, from the
    // network and from other threads.
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().event_interval(8).global_queue_interval(8).build()
}

impl<D> fmt::Debug for Server<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("limits", &self.limits)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("report", &self.report()).finish_non_exhaustive()
    }
}

impl ServerHandle {
    /// Starts draining, and returns at once. A server that does not serve yet drains as soon as it does.
    pub fn drain(&self) {
        self.registry.start_draining();
    }

    /// Drains without waiting: what is still open is dropped, as at the [deadline](Server::drain_within). Use it
    /// for a second signal, for instance.
    pub fn abort(&self) {
        self.registry.start_ending();
        // Where the future of `serve` was dropped, nobody else does it.
        self.registry.abort();
    }

    /// How many connections there are, and how others have ended.
    pub fn report(&self) -> Report {
        self.registry.report()
    }
}

/// How long tasks that were aborted are waited for. One that blocks its thread ends later, or never.
const ABORT_WITHIN: Duration = Duration::from_millis(200);
