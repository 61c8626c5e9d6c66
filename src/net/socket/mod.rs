//! The unsplit socket: one task receives and sends.
//!
//! ```text
//! byte_stream             bytes over binary messages
//!      │
//! websocket ── batch      owned messages, `Stream` and `Sink` · lent events
//!      └──┬──────┘
//!       driver            reads, keeps time, ends the connection
//!    ┌────┼───────┐
//!  link   │     timer     writes · one timer
//!        span             what a client tells of its connections
//!         │
//!       handle            what others may ask of it
//! ```
//!
//! `waker_pair` wakes the task that polls a socket as a `Stream` and the one that polls it as a `Sink`.

pub(in crate::net) mod batch;
pub(in crate::net) mod byte_stream;
pub(in crate::net) mod driver;
pub(in crate::net) mod handle;
pub(in crate::net) mod link;
#[cfg_attr(not(feature = "tracing"), path = "span_off.rs")]
pub(in crate::net) mod span;
pub(in crate::net) mod timer;
pub(in crate::net) mod waker_pair;
pub(in crate::net) mod websocket;
