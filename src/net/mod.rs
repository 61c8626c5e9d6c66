//! The tokio layer: sockets, wake-ups, timers, buffers, back-pressure.
//!
//! ```text
//!   accept  connect         the opening handshake over a transport
//!        └──┬──┘
//!         stream ─── batch ─── split      WebSocket: one task · lent events · two tasks
//!           └──────────┼─────────┼──── patience
//!                   driver    half      │     the reading loop and the end · a split socket's reading task
//!                      │      shared ───┘     a lock between tasks · how long they wait for it
//!             ┌────────┼─────────┬────────┐
//!           input    link      timer   handle   waiting     bytes read · writing as it sees it · who waits
//!             │     writing ── outbox ── overflow     what frames, what waits · for want of room
//!             └── pool ──────────┘        buffers that a thread's sockets lend each other
//! ```
//!
//! `transport` is what a connection goes over where this crate has opened it, `tls` how that is encrypted,
//! `locked` lets others be split; `traffic` counts what goes over it. `both` wakes who polls a socket as a
//! `Stream` and who as a `Sink`.
//!
//! Imports point downwards, and from here to [`proto`](crate::proto) and
//! [`handshake`](crate::handshake), never back.

mod accept;
mod batch;
mod both;
mod config;
mod connect;
mod driver;
mod error;
mod half;
mod handle;
mod input;
mod keys;
mod link;
mod locked;
mod opening;
mod outbox;
mod overflow;
mod patience;
mod pool;
mod shared;
mod split;
mod stream;
mod timer;
#[cfg(feature = "rustls-tls")]
mod tls;
mod traffic;
mod transport;
mod waiting;
mod writing;

pub use accept::{Incoming, accept};
pub use batch::{Events, Outgoing};
pub use config::Config;
#[cfg(feature = "deflate")]
pub use config::{Deflate, Memory};
#[cfg(feature = "rustls-tls")]
pub use connect::connect_tls;
pub use connect::{connect, connect_over, connect_with};
pub use error::{Error, TrySendError};
#[cfg(feature = "server")]
pub(crate) use handle::close_frame;
pub use handle::{Ending, Handle};
pub use keys::masking_key;
pub use locked::Locked;
pub use overflow::Overflow;
pub use split::{Reader, Split, Writer};
pub use stream::{Parts, WebSocket};
#[cfg(all(feature = "rustls-tls", feature = "server"))]
pub(crate) use tls::HTTP;
#[cfg(feature = "rustls-tls")]
pub use tls::{TlsError, TlsInfo};
/// The TLS library, in the version that this crate speaks with.
#[cfg(feature = "rustls-tls")]
pub use tokio_rustls::rustls;
#[cfg(feature = "metrics")]
pub use traffic::Traffic;
#[cfg(feature = "rustls-tls")]
pub use transport::TlsStream;
pub use transport::{Transport, TransportRead, TransportWrite};
