//! WebSockets in [axum], by [`bowstring`]: an extractor that is called like axum's own.
//!
//! ```
//! use axum::{Router, response::Response, routing::any};
//! use bowstring_axum::{Message, WebSocket, WebSocketUpgrade};
//!
//! let app: Router = Router::new().route("/ws", any(handler));
//!
//! async fn handler(ws: WebSocketUpgrade) -> Response {
//!     ws.on_upgrade(echo)
//! }
//!
//! async fn echo(mut socket: WebSocket) {
//!     while let Some(Ok(message)) = socket.recv().await {
//!         if let Message::Text(_) | Message::Binary(_) = message
//!             && socket.send(message).await.is_err()
//!         {
//!             return;
//!         }
//!     }
//! }
//! ```
//!
//! # Moving from axum's `ws`
//!
//! Change the import. Names and signatures are the same, so the program compiles.
//!
//! ```
//! // use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
//! use bowstring_axum::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
//! ```
//!
//! You gain compression (RFC 7692), a keep-alive that notices peers that are gone, and a server's limits,
//! draining and report for your sockets. TCP costs no lock. The feature `ws` of axum is not needed any more.
//!
//! ## What stays as it is
//!
//! - Pings and pongs are received. Pings were answered already.
//! - Messages have at most 64 MiB, in frames of at most 16 MiB.
//! - **Pages of all sites may connect.** If you know your visitors by a cookie, call
//!   [`origins`](WebSocketUpgrade::origins) (§10.2).
//! - A socket that is dropped ends without a close frame. The peer sees 1006.
//!
//! ## What is different
//!
//! | | axum's `ws` | here | why |
//! |---|---|---|---|
//! | silence | lasts for ever | after 20 s a ping, after 20 s more the end | peers that are gone cost memory; [`Timeouts`](bowstring::proto::Timeouts) changes it |
//! | compression | none | agreed on, if the client offers it | [`deflate(None)`](WebSocketUpgrade::deflate) switches it off |
//! | `accept_unmasked_frames(true)` | accepts them | 500 with the reason | §5.1 |
//! | `read_buffer_size`, `write_buffer_size` | sizes | no effect | sockets share blocks for reading; messages are written at the latest before the socket waits |
//! | `max_write_buffer_size` | an error beyond it | `send` waits beyond it | [`Config::high_water`] |
//! | a subprotocol that the client has not offered | is sent | 500 with the reason | the client must give up then (§4.1) |
//! | `requested_protocols` | sorted | in the client's order | the first is the most wanted |
//! | keys | any text | 16 bytes in base64, else 400 | §4.2.1 |
//! | another version than 13 | 400 | 426 with `Sec-WebSocket-Version` | §4.4 |
//! | close codes such as 1005, reasons over 123 bytes, pings over 125 | are sent | an error of `send` | §5.5, §7.4 |
//! | a close frame in answer to a close frame | an error; the answer may be lost | nothing; the answer was written | §5.5.1 |
//! | a socket that is dropped after a close frame | TCP may be reset, and the close frame lost | the closing handshake is finished | §7.1.1 |
//! | errors | hold a `tungstenite::Error` | hold a [`bowstring::Error`] | `Error::into_inner` gives it |
//!
//! What requests are refused, and how, is in [`rejection`].
//!
//! # Decide before `on_upgrade`
//!
//! What decides who may connect must do so before the handler calls [`on_upgrade`](WebSocketUpgrade::on_upgrade). A layer
//! that puts another answer in its place does not end the upgrade. Over HTTP/1.1 hyper gives the connection away when
//! it ends, whatever was answered, and a client can make that come at once. Then your callback runs although the client was
//! answered 401. The same holds for axum's `ws`.
//!
//! # HTTP/2: routes for any method
//!
//! Over HTTP/1.1 the method of the request is GET, over HTTP/2 it is CONNECT (RFC 8441). **So the route must be
//! `any(handler)`.** `get(handler)` answers 405 over HTTP/2. Browsers speak HTTP/2 only over TLS, so a program works
//! until TLS is switched on.
//!
//! A program needs axum's feature `http2`. `axum::serve` then serves both versions. Each has its own trap:
//!
//! - **Delays.** Over HTTP/2 you must set `TCP_NODELAY` yourself. Without it an answer may take 40 ms. Use
//!   `listener.tap_io(|stream| drop(stream.set_nodelay(true)))` of `axum::serve::ListenerExt`.
//! - **Windows.** HTTP/2 bounds what is on its way, for each stream and for the connection. `axum::serve` cannot set
//!   these windows. With the defaults one socket that is not read starves the others of its connection, and far
//!   peers are slow. A few thousand small messages for a handler that does not receive end the connection.
//!
//! So for production use the builder of `hyper-util`, and [`configure`](bowstring::hyper::configure()) for its windows
//! and limits. It is also what TLS needs.
//!
//! ```no_run
//! use axum::Router;
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::server::conn::auto;
//! use hyper_util::service::TowerToHyperService;
//! use tokio::net::TcpListener;
//!
//! async fn serve(listener: TcpListener, app: Router) -> std::io::Result<()> {
//!     loop {
//!         let (stream, _peer) = listener.accept().await?;
//!         stream.set_nodelay(true)?;
//!         let service = TowerToHyperService::new(app.clone());
//!         tokio::spawn(async move {
//!             let mut builder = auto::Builder::new(TokioExecutor::new());
//!             let config = bowstring_axum::default_config();
//!             bowstring::hyper::configure(&mut builder, &config);
//!             // hyper-util waits without end for a client that sends nothing.
//!             let first = tokio::time::timeout(config.handshake_timeout, stream.readable());
//!             if !matches!(first.await, Ok(Ok(()))) {
//!                 return;
//!             }
//!             // With TLS: make the handshake here, and agree on `h2` or `http/1.1` by ALPN.
//!             let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
//!             if let Err(error) = connection.await {
//!                 eprintln!("{error}");
//!             }
//!         });
//!     }
//! }
//! ```
//!
//! # Limits, draining, and the report of a server
//!
//! A [`Server`](bowstring::server::Server) of bowstring can manage the sockets of an axum program. It needs no
//! listener of its own, and it is one more line: [`server`](WebSocketUpgrade::server). [`ServerUpgrade`] has the whole
//! program.
//!
//! ```
//! # use std::net::SocketAddr;
//! # use axum::{extract::{ConnectInfo, State}, response::Response};
//! # use bowstring::server::ServerHandle;
//! # use bowstring_axum::{WebSocket, WebSocketUpgrade};
//! async fn handler(
//!     ws: WebSocketUpgrade,
//!     ConnectInfo(peer): ConnectInfo<SocketAddr>,
//!     State(server): State<ServerHandle>,
//! ) -> Response {
//!     ws.server(&server, peer).on_upgrade(handle_socket)
//! }
//! # async fn handle_socket(_: WebSocket) {}
//! ```
//!
//! **Shut down with it.** Over HTTP/2 axum's graceful shutdown waits until the last WebSocket has ended, so it may wait
//! for ever. A server that [drains](bowstring::server::ServerHandle::drain) closes them with 1001.
//!
//! # The rest of bowstring
//!
//! | you want | use |
//! |---|---|
//! | other limits, deadlines, a policy for slow peers | [`config`](WebSocketUpgrade::config), [`default_config`] |
//! | to say how messages are compressed | [`deflate`](WebSocketUpgrade::deflate) |
//! | to say which pages may connect | [`origins`](WebSocketUpgrade::origins) |
//! | one message to many, framed and compressed once | [`ServerUpgrade::serve`], [`Topic`](bowstring::server::Topic) |
//! | many messages with one read and one write | [`WebSocket::get_mut`], [`batch`](bowstring::WebSocket::batch) |
//! | two tasks without the lock of `StreamExt::split` | [`WebSocket::into_inner`], [`split`](bowstring::WebSocket::split) |
//! | to close or ping from elsewhere | [`WebSocket::get_mut`], [`handle`](bowstring::WebSocket::handle) |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `deflate` (default) | compression (RFC 7692) |
//! | `http2` (default) | WebSockets over HTTP/2 (RFC 8441) |
//!
//! "§" means RFC 6455. This crate works with axum 0.8, through `axum-core` 0.5.
//!
//! [axum]: https://github.com/tokio-rs/axum

#![forbid(unsafe_code)]

mod answer;
pub mod close_code;
mod failed;
mod message;
pub mod rejection;
mod served;
mod settings;
mod socket;
mod upgrade;

pub use answer::UnmaskedFramesError;
/// The error of axum: `axum::Error` is this type.
pub use axum_core::Error;
/// What this crate stands on.
pub use bowstring;
pub use bowstring::handshake::Origins;
pub use bowstring::{Config, Utf8Bytes};
pub use failed::{DefaultOnFailedUpgrade, OnFailedUpgrade};
pub use message::{CloseCode, CloseFrame, Message};
pub use served::ServerUpgrade;
pub use settings::default_config;
pub use socket::WebSocket;
pub use upgrade::WebSocketUpgrade;

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
