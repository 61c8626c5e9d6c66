//! What other tasks have of a server: they drain it, see how it does, and bring it connections.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;

use super::connections::Connections;
use super::registry::Registry;
use super::report::Report;
use super::supervise::{Adopted, supervise};
use crate::net::Handle;

/// A handle to a server: to drain it, to see how it does, and to bring it connections. Clones are the same handle.
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
    pub(super) registry: Arc<Registry>,
}

impl ServerHandle {
    pub(super) fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry) }
    }

    /// Starts draining, and returns at once. A server that does not serve yet drains as soon as it does.
    ///
    /// Connections that were [adopted](super::Permit::adopt) get their close frame now, whether the server serves
    /// or not. [`drained`](Self::drained) waits for them.
    pub fn drain(&self) {
        self.registry.start_draining();
    }

    /// Whether the server drains, or has drained.
    pub fn is_draining(&self) -> bool {
        self.registry.is_draining()
    }

    /// Resolves when the server starts to drain, whatever makes it. Give it to the graceful shutdown of the HTTP
    /// server that brings connections.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        let registry = Arc::clone(&self.registry);
        async move { registry.draining().await }
    }

    /// Resolves when the server has drained: all its connections have ended, or the
    /// [deadline](super::Server::drain_within) is over and what was left was aborted. Somebody else makes it drain.
    ///
    /// For a server that is not [served](super::Server::serve) this keeps the deadline. Without it adopted connections
    /// get their close frame and end by themselves, however long that takes.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time. The deadline counts from when draining began.
    pub async fn drained(&self) -> Report {
        let adopted = Adopted(Arc::clone(&self.registry));
        supervise(&self.registry, pending(), adopted).await
    }

    /// Drains without waiting: what is still open is dropped, as at the [deadline](super::Server::drain_within). Use it
    /// for a second signal, for instance.
    pub fn abort(&self) {
        self.registry.start_ending();
        // Where the future of `serve` was dropped, nothing else does it.
        self.registry.abort();
    }

    /// The list of connections with data of this type, for handlers to add theirs and for others to find them. All
    /// handles of a server give the same list.
    pub fn connections<D: Send + Sync + 'static>(&self) -> Connections<D> {
        self.registry.list_of::<Connections<D>>()
    }

    /// The open connections: the [number](super::ServerConnection::id) of each, and a [`Handle`] that closes or pings
    /// it. These are all, whether their handlers have put them into a list or not.
    ///
    /// They are collected, so it takes time and memory for each. They are in no order.
    pub fn open_connections(&self) -> Vec<(u64, Handle)> {
        self.registry.open()
    }

    /// The handle of the open connection with this [number](super::ServerConnection::id).
    ///
    /// ```
    /// # fn kick(server: &bowstring::server::ServerHandle, id: u64) {
    /// if let Some(connection) = server.connection(id) {
    ///     connection.close(1008, "you were asked to leave").unwrap();
    /// }
    /// # }
    /// ```
    pub fn connection(&self, id: u64) -> Option<Handle> {
        self.registry.handle_of(id)
    }

    /// How many connections there are, and how others have ended.
    pub fn report(&self) -> Report {
        self.registry.report()
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle").field("report", &self.report()).finish_non_exhaustive()
    }
}
