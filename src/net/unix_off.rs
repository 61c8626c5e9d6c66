//! Stands in for Unix domain sockets on systems that have none.

use std::io;
use std::path::Path;

use super::never::Never;

pub(crate) type UnixStream = Never<()>;
pub(in crate::net) type OwnedReadHalf = UnixStream;
pub(in crate::net) type OwnedWriteHalf = UnixStream;

impl UnixStream {
    pub(in crate::net) fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.never()
    }
}

#[expect(clippy::unused_async)]
pub(in crate::net) async fn connect(_: &Path) -> io::Result<UnixStream> {
    Err(io::ErrorKind::Unsupported.into())
}
