//! Unix domain sockets. `unix_off.rs` stands in for them on other systems.

pub(crate) use tokio::net::UnixStream;
pub(in crate::net) use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
