//! §5–§8 as a state machine: bytes in, events out; events in, bytes out.
//!
//! Nothing here knows a socket, a clock or a random generator. The caller owns the bytes, time is
//! an argument, and masking keys come from a [`KeySource`]. Everything imports downwards:
//!
//! ```text
//!                       connection        both halves and one deadline       §7
//!                ┌──────────┼─────────┐
//!             receive     send     deadline  §6.2 · §6.1
//!        ┌───────┼──────────┤
//!    assemble  deflate   as_event            §5.4 · RFC 7692 · whatever can be said
//!        │       ├────┬─────┘
//!        │  engines prepared                 what a thread keeps · one message for many
//!        │            │
//!  utf8  message_buffer  frame               pieces of messages and of frames  §5.1 §5.2
//!                │  ┌───┴───┐
//!           message │     mask               §5.3
//!                │  header                   §5.2
//!           close   │    memory              bytes that a thread keeps
//!                opcode  │
//!                    free_list               things that are kept for the next
//! ```
//!
//! `config`, `error` and `role` are known to all of them. Use [`Connection`] unless the two
//! directions live in different tasks; then a [`Receiver`] and a [`Sender`] do.

mod as_event;
mod assemble;
pub mod close;
mod close_code;
mod config;
mod connection;
mod deadline;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "deflate")]
mod engines;
mod error;
mod frame;
pub(crate) mod free_list;
mod header;
mod mask;
pub(crate) mod memory;
mod message;
mod message_buffer;
mod opcode;
mod plain;
mod prepared;
mod receive;
mod role;
mod send;
mod utf8;

pub use as_event::AsEvent;
pub use close::{Close, State};
pub use close_code::CloseCode;
#[cfg(feature = "deflate")]
pub use config::{Compression, Context};
pub use config::{Limits, ProtocolConfig, Timeouts};
pub use connection::Connection;
pub use deadline::{Deadline, Due, Expired};
#[cfg(feature = "deflate")]
pub use deflate::Ratio;
pub use error::{Misuse, Violation};
pub use header::Header;
pub use mask::Mask;
pub use message::{CloseFrame, Event, Message, Part};
pub use opcode::Opcode;
pub use prepared::Prepared;
pub use receive::{Receiver, Replies};
pub use role::{KeySource, Role};
pub use send::Sender;
