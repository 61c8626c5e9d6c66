//! Requests that hyper has read become WebSockets: over HTTP/1.1 by `Upgrade` (RFC 6455 §4.2), over HTTP/2 by
//! extended CONNECT (RFC 8441).
//!
//! [`Upgrading::from_request`] checks the request. [`Upgrading::accept`] gives two things: the answer, which you
//! return from your service, and a [`Pending`], which becomes the [`WebSocket`](crate::WebSocket) once hyper has
//! sent the answer.
//!
//! ```no_run
//! use bowstring::hyper::{Rejection, Upgrading, wants_websocket};
//! use bowstring::{Config, Error};
//! use http::{Request, Response, StatusCode};
//! use hyper::body::Incoming;
//!
//! // A service of hyper.
//! async fn serve(mut request: Request<Incoming>) -> Result<Response<String>, hyper::Error> {
//!     if !wants_websocket(&request) {
//!         let mut page = Response::new("a page\n".to_owned());
//!         *page.status_mut() = StatusCode::NOT_FOUND;
//!         return Ok(page);
//!     }
//!     Ok(upgrade(&mut request).unwrap_or_else(Rejection::into_response))
//! }
//!
//! fn upgrade(request: &mut Request<Incoming>) -> Result<Response<String>, Rejection> {
//!     let (response, pending) = Upgrading::from_request(request)?
//!         .choose_protocol(&["chat.v2", "chat"])
//!         .accept(&Config::default())?;
//!     // To await it here would wait for ever: the answer is sent only after this function has returned it.
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
//! # Set hyper up
//!
//! - HTTP/1.1 needs `serve_connection_with_upgrades` of hyper-util's `auto::Builder`, or `with_upgrades` of hyper's
//!   own connection.
//! - HTTP/2 needs the feature `http2`, and a builder that [`configure`] has set up.
//! - **A route must take any method.** Over HTTP/1.1 the method is GET, over HTTP/2 it is CONNECT. A route for GET alone
//!   answers 405 over HTTP/2. Browsers speak HTTP/2 only over TLS, so this shows late.

mod configure;
#[cfg_attr(not(feature = "http2"), path = "http2_off.rs")]
mod http2;
mod pending;
mod read_ahead_stream;
mod rejection;
mod upgraded;
mod upgrading;

pub use configure::configure;
pub use pending::Pending;
pub use rejection::Rejection;
pub use upgrading::{Upgrading, wants_websocket};
