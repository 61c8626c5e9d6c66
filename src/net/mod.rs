//! The tokio layer: sockets, wake-ups, timers, buffers, back-pressure.
//!
//! | room | what it is for |
//! |---|---|
//! | `opening` | the opening handshake over a transport, TLS |
//! | `socket` | the unsplit socket: one task receives and sends |
//! | `split` | the split socket: one task receives, others send |
//! | `buffers` | what was read, what waits to be written |
//!
//! Imports go from `opening` and `split` to `socket`, from there to `buffers`, and from all of them to
//! [`proto`](crate::proto) and [`handshake`](crate::handshake), never back.

mod buffers;
mod config;
mod error;
mod keys;
mod opening;
mod overflow;
mod socket;
mod split;
pub(crate) mod sync;
#[cfg(feature = "rustls-tls")]
mod tls_error;

#[cfg(feature = "metrics")]
pub use buffers::traffic::Traffic;
pub use config::Config;
#[cfg(feature = "deflate")]
pub use config::{Deflate, Memory};
pub use error::{Error, TrySendError};
pub use keys::masking_key;
pub use opening::accept::{Acceptance, Incoming, accept};
#[cfg(feature = "rustls-tls")]
pub use opening::connect::connect_tls;
pub use opening::connect::{connect, connect_over, connect_with};
#[cfg(all(feature = "rustls-tls", feature = "server"))]
pub(crate) use opening::tls::HTTP;
#[cfg(feature = "rustls-tls")]
pub use opening::tls::TlsInfo;
#[cfg(feature = "rustls-tls")]
pub use opening::transport::TlsStream;
pub use opening::transport::{Transport, TransportRead, TransportWrite};
pub use overflow::{Outcome, Overflow};
pub use socket::batch::{Events, Outgoing};
#[cfg(feature = "server")]
pub(crate) use socket::handle::close_frame;
pub use socket::handle::{CloseInfo, Handle};
pub use socket::websocket::{Parts, WebSocket};
pub use split::halves::{Reader, Split, Writer};
pub use split::locked::Locked;
pub use split::pressure::Pressure;
#[cfg(feature = "rustls-tls")]
pub use tls_error::TlsError;
/// The TLS library, in the version that this crate speaks with.
#[cfg(feature = "rustls-tls")]
pub use tokio_rustls::rustls;
