//! Stands in for Unix domain sockets on systems that have none.

use super::never::Never;

pub(crate) type UnixStream = Never<()>;
pub(in crate::net) type OwnedReadHalf = UnixStream;
pub(in crate::net) type OwnedWriteHalf = UnixStream;

impl UnixStream {
    pub(in crate::net) fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.never()
    }
}
