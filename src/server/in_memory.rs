//! Connections for tests of handlers: over a pipe in memory, with the client at the other end.

use tokio::io::duplex;
use tokio::sync::oneshot;

use super::connection::{ReturnedSocket, ServerConnection};
use super::listener::Peer;
use super::reply::Accept;
use crate::handshake::Agreed;
use crate::net::{Config, Transport, WebSocket, masking_key};
use crate::proto::{CloseCode, CloseFrame, Role};

/// How many bytes the pipe holds in each direction.
const CAPACITY: usize = 64 << 10;

impl<D> ServerConnection<D> {
    /// A connection over a pipe in memory, and the client at its other end: to test a handler without a network.
    ///
    /// The connection is what a handler gets if the hook gives `accept` for a request from `peer`. Its
    /// [`id`](Self::id) is 0. Header fields of `accept` go nowhere, and nothing is compressed. Each
    /// direction of the pipe holds 64 KiB.
    ///
    /// ```
    /// use bowstring::Error;
    /// use bowstring::server::{Accept, Peer, ServerConnection};
    ///
    /// async fn greet(mut connection: ServerConnection<String>) -> Result<(), Error> {
    ///     let greeting = format!("hello, {}", connection.data);
    ///     connection.send(greeting).await?;
    ///     while connection.recv().await?.is_some() {}
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let peer = Peer::Tcp("192.0.2.1:4000".parse()?);
    /// let (connection, mut client) = ServerConnection::in_memory(Accept::new("ada".to_owned()), peer);
    /// let serving = tokio::spawn(greet(connection));
    ///
    /// assert_eq!(client.recv().await?, Some("hello, ada".into()));
    /// client.close(1000, "").await?;
    /// serving.await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping the connection closes it with 1000, as in a server. That a failed handler closes with 1011 is
    /// the server's doing and not shown here: look at what the handler returns.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, because closing needs a task.
    pub fn in_memory(accept: Accept<D>, peer: Peer) -> (Self, WebSocket<Transport>) {
        let Accept { data, protocol, config, .. } = accept;
        let (config, client) =
            (config.map(|config| *config).unwrap_or_default(), Config::default());
        let agreed = Agreed { protocol, ..Agreed::default() };
        let (near, far) = duplex(CAPACITY);
        let socket = |stream, role, config| {
            WebSocket::from_agreed(Transport::Memory(stream), role, [], agreed.clone(), config)
        };
        let server = socket(near, Role::Server, &config);
        let client = socket(far, Role::Client(masking_key), &client);

        let (give_back, returned) = oneshot::channel::<Box<ReturnedSocket>>();
        tokio::spawn(async move {
            // If the application has taken the socket, it does not come back.
            if let Ok(socket) = returned.await {
                socket.close(CloseFrame { code: CloseCode::NORMAL, reason: "".into() }).await;
            }
        });
        (Self::new(data, 0, peer, server, give_back), client)
    }
}
