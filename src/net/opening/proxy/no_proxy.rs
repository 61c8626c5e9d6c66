//! `NO_PROXY`: the addresses that are connected to directly.

use std::net::IpAddr;

/// A list of hosts, as in the variable `NO_PROXY`.
#[derive(Debug, Clone, Default)]
pub(super) struct NoProxy {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    hosts: Hosts,
    /// All if there is none.
    port: Option<u16>,
}

#[derive(Debug, Clone)]
enum Hosts {
    /// `*`
    All,
    /// A name and all below it; in lower case, without dots around it.
    Name(String),
    /// Those whose first bits are the same.
    Network(IpAddr, u32),
}

impl NoProxy {
    pub(super) fn parse(list: &str) -> Self {
        let separator = |c: char| c == ',' || c.is_whitespace();
        Self { entries: list.split(separator).filter_map(Entry::parse).collect() }
    }

    /// Whether a host is on the list. An IPv6 address has no brackets.
    pub(super) fn contains(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let address = host.parse().ok().map(unmapped);
        self.entries.iter().any(|entry| {
            entry.port.is_none_or(|of_entry| of_entry == port)
                && match (&entry.hosts, address) {
                    (Hosts::All, _) => true,
                    (Hosts::Name(name), None) => is_below(&host, name),
                    (Hosts::Network(network, bits), Some(address)) => {
                        share_bits(*network, address, *bits)
                    }
                    _ => false,
                }
        })
    }
}

impl Entry {
    /// An entry that means nothing is passed over, as other implementations do.
    fn parse(text: &str) -> Option<Self> {
        let whole = |hosts| Some(Self { hosts, port: None });
        if let Some(network) = parse_network(text) {
            return whole(network);
        }
        // `[::1]`, `[::1]:8080`
        let (host, port) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map(str::parse).transpose().ok()?;
        let name = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let name = name.trim_matches('.');
        let hosts = match (host, parse_network(host)) {
            ("*", _) => Hosts::All,
            (_, Some(network)) => network,
            _ if name.is_empty() => return None,
            _ => Hosts::Name(name.to_ascii_lowercase()),
        };
        Some(Self { hosts, port })
    }
}

/// `10.0.0.0/8`, `fd00::/8`, or one address.
fn parse_network(text: &str) -> Option<Hosts> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let width = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.parse().ok().filter(|&bits| bits <= width)?,
        None => width,
    };
    match (address, unmapped(address)) {
        (IpAddr::V6(_), IpAddr::V4(inner)) if bits >= 96 => {
            Some(Hosts::Network(IpAddr::V4(inner), bits - 96))
        }
        _ => Some(Hosts::Network(address, bits)),
    }
}

/// An IPv4 address that is written as one of IPv6 (`::ffff:10.0.0.1`) is connected to by IPv4.
fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn share_bits(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let differ = u32::from(one) ^ u32::from(other);
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let differ = u128::from(one) ^ u128::from(other);
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Whether a host has this name, or is below it.
fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
