//! bowstring: a WebSocket implementation written from RFC 6455 up.

#![forbid(unsafe_code)]

pub mod handshake;
pub mod proto;
