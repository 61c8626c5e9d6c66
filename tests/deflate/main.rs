//! permessage-deflate (RFC 7692): the negotiation of both roles, the codec against the RFC's own
//! examples and against the engine in one shot, and the attacks on it (S12–S15), by number.

#![cfg(feature = "deflate")]

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "tokio")]
mod chat;
mod codec;
mod kept;
mod negotiation;
mod prepared;
#[cfg(feature = "tokio")]
mod sockets;
