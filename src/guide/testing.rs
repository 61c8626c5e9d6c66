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
