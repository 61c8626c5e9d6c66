//! SOCKS5 as bytes: RFC 1928, and RFC 1929 for passwords.
//!
//! ```text
//! greeting ─▶ method ─▶ [login ─▶ login_reply] ─▶ connect ─▶ reply
//! ```

use std::net::IpAddr;

use super::address::Credentials;
use crate::net::proxy_error::{ProxyError, ProxyStep, SocksReply};

const VERSION: u8 = 5;

/// Methods to log in (RFC 1928 §3).
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NOT_ACCEPTABLE: u8 = 0xff;

/// The version of the sub-negotiation of RFC 1929.
const LOGIN_VERSION: u8 = 1;

const CONNECT: u8 = 1;

/// Types of addresses (RFC 1928 §5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// How a client logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Method {
    NoAuthentication,
    Password,
}

/// Offers to log in: with a password only if there is one.
pub(in crate::net) fn greeting(has_password: bool) -> &'static [u8] {
    if has_password {
        &[VERSION, 2, NO_AUTHENTICATION, PASSWORD]
    } else {
        &[VERSION, 1, NO_AUTHENTICATION]
    }
}

/// What the proxy chose of it.
pub(in crate::net) fn method(
    [version, method]: [u8; 2],
    has_password: bool,
) -> Result<Method, ProxyError> {
    if version != VERSION {
        return Err(ProxyError::SocksVersion(ProxyStep::SocksMethod, version));
    }
    match method {
        NO_AUTHENTICATION => Ok(Method::NoAuthentication),
        PASSWORD if has_password => Ok(Method::Password),
        NOT_ACCEPTABLE => Err(ProxyError::SocksMethod),
        other => Err(ProxyError::SocksUnoffered(other)),
    }
}

/// User name and password (RFC 1929 §2).
pub(in crate::net) fn login(login: &Credentials) -> Result<Vec<u8>, ProxyError> {
    let mut bytes = vec![LOGIN_VERSION];
    push_short(&mut bytes, login.user.as_bytes(), "user name")?;
    push_short(&mut bytes, login.password.as_bytes(), "password")?;
    Ok(bytes)
}

/// Whether the proxy takes them. Some answer with the version of SOCKS instead of this one's.
pub(in crate::net) fn login_reply([version, status]: [u8; 2]) -> Result<(), ProxyError> {
    match (version, status) {
        (LOGIN_VERSION | VERSION, 0) => Ok(()),
        (LOGIN_VERSION | VERSION, _) => Err(ProxyError::SocksCredentials),
        _ => Err(ProxyError::SocksVersion(ProxyStep::SocksLogin, version)),
    }
}

/// Asks for a connection to a host: an address goes as one, anything else as a name.
pub(in crate::net) fn connect(host: &str, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            bytes.push(IPV4);
            bytes.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            bytes.push(IPV6);
            bytes.extend_from_slice(&address.octets());
        }
        Err(_) => {
            bytes.push(NAME);
            push_short(&mut bytes, host.as_bytes(), "server's host")?;
        }
    }
    bytes.extend_from_slice(&port.to_be_bytes());
    Ok(bytes)
}

/// How the first bytes of the answer to that begin: version and reply.
pub(in crate::net) const REPLY: usize = 2;

/// What they say. Some proxies send no more than these if they refuse.
pub(in crate::net) fn reply([version, reply]: [u8; REPLY]) -> Result<(), ProxyError> {
    if version != VERSION {
        return Err(ProxyError::SocksVersion(ProxyStep::SocksConnect, version));
    }
    SocksReply::from_byte(reply).map_or(Ok(()), |reply| Err(ProxyError::Socks(reply)))
}

/// How many bytes follow the reserved byte, the type of the address and the byte after that. They are the
/// address and port that the proxy uses, which are not needed.
pub(in crate::net) fn bytes_after([_, kind, first]: [u8; 3]) -> Result<usize, ProxyError> {
    let port = 2;
    match kind {
        IPV4 => Ok(4 - 1 + port),
        NAME => Ok(usize::from(first) + port),
        IPV6 => Ok(16 - 1 + port),
        other => Err(ProxyError::SocksAddressType(other)),
    }
}

fn push_short(bytes: &mut Vec<u8>, text: &[u8], what: &'static str) -> Result<(), ProxyError> {
    bytes.push(u8::try_from(text.len()).map_err(|_| ProxyError::TooLong(what))?);
    bytes.extend_from_slice(text);
    Ok(())
}
