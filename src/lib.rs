//! bowstring: a WebSocket implementation written from RFC 6455 up.

#![forbid(unsafe_code)]

pub mod handshake;
#[cfg(feature = "net")]
pub mod net;
pub mod proto;

#[cfg(feature = "net")]
pub use net::{Config, Error, WebSocket, accept, connect};
pub use proto::{Close, CloseCode, CloseFrame, Event, Message};
