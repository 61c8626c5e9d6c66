//! A server that serves, for whoever wants one.

use std::net::SocketAddr;

use bowstring::server::{HandlerOutcome, Report, Server, ServerConnection, ServerHandle};
use tokio::task::JoinHandle;

/// A server that serves.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) task: JoinHandle<Report>,
}

pub(crate) async fn local() -> Server {
    Server::bind("127.0.0.1:0").await.unwrap()
}

pub(crate) fn start<D, H, F>(server: Server<D>, handler: H) -> Running
where
    D: Send + 'static,
    H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let address = server.local_addrs().next().unwrap();
    let handle = server.handle();
    Running { address, handle, task: tokio::spawn(server.serve(handler)) }
}
