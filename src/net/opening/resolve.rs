//! From the host of a URI to a TCP connection.
//!
//! The system's resolver is asked, in a thread of its own because it blocks. `std` tells every failure of
//! it by a text alone. Here a name that does not exist is told apart, because trying it again is of no
//! use.

use std::io;
use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use tokio::net::TcpStream;

use super::head::no_delay;
use super::transport::Transport;
use crate::handshake::Uri;
use crate::net::error::Error;

/// Connects to the host of a URI, to its addresses in turn.
pub(super) async fn tcp(uri: &Uri) -> Result<Transport, Error> {
    let stream = match (uri.host().parse::<IpAddr>(), uri.zone()) {
        (Ok(address), None) => TcpStream::connect((address, uri.port())).await?,
        // The system's resolver knows the number of the interface.
        (_, Some(zone)) => {
            let scoped = format!("{}%{zone}", uri.host());
            TcpStream::connect(&*resolve(&scoped, uri.port()).await?).await?
        }
        (Err(_), None) => TcpStream::connect(&*resolve(uri.host(), uri.port()).await?).await?,
    };
    no_delay(&stream);
    Ok(stream.into())
}

/// The addresses of a name, in the system's order.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
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
