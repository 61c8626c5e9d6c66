//! WebSockets in a server of hyper.
//!
//! Your server speaks HTTP with hyper 1, and some of its requests are to become WebSockets. The feature `hyper` does
//! that for HTTP/1.1, and with the feature `http2` for HTTP/2 (RFC 8441) as well.
//!
//! ```sh
//! cargo add bowstring --features hyper,http2,server
//! cargo add hyper --features http1,http2,server
//! cargo add hyper-util --features server-auto,server-graceful,tokio
//! cargo add http
//! cargo add tokio --features macros,net,rt-multi-thread,signal
//! ```
//!
//! # A request becomes a WebSocket
//!
//! ```no_run
//! use bowstring::hyper::{Rejection, Upgrading, configure, wants_websocket};
//! use bowstring::{Config, Error};
//! use http::{Request, Response};
//! use hyper::body::Incoming;
//! use hyper::service::service_fn;
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::server::conn::auto;
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
//!     let mut builder = auto::Builder::new(TokioExecutor::new());
//!     configure(&mut builder, &Config::default());
//!     loop {
//!         let (stream, _peer) = listener.accept().await?;
//!         let builder = builder.clone();
//!         tokio::spawn(async move {
//!             let stream = TokioIo::new(stream);
//!             let serving = builder.serve_connection_with_upgrades(stream, service_fn(serve));
//!             if let Err(error) = serving.await {
//!                 println!("{error}");
//!             }
//!         });
//!     }
//! }
//!
//! async fn serve(mut request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
//!     if !wants_websocket(&request) {
//!         return Ok(Response::new("a page\n".to_owned()));
//!     }
//!     Ok(upgrade(&mut request).unwrap_or_else(Rejection::into_response))
//! }
//!
//! fn upgrade(request: &mut Request<Incoming>) -> Result<Response<String>, Rejection> {
//!     let upgrading = Upgrading::from_request(request)?.choose_protocol(&["chat"]);
//!     let (response, pending) = upgrading.accept(&Config::default())?;
//!     tokio::spawn(async move {
//!         let mut ws = pending.await?;
//!         while let Some(message) = ws.recv().await? {
//!             ws.feed(message).await?;
//!         }
//!         Ok::<(), Error>(())
//!     });
//!     Ok(response.map(|()| String::new()))
//! }
//! ```
//!
//! Five mistakes are common:
//!
//! - **The [`Pending`](crate::hyper::Pending) is awaited before the answer is returned.** Then both wait for each
//!   other, until the handshake times out. Spawn a task that awaits it.
//! - **The route takes GET alone.** Over HTTP/2 the method is CONNECT. The client then gets 405, and only once the server
//!   has TLS, because browsers speak HTTP/2 over nothing else.
//! - **Extended CONNECT is not switched on.** Without [`configure`](crate::hyper::configure) or
//!   `http2().enable_connect_protocol()`, browsers open a second connection with HTTP/1.1 for their WebSockets.
//! - **Another answer goes out, and the `Pending` lives on.** A middleware makes a 401 of the answer, for instance. Over
//!   HTTP/1.1 hyper gives the connection away all the same when it ends, so the client gets its WebSocket. Decide before.
//! - **A client that sends nothing is waited for.** hyper-util has no deadline for the first bytes: see
//!   [`configure`](crate::hyper::configure).
//!
//! # Whose pages may connect
//!
//! [`accept`](crate::hyper::Upgrading::accept) refuses pages of other hosts with 403. Say with
//! [`origins`](crate::hyper::Upgrading::origins) who else may connect. Requests without `Origin` pass: they come from
//! no browser.
//!
//! # TLS
//!
//! Give hyper TLS over a [`Transport`](crate::net::Transport), and over HTTP/1.1 the handler gets that transport back.
//! [`Transport::tls`](crate::net::Transport::tls) then tells the server's name, the client's certificates and the rest.
//! For the origin check say [`over_tls(true)`](crate::hyper::Upgrading::over_tls).
//!
//! ```no_run
//! # #[cfg(feature = "rustls-tls")]
//! # async fn example(
//! #     acceptor: tokio_rustls::TlsAcceptor,
//! #     stream: tokio::net::TcpStream,
//! # ) -> std::io::Result<()> {
//! use bowstring::net::Transport;
//! use hyper_util::rt::TokioIo;
//!
//! let stream = acceptor.accept(Transport::from(stream)).await?;
//! let stream = TokioIo::new(Transport::from(stream));
//! # Ok(())
//! # }
//! ```
//!
//! Any other stream works as well. Then the transport is [`Transport::Boxed`](crate::net::Transport::Boxed). Browsers ask
//! for HTTP/2 in TLS: list `h2` and `http/1.1` in the server's `alpn_protocols`.
//!
//! # Limits, topics, draining: adopt the connection
//!
//! A task of your own knows nothing of the others. A [`Server`](crate::server::Server) without listeners does: it
//! limits how many connections there are, counts them, publishes to them and closes them at the end.
//! [`admit`](crate::server::ServerHandle::admit) asks it before the answer, and
//! [`adopt`](crate::server::Permit::adopt) runs the handler after it.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use bowstring::Error;
//! use bowstring::hyper::{Rejection, Upgrading};
//! use bowstring::server::{ServerConnection, ServerHandle};
//! use http::{Request, Response};
//! use hyper::body::Incoming;
//!
//! fn upgrade(
//!     server: &ServerHandle,
//!     peer: SocketAddr,
//!     request: &mut Request<Incoming>,
//! ) -> Result<Response<String>, Rejection> {
//!     let upgrading = Upgrading::from_request(request)?;
//!     let permit = match server.admit(peer) {
//!         Ok(permit) => permit.path(request.uri().path()),
//!         // 503 or 429.
//!         Err(error) => return Ok(Response::<String>::from(error)),
//!     };
//!     let (response, pending) = upgrading.accept(permit.config())?;
//!     permit.adopt(pending, echo);
//!     Ok(response.map(|()| String::new()))
//! }
//!
//! async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.feed(message).await?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Shutting down
//!
//! hyper's graceful shutdown ends connections of HTTP/1.1 whose socket has been given away at once, and does not wait
//! for the socket. **Over HTTP/2 it waits for the last WebSocket.** So close the sockets with
//! [`drain`](crate::server::ServerHandle::drain), and wait for both:
//!
//! ```no_run
//! use bowstring::server::ServerHandle;
//! use hyper_util::server::graceful::GracefulShutdown;
//!
//! # async fn example(server: ServerHandle, graceful: GracefulShutdown) {
//! // `graceful` watches each connection: see its documentation.
//! server.drain();
//! let (report, ()) = tokio::join!(server.drained(), graceful.shutdown());
//! println!("{} connections were closed well", report.closed);
//! # }
//! ```
//!
//! # What HTTP/2 changes
//!
//! A socket is used in the same way, and its handler need not know the version. This is different:
//!
//! - **One connection carries many sockets**, up to 100. What one client can make the server hold counts for all of
//!   them together: see [`configure`](crate::hyper::configure). The limit of
//!   [`per_address`](crate::server::ServerLimits::per_address) counts sockets, as ever.
//! - **A handler that does not read is read for**, up to 32 KiB. After that the client has to wait. If it sends
//!   thousands of frames of a few bytes to sockets that are not read, h2 ends the connection with all its sockets.
//! - **Bytes that were written may still be on this side.** hyper copies up to 24 KiB of each socket.
//!   [`high_water`](crate::Config::high_water) does not see them.
//! - **A reset stream is a lost connection.** Whatever ends the stream without a close frame is
//!   [`Error::Lost`](crate::Error::Lost). The other sockets go on.
//! - **TCP's own options are out of reach.** The transport is
//!   [`Transport::Boxed`](crate::net::Transport::Boxed). Over HTTP/1.1 it is
//!   [`Transport::Tcp`](crate::net::Transport::Tcp) where hyper was given TCP.
//! - A small message costs up to half as much CPU again as over HTTP/1.1.
//!
//! hyper ends the whole connection if an extended CONNECT has a `Content-Length` other than 0. No browser sends that.
