//! From the host of a URI to addresses.
//!
//! The system's resolver is asked, in a thread of its own because it blocks. `std` tells every failure of
//! it by a text alone. Here a name that does not exist is told apart, because trying it again is of no
//! use.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use crate::net::error::Error;

pub(super) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Who is asked for the addresses of a name.
#[derive(Clone)]
pub(super) enum Resolver {
    System,
    /// As the caller does it.
    Own(Arc<dyn Fn(String, u16) -> Resolving + Send + Sync>),
}

impl Resolver {
    /// The addresses of a host, in the order in which they are to be tried. There is one at least.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let addresses = match self {
            Self::System => system(host, port).await?,
            // No name, but an address with a zone: only the system knows its interfaces.
            Self::Own(_) if host.contains('%') => system(host, port).await?,
            Self::Own(resolve) => match resolve(host.to_owned(), port).await {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                found => found?,
            },
        };
        if addresses.is_empty() {
            return Err(Error::NoSuchHost(host.into()));
        }
        Ok(addresses)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Own(_) => "Own",
        })
    }
}

/// The addresses of a name, in the system's order (RFC 6724).
async fn system(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
    let name = host.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
        getaddrinfo(Some(&name), None, Some(hints)).map(|found| found.collect::<Vec<_>>())
    });
    let found = looking.await.map_err(io::Error::from)?.map_err(|error| explain(host, error))?;
    // One of another family than IP is nothing to connect to.
    let addresses = found.into_iter().flatten().map(|mut found| {
        // The rest stays: an address of one link alone has a scope (RFC 4007 §6).
        found.sockaddr.set_port(port);
        found.sockaddr
    });
    Ok(addresses.collect())
}

fn explain(host: &str, error: LookupError) -> Error {
    match error.kind() {
        // It does not exist, or has no address.
        LookupErrorKind::NoName | LookupErrorKind::NoData => Error::NoSuchHost(host.into()),
        _ => Error::Io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are the system's, the kinds are not.
    #[test]
    fn only_a_name_that_does_not_exist_is_permanent() {
        let mut seen = [0; 2];
        for number in (-200..=200).chain(10_000..12_000) {
            let error = LookupError::new(number);
            let gone = matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData);
            let again = matches!(error.kind(), LookupErrorKind::Again);
            let explained = explain("example.com", error);
            assert_eq!(matches!(explained, Error::NoSuchHost(_)), gone, "{number}: {explained}");
            assert_eq!(explained.is_transient(), !gone, "{number}: {explained}");
            seen[0] += u32::from(gone);
            seen[1] += u32::from(again);
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    }
}
