//! What needs tokio: transports that follow a script, futures polled by hand, waiting with a limit.

pub mod poll;
pub mod scripted;
pub mod wait;
