//! The client that comes back: one connection after another.
//!
//! ```text
//!      client              messages, Stream and Sink
//!     ┌──┴────┐
//!   engine    │            connecting, open, waiting, ended
//!   │  │   handle          what other tasks have
//!   │  └──┬───┘
//!   │   shared ─── trace   messages, wishes, the state · what the log says
//!   │     │
//!   │   window             messages that are not known to have arrived
//! back_off │               pauses
//!   └─┬───┘│
//! disconnect               why there is no connection
//!     └─┬──┘
//!    config                settings
//! ```
//!
//! The engine has one phase at a time and is polled by the task that receives, or that sends. Nothing is spawned.

mod back_off;
pub(in crate::net) mod client;
pub(in crate::net) mod config;
pub(in crate::net) mod disconnect;
pub(in crate::net) mod engine;
pub(in crate::net) mod handle;
pub(in crate::net) mod shared;
#[cfg_attr(not(feature = "tracing"), path = "trace_off.rs")]
mod trace;
mod window;
