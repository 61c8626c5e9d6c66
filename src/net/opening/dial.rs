//! Connecting to the first of several addresses that answers (RFC 8305, "happy eyeballs").
//!
//! An attempt begins when the one before it has failed, or after a delay. The first that succeeds counts, and
//! the others are dropped. So an address that never answers costs the delay, and not the deadline.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::interface;
use super::transport::Transport;
use crate::net::connect_error::{ConnectAttempt, ConnectError};

/// RFC 8305 §8: the delay that it recommends.
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

pub(super) type Connecting = Pin<Box<dyn Future<Output = io::Result<Transport>> + Send>>;

/// How an address is connected to.
#[derive(Clone)]
pub(super) enum Dialer {
    Tcp(Source),
    /// As the caller does it.
    Own(Arc<dyn Fn(SocketAddr) -> Connecting + Send + Sync>),
}

/// Where TCP connections begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// One of these addresses of this machine, if there are any.
    pub(super) local: Vec<IpAddr>,
    pub(super) interface: Option<String>,
}

impl Source {
    fn local(&self, address: &SocketAddr) -> Option<IpAddr> {
        self.local.iter().copied().find(|local| local.is_ipv4() == address.is_ipv4())
    }
}

impl Dialer {
    fn dial(&self, address: SocketAddr) -> Connecting {
        match self {
            Self::Tcp(source) => Box::pin(tcp(address, source.clone())),
            Self::Own(dial) => dial(address),
        }
    }

    /// Whether this machine has an address for a connection to that one.
    fn has_family_of(&self, address: &SocketAddr) -> bool {
        match self {
            Self::Tcp(source) => source.local.is_empty() || source.local(address).is_some(),
            Self::Own(_) => true,
        }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(source) => f.debug_tuple("Tcp").field(source).finish(),
            Self::Own(_) => f.write_str("Own"),
        }
    }
}

async fn tcp(address: SocketAddr, source: Source) -> io::Result<Transport> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(name) = &source.interface {
        interface::bind(&socket, name)?;
    }
    if let Some(local) = source.local(&address) {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    Ok(socket.connect(address).await?.into())
}

/// Connects to the first of these addresses that answers, before `end`.
pub(super) async fn connect_first(
    addresses: Vec<SocketAddr>,
    dialer: &Dialer,
    delay: Duration,
    end: Option<Instant>,
) -> Result<Transport, ConnectError> {
    let mut failed = Vec::new();
    let mut waiting = Vec::new();
    for address in interleave(addresses) {
        if dialer.has_family_of(&address) {
            waiting.push(address);
        } else {
            let error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            failed.push(ConnectAttempt::new(address, error));
        }
    }
    let mut waiting = waiting.into_iter();
    let mut running: Vec<(SocketAddr, Connecting)> = Vec::new();
    let mut next: Option<Pin<Box<Sleep>>> = None;
    let mut end = end.map(|end| Box::pin(sleep_until(end)));
    poll_fn(move |cx| {
        loop {
            let before = failed.len();
            let mut at = 0;
            while let Some((address, connecting)) = running.get_mut(at) {
                match connecting.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failed.push(ConnectAttempt::new(*address, error));
                        drop(running.remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            if end.as_mut().is_some_and(|end| end.as_mut().poll(cx).is_ready()) {
                let late = running.drain(..).map(|(address, _)| {
                    ConnectAttempt::new(address, io::ErrorKind::TimedOut.into())
                });
                failed.extend(late);
                return Poll::Ready(Err(ConnectError::new(std::mem::take(&mut failed), true)));
            }
            let due = running.is_empty()
                || failed.len() > before
                || next.as_mut().is_none_or(|next| next.as_mut().poll(cx).is_ready());
            if !due {
                return Poll::Pending;
            }
            match waiting.next() {
                Some(address) => running.push((address, dialer.dial(address))),
                None if running.is_empty() => {
                    let failed = std::mem::take(&mut failed);
                    return Poll::Ready(Err(ConnectError::new(failed, false)));
                }
                None => return Poll::Pending,
            }
            next = (waiting.len() > 0).then(|| Box::pin(sleep(delay)));
        }
    })
    .await
}

/// RFC 8305 §4: the families take turns, beginning with that of the first address.
fn interleave(addresses: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
    let first = addresses.first().is_none_or(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    std::iter::from_fn(move || {
        let next = one.next().or_else(|| other.next());
        std::mem::swap(&mut one, &mut other);
        next
    })
}
