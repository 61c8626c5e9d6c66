//! Connections for tests of handlers: over a pipe in memory, with the client at the other end.

use std::future::{Future, ready};

use tokio::io::duplex;
use tokio::sync::oneshot;

use super::admit_error::AdmitError;
use super::connection::{ReturnedSocket, ServerConnection};
use super::handle::ServerHandle;
use super::listener::Peer;
use super::outcome::HandlerOutcome;
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
    /// Dropping the connection closes it with 1000, as in a server. There is no server that closes with 1011 if the
    /// handler fails, or that drains: [`ServerHandle::in_memory`] has one.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, because closing needs a task.
    pub fn in_memory(accept: Accept<D>, peer: Peer) -> (Self, WebSocket<Transport>) {
        let (server, client, data) = pair(accept, &Config::default());
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

impl ServerHandle {
    /// Runs a handler on a connection over a pipe in memory, and gives the client at its other end. A test sees there
    /// what the server does with the handler, without a network.
    ///
    /// All is as for a connection from the network: [limits](super::Server::limits), the configuration, the close
    /// code if the handler fails, draining, [lists](Self::connections) and the report. The handler gets what it
    /// would get if the hook gave `accept` for a request from `peer`. Header fields of `accept` go nowhere, and
    /// nothing is compressed.
    ///
    /// ```
    /// use bowstring::Message;
    /// use bowstring::server::{Accept, Peer, Server, ServerConnection};
    ///
    /// async fn divide(mut ws: ServerConnection<i64>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    ///     while let Some(message) = ws.recv().await? {
    ///         let number: i64 = message.as_text().unwrap_or_default().parse()?;
    ///         let quotient = ws.data.checked_div(number).ok_or("a division by zero")?;
    ///         ws.send(quotient.to_string()).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new().handle();
    /// let peer = Peer::Tcp("192.0.2.1:4000".parse()?);
    /// let mut client = server.in_memory(Accept::new(60), peer, divide)?;
    /// client.send("5").await?;
    /// assert_eq!(client.recv().await?, Some(Message::from("12")));
    ///
    /// // A handler that fails closes with 1011.
    /// client.send("0").await?;
    /// let Some(Message::Close(Some(close))) = client.recv().await? else { panic!() };
    /// assert_eq!(close.code, 1011);
    /// assert_eq!(client.recv().await?, None);
    /// drop(client);
    /// server.drain();
    /// assert_eq!(server.drained().await.handlers_failed, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`admit`](Self::admit).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn in_memory<D, H, F>(
        &self,
        accept: Accept<D>,
        peer: impl Into<Peer>,
        handler: H,
    ) -> Result<WebSocket<Transport>, AdmitError>
    where
        D: Send + 'static,
        H: FnOnce(ServerConnection<D>) -> F + Send + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let permit = self.admit(peer)?;
        let (server, client, data) = pair(accept, permit.config());
        permit.data(data).adopt(ready(Ok(server)), handler);
        Ok(client)
    }
}

/// The two ends of a pipe, after an opening handshake in which `accept` was answered.
fn pair<D>(
    Accept { data, protocol, config, .. }: Accept<D>,
    default: &Config,
) -> (WebSocket<Transport>, WebSocket<Transport>, D) {
    let agreed = Agreed { protocol, ..Agreed::default() };
    let (near, far) = duplex(CAPACITY);
    let socket = |stream, role, config: &Config| {
        WebSocket::from_agreed(Transport::Memory(stream), role, [], agreed.clone(), config)
    };
    let server = socket(near, Role::Server, config.as_deref().unwrap_or(default));
    let client = socket(far, Role::Client(masking_key), &Config::default());
    (server, client, data)
}
