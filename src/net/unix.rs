//! Unix domain sockets. `unix_off.rs` stands in for them on other systems.

use std::io;
use std::path::Path;

pub(crate) use tokio::net::UnixStream;
pub(in crate::net) use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

pub(in crate::net) async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}
