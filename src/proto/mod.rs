//! The protocol (§5–§8) without I/O: bytes in, messages out; messages in, bytes out.
//!
//! Nothing here knows a socket, a clock or a random generator. You own the bytes, the time is an argument, and a
//! client's masking keys come from a [`KeySource`].
//!
//! Use a [`Connection`], unless one thread reads and another writes: then use a [`Lifecycle`] and a [`Sender`].
//!
//! ```
//! use std::time::Instant;
//! use bowstring::proto::{Connection, Event, ProtocolConfig, Role};
//!
//! let mut server = Connection::new(Role::Server, &ProtocolConfig::default(), Instant::now());
//! // "Hello" from a client, as §5.7 has it.
//! let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
//! let (mut input, mut out) = (&mut bytes[..], Vec::new());
//!
//! assert_eq!(server.recv(&mut input, &mut out)?, Some(Event::Text("Hello")));
//! assert_eq!(server.recv(&mut input, &mut out)?, None);
//! server.feed("Hello", &mut out)?;
//! assert_eq!(out, b"\x81\x05Hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The doc of [`Connection`] has the steps of an event loop. The guide "Your own event loop" has a whole program.
//!
//! Errors are sorted by whose fault it was. A [`Violation`] is the peer's, and ends the connection. A [`Misuse`] is
//! the caller's, and changes nothing.

// The map of these files is in ARCHITECTURE.md; tests/layers.rs checks it.

mod as_event;
mod assemble;
pub mod close;
mod close_code;
mod config;
mod connection;
mod deadline;
#[cfg_attr(not(feature = "deflate"), path = "deflate_off.rs")]
mod deflate;
#[cfg(feature = "deflate")]
mod engines;
mod error;
mod frame;
mod framed;
pub(crate) mod free_list;
mod header;
#[cfg(feature = "deflate")]
mod history;
mod lifecycle;
mod mask;
pub(crate) mod memory;
mod message;
mod message_buffer;
mod opcode;
mod plain;
mod prepared;
mod ratio;
mod receive;
mod role;
mod send;
mod utf8;
mod utf8_bytes;

pub use as_event::AsEvent;
pub use close::{Close, State};
pub use close_code::CloseCode;
pub use config::{Limits, ProtocolConfig, Timeouts};
pub use connection::Connection;
pub use deadline::{Due, Expired};
pub use deflate::{Compression, Context};
pub use error::{Misuse, Violation};
pub use header::Header;
pub use lifecycle::{Ending, Lifecycle};
pub use mask::Mask;
pub use message::{CloseFrame, Event, Message, NotText, Part};
pub use opcode::Opcode;
pub use prepared::Prepared;
pub use ratio::Ratio;
pub use receive::{Receiver, Replies};
pub use role::{KeySource, Role};
pub use send::Sender;
pub use utf8_bytes::Utf8Bytes;
