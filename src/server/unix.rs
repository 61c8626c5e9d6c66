//! What listening means on Unix. `unix_off.rs` stands in for it on other systems.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
pub(super) use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;

pub(super) use tokio::net::UnixListener;
use tokio::net::{TcpListener, TcpSocket, UnixStream};

/// Binds a Unix socket. A socket file that a process has left there is replaced.
pub(super) async fn bind(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let left = UnixStream::connect(path).await;
            let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            // Whatever else stands there is not ours to remove.
            let socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            if !socket || !left.is_err_and(refused) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
}

/// The same socket once more.
pub(super) fn duplicate(listener: &TcpListener) -> io::Result<StdTcpListener> {
    Ok(listener.as_fd().try_clone_to_owned()?.into())
}

/// The same socket once more.
pub(super) fn duplicate_unix(listener: &UnixListener) -> io::Result<StdUnixListener> {
    Ok(listener.as_fd().try_clone_to_owned()?.into())
}

/// A server that starts again may use its address while old connections fade; a `shared` address may be
/// used by others at the same time.
pub(super) fn reuse(socket: &TcpSocket, shared: bool) -> io::Result<()> {
    socket.set_reuseaddr(true)?;
    if shared { socket.set_reuseport(true) } else { Ok(()) }
}
