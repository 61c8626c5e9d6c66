//! §5–§8 as a state machine: bytes in, events out; events in, bytes out.
//!
//! Nothing here knows a socket, a clock or a random generator. The caller owns the bytes, time is
//! an argument, and masking keys come from a [`KeySource`]. Everything imports downwards:
//!
//! ```text
//!                 connection              both halves                        §7
//!                ┌──────┴───┐
//!            lifecycle      │                what decides how a connection ends
//!           ┌────┴────┐     │
//!       deadline  receive  send              §6.2 · §6.1
//!        ┌───────┤          │
//!        │       │       as_event            whatever can be said
//!        │       │          │
//!        │       │       prepared            one message for many
//!        │       ├──────────┘
//!    assemble  deflate                       §5.4 · RFC 7692
//!        │       │
//!        │    engines   framed               what threads lend · whole frames for many
//!        │     ┌──────────┘
//!  utf8        │    frame                    pieces of frames, and back      §5.1 §5.2
//!              │  ┌───┴───┐
//!         message │     mask                 §5.3
//!              │  header                     §5.2
//!         close   │
//!              opcode
//! ```
//!
//! `config`, `error`, `ratio` and `role` are known to all of them. Use [`Connection`] unless the two
//! directions live in different tasks; then a [`Lifecycle`] and a [`Sender`] do.

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
mod header;
mod lifecycle;
mod mask;
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
pub use message::{CloseFrame, Event, Message, Part};
pub use opcode::Opcode;
pub use prepared::Prepared;
pub use ratio::Ratio;
pub use receive::{Receiver, Replies};
pub use role::{KeySource, Role};
pub use send::Sender;
