//! Stands in for sockets of one network interface on systems that have no option for it.

use std::io;

use tokio::net::TcpSocket;

pub(super) fn bind(_: &TcpSocket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
