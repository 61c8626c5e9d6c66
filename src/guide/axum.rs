//! In axum.
//!
//! The crate `bowstring-axum` has an extractor that is called like `axum::extract::ws::WebSocketUpgrade`. A program
//! moves by one changed import:
//!
//! ```text
//! - use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
//! + use bowstring_axum::{Message, WebSocket, WebSocketUpgrade};
//! ```
//!
//! It then has compression, a keep-alive that notices peers that are gone, and HTTP/2. The documentation of that crate
//! lists what differs from axum's `ws`, and why. Its examples are compiled there, because this crate does not know axum.
//!
//! # The route takes any method
//!
//! Over HTTP/1.1 the request is a GET, over HTTP/2 a CONNECT (RFC 8441). A route for GET alone answers 405 over
//! HTTP/2. That shows late, because browsers speak HTTP/2 only over TLS.
//!
//! ```text
//! let app = Router::new().route("/chat", any(chat));     // not: get(chat)
//!
//! async fn chat(ws: WebSocketUpgrade) -> Response {
//!     ws.protocols(["chat.v2", "chat"]).on_upgrade(talk)
//! }
//!
//! async fn talk(mut socket: WebSocket) {
//!     while let Some(Ok(message)) = socket.recv().await {
//!         if socket.send(message).await.is_err() {
//!             return;
//!         }
//!     }
//! }
//! ```
//!
//! # Whose pages may connect
//!
//! As in axum, no origin is refused by default (§10.2). If you know your visitors by a cookie, say
//! `ws.origins(Origins::same_host())`, or list the [`Origins`](crate::handshake::Origins). Over HTTP/2 the host that is
//! compared is that of `:authority`.
//!
//! # Limits, draining, topics
//!
//! A [`Server`](crate::server::Server) manages the sockets of an axum program, without a listener of its own. Its
//! [handle](crate::server::ServerHandle) is part of the program's state.
//!
//! ```text
//! async fn chat(
//!     ws: WebSocketUpgrade,
//!     ConnectInfo(peer): ConnectInfo<SocketAddr>,
//!     State(server): State<ServerHandle>,
//! ) -> Response {
//!     ws.server(&server, peer).on_upgrade(talk)          // a socket as above
//!     // or: .data(user).serve(handler)                  // a ServerConnection<User>, as in `Server::serve`
//! }
//!
//! let server = Server::new().limits(limits).handle();
//! let app = Router::new().route("/chat", any(chat)).with_state(server.clone());
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
//!     .with_graceful_shutdown(server.draining())
//!     .await?;
//! println!("{:?}", server.drained().await);
//! ```
//!
//! - A full or draining server answers 503, and 429 for an address with too many connections.
//! - [`drain`](crate::server::ServerHandle::drain) closes the sockets with 1001. Over HTTP/2 axum's graceful shutdown
//!   waits for each of them, so without it a shutdown may never end.
//! - [`Origins`](crate::server::Server::origins) and [`Config`](crate::Config) of the server hold.
//!
//! # In production
//!
//! `axum::serve` cannot set the windows of HTTP/2, and sets no `TCP_NODELAY`. With the defaults one socket that is not
//! read starves the others of its connection. Use the builder of `hyper-util`, set up by `bowstring::hyper::configure`:
//! the documentation of `bowstring-axum` has the code. Behind a proxy that speaks HTTP/1.1 to the program nothing of
//! this matters.
