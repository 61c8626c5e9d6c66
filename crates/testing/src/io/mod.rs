//! What needs tokio: transports that follow a script, futures polled by hand, waiting with a limit;
//! servers as processes, and a peer for them.

pub mod client;
#[cfg(feature = "http2")]
pub mod http2;
pub mod poll;
pub mod process;
pub mod scripted;
pub mod wait;
