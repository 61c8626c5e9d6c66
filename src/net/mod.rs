//! WebSockets on tokio: connecting, accepting, sending and receiving.
//!
//! | you want | use |
//! |---|---|
//! | to connect to a server | [`connect`], [`Connector`] |
//! | to go through a forward proxy | [`Proxies`], [`tunnel`](fn@tunnel) |
//! | to accept a connection | [`accept`](fn@accept), [`Incoming`], or the `Server` of the feature `server` |
//! | a client that comes back | [`ReconnectingWebSocket`] |
//! | to receive and send in one task | [`WebSocket`] |
//! | to receive in one task and send in others | [`WebSocket::split`]: [`Reader`], [`Writer`] |
//! | bytes, and not messages | [`ByteStream`] |
//! | to close, ping or watch a connection from elsewhere | [`Handle`] |
//! | other limits, deadlines, compression | [`Config`] |
//! | to say what happens when a peer is slow | [`Overflow`] |
//!
//! ```no_run
//! use bowstring::{Config, handshake::ClientRequest, net::connect_with};
//!
//! # async fn client() -> Result<(), bowstring::Error> {
//! let request = ClientRequest::new("ws://127.0.0.1:9001/".parse()?).header("Cookie", "id=7");
//! let mut config = Config::default();
//! config.limits.max_message_size = 1024 * 1024;
//! let (mut ws, _response) = connect_with(&request, &config).await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Three rules hold for all of it:
//!
//! - Whatever is framed is written, at the latest, before the socket next waits for input.
//! - Dropping a future loses no message and sends none in part.
//! - Deadlines run, and pings are answered, while a task polls the socket.

// The map of the rooms is in ARCHITECTURE.md.

mod buffers;
#[cfg_attr(not(feature = "deflate"), path = "compression_off.rs")]
mod compression;
mod config;
mod connect_error;
mod error;
pub(crate) mod escape;
#[cfg(feature = "http2")]
pub mod http2;
mod http2_error;
#[cfg(feature = "json")]
mod json;
mod keys;
mod never;
mod opening;
mod overflow;
mod proxy_error;
mod reconnect;
mod retry_after;
mod socket;
mod split;
#[cfg_attr(bowstring_loom, path = "sync_loom.rs")]
pub(crate) mod sync;
#[cfg_attr(not(feature = "rustls-tls"), path = "tls_error_off.rs")]
mod tls_error;
#[cfg_attr(not(unix), path = "unix_off.rs")]
mod unix;

pub use buffers::traffic::Traffic;
pub use compression::{Deflate, Memory};
pub use config::Config;
pub use connect_error::{ConnectAttempt, ConnectError, OpeningStep};
pub use error::{Error, TrySendError};
pub use http2_error::Http2Error;
#[cfg(feature = "json")]
pub use json::error::JsonError;
pub use keys::masking_key;
pub use opening::accept::{Acceptance, Incoming, accept};
pub use opening::connect::{connect, connect_over, connect_with};
pub use opening::connector::{ConnectTimeouts, Connector};
pub use opening::proxy::address::{Proxy, ProxyProtocol};
pub use opening::proxy::proxies::Proxies;
#[cfg(feature = "http2")]
pub use opening::sessions::UseHttp2;
pub(crate) use opening::tls::HTTP;
pub use opening::tls::TlsInfo;
pub use opening::transport::{BoxedStream, TlsStream, Transport, TransportRead, TransportWrite};
pub use opening::tunnel::tunnel;
#[cfg(feature = "rustls-tls")]
pub use opening::{client_tls::ClientTls, connect_tls::connect_tls};
pub use overflow::{Outcome, Overflow};
pub use proxy_error::{ProxyError, ProxyStep, ProxyUriError, SocksReply};
pub use reconnect::client::{ReconnectingWebSocket, Undelivered};
pub use reconnect::config::{ReconnectConfig, Unsent};
pub use reconnect::disconnect::{AttemptError, Disconnect, ReconnectError, Retry};
pub use reconnect::engine::{Attempt, ReconnectEvent};
pub use reconnect::handle::ReconnectHandle;
pub use reconnect::shared::ReconnectState;
pub use socket::batch::{Events, Outgoing};
pub use socket::byte_stream::ByteStream;
pub(crate) use socket::handle::close_frame;
pub use socket::handle::{CloseInfo, Handle, Ping};
pub use socket::websocket::{Parts, WebSocket};
pub use split::halves::{Reader, Split, Writer};
pub use split::locked::Locked;
pub use split::pressure::Pressure;
pub(crate) use split::recipient::Recipient;
#[cfg(bowstring_loom)]
#[doc(hidden)]
pub use sync::drop_wake;
pub use tls_error::TlsError;
/// The TLS library, in the version that this crate speaks with.
#[cfg(feature = "rustls-tls")]
pub use tokio_rustls::rustls;
