//! Testing your handlers.
//!
//! Tests need tokio's features `macros` and `rt`, and `test-util` for a clock that is paused.
//!
//! # A hook
//!
//! A hook is a function from a [`Request`](crate::server::Request) to an answer. Make the request from what a client
//! would send, and call the function.
//!
//! ```
//! use bowstring::server::{Accept, Answer, Peer, Request};
//! use bowstring::http::StatusCode;
//!
//! async fn hook(request: Request) -> Result<Accept<String>, Answer> {
//!     match request.path().strip_prefix("/rooms/") {
//!         Some(room) => Ok(Accept::new(room.to_owned())),
//!         None => Err(StatusCode::NOT_FOUND.into()),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let peer = Peer::Tcp("192.0.2.1:4000".parse()?);
//! let plain = bowstring::http::Request::get("/nowhere").body(())?;
//! let answer = hook(Request::from_http(plain, peer)?).await.unwrap_err();
//! assert_eq!(answer.response().status(), StatusCode::NOT_FOUND);
//! # Ok(())
//! # }
//! ```
//!
//! # A handler
//!
//! [`ServerConnection::in_memory`](crate::server::ServerConnection::in_memory) gives a connection as a handler gets
//! it, and the client at its other end. No socket is opened.
//!
//! ```
//! use bowstring::{Error, Message};
//! use bowstring::server::{Accept, Peer, ServerConnection};
//!
//! async fn greet(mut connection: ServerConnection<String>) -> Result<(), Error> {
//!     let greeting = format!("hello, {}", connection.data);
//!     connection.send(greeting).await?;
//!     while connection.recv().await?.is_some() {}
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let peer = Peer::Tcp("192.0.2.1:4000".parse()?);
//! let (connection, mut client) = ServerConnection::in_memory(Accept::new("ada".to_owned()), peer);
//! let serving = tokio::spawn(greet(connection));
//!
//! assert_eq!(client.recv().await?, Some(Message::from("hello, ada")));
//! client.close(1000, "").await?;
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # What the server does with a handler
//!
//! [`ServerHandle::in_memory`](crate::server::ServerHandle::in_memory) runs a handler as a server does, without a network:
//! with any data, with the close code of a handler that fails, with limits, lists, topics and draining. The server needs
//! no listeners.
//!
//! ```
//! use bowstring::{Error, Message, Prepared};
//! use bowstring::server::{Accept, Connections, Server, ServerConnection, Topic};
//!
//! /// What one member says, the others hear. It is forbidden to shout.
//! async fn member(
//!     ws: ServerConnection<&'static str>,
//!     room: Topic,
//!     members: Connections<&'static str>,
//! ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let (mut reader, writer, name) = ws.split();
//!     let (here, _listed) = (room.subscribe(&writer), members.add(&reader, &writer, name));
//!     writer.send("welcome").await?;
//!     while let Some(message) = reader.recv().await? {
//!         let Some(text) = message.as_text() else { continue };
//!         if text.ends_with('!') {
//!             return Err(format!("{name} has shouted").into());
//!         }
//!         room.publish_except(&here, &Prepared::text(text));
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::new().handle();
//! let peer: std::net::SocketAddr = "192.0.2.1:4000".parse()?;
//! let (room, members) = (Topic::new(), server.connections());
//! let join = |name| {
//!     let (room, members) = (room.clone(), members.clone());
//!     server.in_memory(Accept::new(name), peer, |ws| member(ws, room, members))
//! };
//! let (mut ada, mut bob) = (join("ada")?, join("bob")?);
//! for client in [&mut ada, &mut bob] {
//!     assert_eq!(client.recv().await?, Some(Message::from("welcome")));
//! }
//! assert_eq!(members.list().len(), 2);
//!
//! ada.send("hello").await?;
//! assert_eq!(bob.recv().await?, Some(Message::from("hello")));
//!
//! // A handler that fails closes with 1011.
//! ada.send("hello!").await?;
//! let Some(Message::Close(Some(close))) = ada.recv().await? else { panic!() };
//! assert_eq!(close.code, 1011);
//! assert_eq!(ada.recv().await?, None);
//! drop(ada);
//!
//! // A server that drains closes with 1001.
//! server.drain();
//! let Some(Message::Close(Some(close))) = bob.recv().await? else { panic!() };
//! assert_eq!(close.code, 1001);
//! assert_eq!(bob.recv().await?, None);
//! drop(bob);
//! let report = server.drained().await;
//! assert_eq!((report.closed, report.handlers_failed), (2, 1));
//! # Ok(())
//! # }
//! ```
//!
//! # A function over any transport
//!
//! A function that takes a [`WebSocket`](crate::WebSocket) over any transport is tested with a pipe of yours. A pipe
//! with little room, such as `duplex(64)`, shows what it does when the peer is slow.
//!
//! ```
//! use bowstring::{Config, Error, Message, WebSocket};
//! use bowstring::net::masking_key;
//! use bowstring::proto::Role;
//! use tokio::io::{AsyncRead, AsyncWrite};
//!
//! async fn shout<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<S>) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         if let Message::Text(text) = message {
//!             ws.feed(text.to_uppercase()).await?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (near, far) = tokio::io::duplex(64 * 1024);
//! let config = Config::default();
//! let mut server = WebSocket::from_raw(near, Role::Server, Vec::new(), &config);
//! let mut client = WebSocket::from_raw(far, Role::Client(masking_key), Vec::new(), &config);
//! let serving = tokio::spawn(async move { shout(&mut server).await });
//!
//! client.send("hello").await?;
//! assert_eq!(client.recv().await?, Some(Message::from("HELLO")));
//! client.close(1000, "").await?;
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! All deadlines use tokio's clock. With `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`) a
//! test of a silent peer takes no time:
//!
//! ```
//! # use bowstring::{Config, Error, WebSocket, proto::Role};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! tokio::time::pause();
//! let (near, _silent) = tokio::io::duplex(1024);
//! let mut ws = WebSocket::from_raw(near, Role::Server, Vec::new(), &Config::default());
//! assert!(matches!(ws.recv().await, Err(Error::Timeout(_))));
//! # }
//! ```
