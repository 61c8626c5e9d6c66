//! WebSocket (RFC 6455) for Rust: a protocol core without I/O, a tokio layer, and a server.
//!
//! ```no_run
//! # async fn client() -> Result<(), bowstring::Error> {
//! let (mut ws, _response) = bowstring::connect("ws://127.0.0.1:9001/").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The pages of [`guide`] show how to write a client, a server, a program with two tasks, your own event loop, and
//! tests. They also say which limits and hazards there are.
//!
//! # Four ways to use it
//!
//! **Owned messages.** [`connect`] and [`accept`] give a [`WebSocket`]. [`WebSocket::recv`] gives a [`Message`].
//! [`WebSocket::feed`] frames an answer, which is written when `recv` next waits; [`WebSocket::send`] writes at
//! once. A `WebSocket` is a `Stream` and a `Sink` as well.
//!
//! ```no_run
//! # async fn echo(stream: tokio::net::TcpStream) -> Result<(), bowstring::Error> {
//! let mut ws = bowstring::accept(stream).await?;
//! while let Some(message) = ws.recv().await? {
//!     ws.feed(message).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **Many messages at once.** [`WebSocket::batch`] lends every message of one read, and writes all answers with
//! one write. Nothing is allocated for a message.
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
//! **Two tasks or more.** [`WebSocket::split`] gives a reader and a writer that can be cloned.
//!
//! **Your own event loop.** [`proto::Connection`] takes bytes and gives messages, takes messages and gives
//! bytes. It knows no socket; time is an argument.
//!
//! ```
//! use std::time::Instant;
//! use bowstring::proto::{Connection, Event, ProtocolConfig, Role};
//!
//! let (config, now) = (ProtocolConfig::default(), Instant::now());
//! // A real client's masking keys must be unpredictable.
//! let mut client = Connection::new(Role::Client(|| [7; 4]), &config, now);
//! let mut server = Connection::new(Role::Server, &config, now);
//!
//! let (mut wire, mut back) = (Vec::new(), Vec::new());
//! client.feed("hello", &mut wire)?;
//! let mut bytes = &mut wire[..];
//! assert_eq!(server.recv(&mut bytes, &mut back)?, Some(Event::Text("hello")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//!
//! | module | what it is | feature |
//! |---|---|---|
//! | [`server`] | accepting, a hook for requests, limits, topics, draining | `server` |
//! | `hyper` | requests that hyper has read, over HTTP/1.1 and HTTP/2 | `hyper` |
//! | [`net`] | sockets, timers and buffers on tokio | `tokio` (default) |
//! | [`handshake`] | the opening handshake (§3–§4) as functions over bytes | always there |
//! | [`proto`] | frames, messages, closing (§5–§8), without I/O | always there |
//!
//! A module knows those below it in this table. "§" means RFC 6455 in all of this documentation.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `tokio` (default) | the tokio layer |
//! | `deflate` (default) | compression: permessage-deflate (RFC 7692) |
//! | `server` | the server |
//! | `rustls-tls-native-roots` | TLS in both roles; clients trust the system's certificates |
//! | `rustls-tls-webpki-roots` | TLS in both roles; clients trust Mozilla's certificates |
//! | `rustls-tls` | TLS in both roles; clients need a configuration of yours |
//! | `hyper` | requests that hyper has read become WebSockets |
//! | `http2` | WebSockets over HTTP/2 (RFC 8441) |
//! | `url` | addresses as people write them, read as browsers do: see [`handshake::Uri`] |
//! | `json` | messages as JSON, typed by serde |
//! | `metrics` | counters of messages and bytes for each connection |
//! | `tracing` | a span for each connection of a server and of a client |
//!
//! With `default-features = false` only `proto` and `handshake` are built, without tokio.
//!
// In a build without a feature, links into its part lead to the table of features.
#![cfg_attr(
    not(feature = "tokio"),
    doc = "
[`WebSocket`]: #features
[`WebSocket::recv`]: #features
[`WebSocket::feed`]: #features
[`WebSocket::send`]: #features
[`WebSocket::split`]: #features
[`WebSocket::batch`]: #features
[`connect`]: #features
[`accept`]: #features
[`net`]: #features"
)]
#![cfg_attr(
    not(feature = "server"),
    doc = "
[`guide`]: #features
[`server`]: #features"
)]
#![forbid(unsafe_code)]
// What only one of these uses is no mistake in a build without it. Builds with all of them find what is
// not used.
#![cfg_attr(
    not(all(
        feature = "server",
        feature = "rustls-tls",
        feature = "http2",
        feature = "url",
        feature = "tracing"
    )),
    allow(dead_code, unused_imports)
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "server")]
pub mod guide;
pub mod handshake;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio")]
pub mod net;
pub mod proto;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "tokio")]
pub use net::{Config, Connector, Error, accept, connect};
/// A connection. Without a parameter it is over the [`Transport`](net::Transport) that [`connect`] gives.
#[cfg(feature = "tokio")]
pub type WebSocket<S = net::Transport> = net::WebSocket<S>;

/// What converts into a client's request.
pub use handshake::IntoClientRequest;
pub use proto::{Close, CloseCode, CloseFrame, Event, Message, Prepared, Utf8Bytes};

/// The crate of [`Bytes`](bytes::Bytes), the data of a [`Message`].
pub use bytes;
/// The crate of requests, responses, header fields and status codes.
pub use http;
/// The crate of URLs as browsers read them.
#[cfg(feature = "url")]
pub use url;

/// The README's examples, compiled.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of MIGRATING.md, compiled.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../MIGRATING.md")]
struct Migrating;
