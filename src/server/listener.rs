//! Where connections come from: TCP and Unix sockets, bound here or handed in.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use http::StatusCode;
use tokio::net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host};

use super::tls::Tls;
use super::unix::{self, UnixListener};
use crate::net::{Config, Transport};

/// A socket that a [`Server`](super::Server) accepts connections from.
///
/// ```no_run
/// use bowstring::server::{Listener, Server};
///
/// # async fn example() -> std::io::Result<()> {
/// let server = Server::new()
///     .listen(Listener::bind("127.0.0.1:9001").await?)
///     .listen(Listener::bind("[::1]:9001").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    tls: Option<Tls>,
}

/// A connection that was accepted, and has not sent anything.
pub(super) struct Accepted {
    stream: Transport,
    pub(super) peer: Peer,
    tls: Option<Tls>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The address of the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// An address and a port. If there is a proxy in between, they are the proxy's.
    Tcp(SocketAddr),
    /// A process of this machine, through a Unix socket.
    Unix,
}

impl Listener {
    /// Binds TCP: the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// The name has no address, or the last address could not be bound.
    pub async fn bind(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_first(addresses, false).await
    }

    /// Binds TCP with `SO_REUSEPORT`. Other sockets of the same user may listen at the same address, and the
    /// system distributes connections over them.
    ///
    /// # Errors
    ///
    /// As for [`bind`](Self::bind), and if the system does not support it.
    pub async fn bind_shared(addresses: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_first(addresses, true).await
    }

    async fn bind_first(addresses: impl ToSocketAddrs, shared: bool) -> io::Result<Self> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "no address of that name");
        for address in lookup_host(addresses).await? {
            match listen(address, shared) {
                Ok(listener) => return Ok(listener.into()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Binds a Unix socket. A socket file that a process has left there is replaced.
    ///
    /// # Errors
    ///
    /// It could not be bound, for instance because another process listens there.
    pub async fn bind_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(unix::bind(path.as_ref()).await?.into())
    }

    /// Connections to this listener use TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connections to it speak TLS with this certificate, if it has none.
    pub(super) fn or_tls(mut self, tls: &Tls) -> Self {
        self.tls.get_or_insert_with(|| tls.clone());
        self
    }

    /// The TCP address it is bound to; `None` for a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok(),
            Kind::Unix(_) => None,
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.accept_plain().await?;
        Ok(Accepted { stream, peer, tls: self.tls.clone() })
    }

    async fn accept_plain(&self) -> io::Result<(Transport, Peer)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Only a socket that is gone already refuses; corking is ours.
                let _ = stream.set_nodelay(true);
                Ok((stream.into(), Peer::Tcp(address)))
            }
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((stream.into(), Peer::Unix))
            }
        }
    }

    /// The same socket for another runtime. Must be registered there.
    pub(super) fn share(&self) -> io::Result<Shared> {
        let socket = match &self.kind {
            Kind::Tcp(listener) => Socket::Tcp(unix::duplicate(listener)?),
            Kind::Unix(listener) => Socket::Unix(unix::duplicate_unix(listener)?),
        };
        Ok(Shared { socket, tls: self.tls.clone() })
    }
}

/// A listener between two runtimes.
pub(super) struct Shared {
    socket: Socket,
    tls: Option<Tls>,
}

enum Socket {
    Tcp(std::net::TcpListener),
    Unix(unix::StdUnixListener),
}

impl Shared {
    /// Registers it with the runtime that this is called on.
    pub(super) fn register(self) -> io::Result<Listener> {
        let listener: Listener = match self.socket {
            Socket::Tcp(listener) => TcpListener::from_std(listener)?.into(),
            Socket::Unix(listener) => UnixListener::from_std(listener)?.into(),
        };
        Ok(Listener { tls: self.tls, ..listener })
    }
}

impl Accepted {
    /// The transport, once it is as secure as it should be; `None` if it never is. `refusing` is
    /// called with the status before the peer is refused.
    pub(super) async fn transport(
        self,
        config: &Config,
        refusing: impl FnOnce(StatusCode),
    ) -> Option<Transport> {
        if let Some(tls) = self.tls {
            // Boxed, because connections in the clear do not need it.
            return Box::pin(tls.accept(self.stream, config, refusing)).await;
        }
        Some(self.stream)
    }
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    unix::reuse(&socket, shared)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl From<Kind> for Listener {
    fn from(kind: Kind) -> Self {
        Self { kind, tls: None }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Kind::Tcp(listener).into()
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Kind::Unix(listener).into()
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl Peer {
    /// Its IP address.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip()),
            Self::Unix => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// How many connections may wait to be accepted.
pub(super) const BACKLOG: u32 = 4096;
