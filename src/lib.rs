//! WebSocket (RFC 6455), written from the RFC up: a core without I/O, and a tokio layer on it.
//!
//! There are three doors.
//!
//! **One message at a time.** [`WebSocket::recv`] and [`WebSocket::send`] with owned messages, or the
//! same as a `Stream` and a `Sink`. [`connect`] and [`accept`] make the opening handshake;
//! [`net::Incoming`] lets a server look at the request first; [`WebSocket::split`] is for two tasks.
//!
//! ```no_run
//! # async fn client() -> Result<(), bowstring::Error> {
//! let (mut ws, _response) = bowstring::connect("ws://127.0.0.1:9001/").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     println!("{message:?}");
//!     ws.close(1000, "that was all").await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **Many messages at a time.** [`WebSocket::batch`] lends every message of one read from where it
//! lies, and writes all answers at once:
//!
//! ```no_run
//! # async fn echo(stream: tokio::net::TcpStream) -> Result<(), bowstring::Error> {
//! let mut ws = bowstring::accept(stream).await?;
//! while let Some((mut events, mut outgoing)) = ws.batch().await? {
//!     while let Some(event) = events.next() {
//!         outgoing.feed(event)?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A server of many is [`server::Server`]: it accepts, asks a hook at the handshake,
//! and gives each connection to a handler.
//!
//! **An event loop of one's own.** [`proto::Connection`] takes bytes and gives events, takes events
//! and gives bytes; time is an argument, sockets are unknown to it:
//!
//! ```
//! use std::time::Instant;
//! use bowstring::proto::{Config, Connection, Event, Role};
//!
//! let now = Instant::now();
//! let mut client = Connection::new(Role::Client(|| [7; 4]), &Config::default(), now);
//! let mut server = Connection::new(Role::Server, &Config::default(), now);
//!
//! let (mut wire, mut back) = (Vec::new(), Vec::new());
//! client.send("hello", &mut wire)?;
//! let mut bytes = &mut wire[..];
//! assert_eq!(server.recv(&mut bytes, &mut back)?, Some(Event::Text("hello")));
//! assert_eq!(server.recv(&mut bytes, &mut back)?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! (A real client's keys must be unpredictable: [`net::masking_key`] makes such.)
//!
//! # Layers
//!
//! | module | what it is | knows |
//! |---|---|---|
//! | [`proto`] | §5–§8 as a state machine: frames, messages, closing | nothing outside |
//! | [`handshake`] | §3–§4 as pure functions: URIs, request, response | the `http` types |
//! | [`net`] | sockets, timers, buffers, back-pressure | both, and tokio |
//! | [`server`] | accepting, the handshake hook, draining | all of them |
//!
//! "§" means RFC 6455 throughout. Feature `net` (default) is the tokio layer; `server` is the
//! layer on it; `deflate` is permessage-deflate (RFC 7692); `echo-server` (default) is what the binary
//! needs, and brings `server` and `deflate`; `rustls-tls-native-roots` and `rustls-tls-webpki-roots`
//! are TLS for both roles, `rustls-tls` the same for those who say whom to trust; `metrics` counts
//! messages and bytes, `tracing` gives each of a server's connections a span. With
//! `default-features = false` the core stands alone.
//!
// What was not built leads to the table of what there is.
#![cfg_attr(
    not(feature = "net"),
    doc = "
[`WebSocket::recv`]: #layers
[`WebSocket::send`]: #layers
[`WebSocket::split`]: #layers
[`WebSocket::batch`]: #layers
[`connect`]: #layers
[`accept`]: #layers
[`net`]: #layers
[`net::Incoming`]: #layers
[`net::masking_key`]: #layers"
)]
#![cfg_attr(
    not(feature = "server"),
    doc = "
[`server`]: #layers
[`server::Server`]: #layers"
)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod handshake;
#[cfg(feature = "net")]
pub mod net;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "net")]
pub use net::{Config, Error, WebSocket, accept, connect};
pub use proto::{Close, CloseCode, CloseFrame, Event, Message, Prepared};

/// The README's examples, compiled.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
