//! The unsplit socket: one task receives and sends.
//!
//! ```text
//! byte_stream             bytes over binary messages
//!      │
//! websocket ── batch      owned messages, `Stream` and `Sink` · lent events
//!      └──┬──────┘
//!       ending            ends TCP, and says how it ended
//!         │
//!       driver            reads and keeps time
//!    ┌────┼───────┐
//!  link   │     timer     writes · one timer
//!        span             what a client tells of its connections
//!         │
//!       handle            what others may ask of it
//! ```
//!
//! The driver asks `read_budget` how much it may read before others go on, and `reported` which pings and pongs the
//! application receives. `waker_pair` wakes the task that polls a socket as a `Stream` and the one that polls it as a `Sink`.

pub(in crate::net) mod batch;
pub(in crate::net) mod byte_stream;
pub(in crate::net) mod driver;
mod ending;
pub(in crate::net) mod handle;
pub(in crate::net) mod link;
mod read_budget;
mod reported;
#[cfg_attr(not(feature = "tracing"), path = "span_off.rs")]
pub(in crate::net) mod span;
pub(in crate::net) mod timer;
pub(in crate::net) mod waker_pair;
pub(in crate::net) mod websocket;
