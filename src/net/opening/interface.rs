//! Sockets that use one network interface alone. `interface_off.rs` stands in for it on systems that have no such
//! option.

use std::io;

use tokio::net::TcpSocket;

pub(super) fn bind(socket: &TcpSocket, name: &str) -> io::Result<()> {
    socket.bind_device(Some(name.as_bytes()))
}
