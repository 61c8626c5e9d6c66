//! Stands in for what listening means on Unix: on Windows there are no Unix sockets and no shared
//! addresses.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::os::windows::io::AsSocket;
use std::path::Path;

use tokio::net::{TcpListener, TcpSocket};

use crate::net::Transport;

/// It cannot exist.
#[derive(Debug)]
// It has no name outside, but a `Listener` is made from it.
#[allow(unreachable_pub)]
pub enum UnixListener {}

pub(super) type StdUnixListener = UnixListener;

impl UnixListener {
    pub(super) fn from_std(listener: StdUnixListener) -> io::Result<Self> {
        Ok(listener)
    }

    pub(super) async fn accept(&self) -> io::Result<(Transport, ())> {
        match *self {}
    }
}

pub(super) async fn bind(_: &Path) -> io::Result<UnixListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "there are no Unix sockets here"))
}

/// The same socket once more.
pub(super) fn duplicate(listener: &TcpListener) -> io::Result<StdTcpListener> {
    Ok(listener.as_socket().try_clone_to_owned()?.into())
}

pub(super) fn duplicate_unix(listener: &UnixListener) -> io::Result<StdUnixListener> {
    match *listener {}
}

/// Windows lets a server that starts again use its address anyway.
pub(super) fn reuse(_: &TcpSocket, shared: bool) -> io::Result<()> {
    match shared {
        true => Err(io::Error::new(io::ErrorKind::Unsupported, "there is no SO_REUSEPORT here")),
        false => Ok(()),
    }
}
