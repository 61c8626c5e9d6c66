//! How a connection through a forward proxy fails: at which step, and through whose fault.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Response;

use super::connect_error::ConnectError;
use super::retry_after;
use super::tls_error::TlsError;
use crate::handshake::HeadError;

/// Why no connection came about through a forward proxy.
///
/// The server of the address has seen nothing yet: whatever this says is about the way to it.
///
/// ```
/// use bowstring::net::{ProxyError, SocksReply};
///
/// fn advice(error: &ProxyError) -> &'static str {
///     match error {
///         ProxyError::AuthenticationRequired(_) | ProxyError::SocksCredentials => "check the password",
///         ProxyError::Status(response) if response.status() == 403 => "the proxy forbids that server",
///         ProxyError::Socks(SocksReply::NotAllowed) => "the proxy forbids that server",
///         error if error.is_transient() => "try again later",
///         _ => "check the address of the proxy",
///     }
/// }
/// # assert_eq!(advice(&ProxyError::SocksCredentials), "check the password");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// This variable of the environment names a proxy, and its value is no address of one.
    Variable(&'static str, ProxyUriError),
    /// The host of the server, the user name or the password is longer than SOCKS5 can say: 255 bytes (RFC 1928
    /// §5, RFC 1929 §2). Nothing was sent.
    TooLong(&'static str),
    /// The host of the server is empty, or has a byte that no host name has. Nothing was sent.
    Target,
    /// The system's resolver says that the proxy's host does not exist, or has no IP address.
    NoSuchHost(Box<str>),
    /// None of the proxy's addresses could be connected to.
    Connect(ConnectError),
    /// The TLS connection to an `https://` proxy could not be made.
    Tls(TlsError),
    /// The transport failed at this step.
    Io(ProxyStep, io::Error),
    /// The proxy closed or reset the connection at this step, instead of an answer.
    Closed(ProxyStep),
    /// This step did not end in time.
    ///
    /// If it is connecting, the error is [`Connect`](Self::Connect), which knows the addresses that were tried.
    Timeout(ProxyStep),
    /// The proxy's answer to CONNECT is no HTTP/1, or its head is larger than 8 KiB.
    Head(HeadError),
    /// The proxy wants other credentials than it got, or any: 407.
    ///
    /// `Proxy-Authenticate` of this response is the challenge (RFC 9110 §11.7.1). At most 16 KiB of the body
    /// are kept.
    AuthenticationRequired(Box<Response<Bytes>>),
    /// The proxy answered CONNECT with another status that is not 2xx. This is its response, with at most
    /// 16 KiB of the body.
    Status(Box<Response<Bytes>>),
    /// The proxy does not speak SOCKS5: this is the version that it named at this step.
    SocksVersion(ProxyStep, u8),
    /// The SOCKS5 proxy takes none of the methods to log in that were offered (RFC 1928 §3). If no password was
    /// given, it probably wants one.
    SocksMethod,
    /// The SOCKS5 proxy chose this method to log in, which was not offered.
    SocksUnoffered(u8),
    /// The SOCKS5 proxy does not take the user name and password (RFC 1929 §2).
    SocksCredentials,
    /// The SOCKS5 proxy did not connect to the server, for this reason.
    Socks(SocksReply),
    /// The SOCKS5 proxy's answer has an address of this type, which does not exist.
    SocksAddressType(u8),
}

/// A step on the way through a forward proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyStep {
    /// The proxy's name is looked up.
    Resolve,
    /// A connection to the proxy is made.
    Connect,
    /// TLS with an `https://` proxy.
    Tls,
    /// The request to an HTTP proxy (`CONNECT`) and its answer.
    HttpConnect,
    /// What a SOCKS5 proxy and its client agree on: the method to log in.
    SocksMethod,
    /// The user name and password are sent to a SOCKS5 proxy.
    SocksLogin,
    /// The request to a SOCKS5 proxy and its answer.
    SocksConnect,
}

/// Why a SOCKS5 proxy did not connect (RFC 1928 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocksReply {
    /// 1: something else failed in the proxy. Some proxies say nothing but this.
    GeneralFailure,
    /// 2: the proxy's rules forbid it.
    NotAllowed,
    /// 3: the proxy cannot reach the server's network.
    NetworkUnreachable,
    /// 4: the proxy cannot reach the server, or finds no host of that name.
    HostUnreachable,
    /// 5: the server refused the connection.
    ConnectionRefused,
    /// 6: a time to live expired; some proxies mean that the server took too long.
    TtlExpired,
    /// 7: the proxy makes no connections for others.
    CommandNotSupported,
    /// 8: the proxy does not know addresses of that type. A proxy without IPv6 says this, or one that
    /// does not resolve names.
    AddressTypeNotSupported,
    /// A number that RFC 1928 does not assign.
    Unassigned(u8),
}

/// Why a text is not the address of a proxy. Positions are offsets in bytes.
///
/// It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyUriError {
    /// The scheme is none of `http`, `https`, `socks5`, `socks5h` and `socks`.
    Scheme,
    /// There is no host, or it is neither a name nor an IP address, from this byte on.
    Host(usize),
    /// The port that begins at this byte is not in 1–65535.
    Port(usize),
    /// There is a path, a query or a fragment, at this byte.
    Path(usize),
    /// This byte cannot stand in an address as it is, or begins an escape that is none.
    Byte(usize),
    /// The user name has a colon, which Basic cannot say (RFC 7617 §2).
    Colon,
    /// The user name or the password is longer than SOCKS5 can say: 255 bytes (RFC 1929 §2).
    TooLong,
}

impl ProxyError {
    /// Whether the same call may succeed at another time, after a pause that grows.
    pub fn is_transient(&self) -> bool {
        use SocksReply as Reply;
        match self {
            Self::Connect(_) | Self::Io(..) | Self::Closed(_) | Self::Timeout(_) => true,
            Self::Status(response) => {
                matches!(response.status().as_u16(), 408 | 425 | 429 | 500 | 502..=504)
            }
            Self::Socks(reply) => matches!(
                reply,
                Reply::GeneralFailure
                    | Reply::NetworkUnreachable
                    | Reply::HostUnreachable
                    | Reply::ConnectionRefused
                    | Reply::TtlExpired
            ),
            _ => false,
        }
    }

    /// Whether a deadline ended it.
    pub const fn is_timeout(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Connect(error) => error.is_timeout(),
            _ => false,
        }
    }

    /// The step that failed. `None` if nothing was begun.
    pub const fn step(&self) -> Option<ProxyStep> {
        Some(match self {
            Self::Variable(..) | Self::TooLong(_) | Self::Target => return None,
            Self::NoSuchHost(_) => ProxyStep::Resolve,
            Self::Connect(_) => ProxyStep::Connect,
            Self::Tls(_) => ProxyStep::Tls,
            Self::Io(step, _)
            | Self::Closed(step)
            | Self::Timeout(step)
            | Self::SocksVersion(step, _) => *step,
            Self::Head(_) | Self::AuthenticationRequired(_) | Self::Status(_) => {
                ProxyStep::HttpConnect
            }
            Self::SocksMethod | Self::SocksUnoffered(_) => ProxyStep::SocksMethod,
            Self::SocksCredentials => ProxyStep::SocksLogin,
            Self::Socks(_) | Self::SocksAddressType(_) => ProxyStep::SocksConnect,
        })
    }

    /// The proxy's response, if it answered `CONNECT` with a status that opens no tunnel.
    pub fn response(&self) -> Option<&Response<Bytes>> {
        match self {
            Self::AuthenticationRequired(response) | Self::Status(response) => Some(response),
            _ => None,
        }
    }

    /// How long to wait before the next try, if the proxy says so: `Retry-After` (RFC 9110 §10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.response()?.headers().get(http::header::RETRY_AFTER)?;
        retry_after::parse(value.to_str().ok()?, SystemTime::now())
    }

    /// The error for a failure of the transport at a step. A cut has one name, whatever the system calls it.
    pub(in crate::net) fn from_transport(step: ProxyStep, error: io::Error) -> Self {
        use io::ErrorKind;
        match error.kind() {
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::WriteZero => Self::Closed(step),
            _ => Self::Io(step, error),
        }
    }
}

impl SocksReply {
    /// Whether another address of the server may do.
    pub(in crate::net) const fn is_unreachable(self) -> bool {
        matches!(
            self,
            Self::GeneralFailure
                | Self::NetworkUnreachable
                | Self::HostUnreachable
                | Self::ConnectionRefused
                | Self::TtlExpired
                | Self::AddressTypeNotSupported
        )
    }

    /// What a byte of a proxy's answer means. `None` is success.
    pub(in crate::net) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => return None,
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            byte => Self::Unassigned(byte),
        })
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name, error) => {
                write!(f, "the variable {name} does not name a proxy: {error}")
            }
            Self::TooLong(what) => {
                write!(f, "the {what} is longer than 255 bytes, the most that SOCKS5 can say")
            }
            Self::Target => f.write_str("the server's host is no name and no IP address"),
            Self::NoSuchHost(host) => write!(f, "there is no host named {host}, of the proxy"),
            Self::Connect(error) => write!(f, "no connection to the proxy: {error}"),
            Self::Tls(error) => write!(f, "no TLS connection to the proxy: {error}"),
            Self::Io(step, error) => write!(f, "the proxy failed {step}: {error}"),
            Self::Closed(step) => write!(f, "the proxy closed the connection {step}"),
            Self::Timeout(step) => write!(f, "the proxy took too long {step}"),
            Self::Head(error) => write!(f, "the proxy's answer to CONNECT is malformed: {error}"),
            Self::AuthenticationRequired(response) => {
                write!(f, "the proxy wants a password: it answered {}", response.status())
            }
            Self::Status(response) => write!(f, "the proxy answered {}", response.status()),
            Self::SocksVersion(_, version) => {
                write!(f, "the proxy answered with version {version} of SOCKS instead of 5")
            }
            Self::SocksMethod => {
                f.write_str("the SOCKS5 proxy takes none of the ways to log in that were offered")
            }
            Self::SocksUnoffered(method) => {
                write!(f, "the SOCKS5 proxy chose method {method}, which was not offered")
            }
            Self::SocksCredentials => {
                f.write_str("the SOCKS5 proxy does not take the user name and password")
            }
            Self::Socks(reply) => write!(f, "the SOCKS5 proxy did not connect: {reply}"),
            Self::SocksAddressType(kind) => {
                write!(f, "the SOCKS5 proxy answered with an address of type {kind}")
            }
        }
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Connect(error) => error.source(),
            Self::Tls(error) => Some(error),
            Self::Head(error) => Some(error),
            Self::Variable(_, error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for ProxyStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "while its name was looked up",
            Self::Connect => "while it was connected to",
            Self::Tls => "in its TLS handshake",
            Self::HttpConnect => "before it had answered CONNECT",
            Self::SocksMethod => "before it had chosen a way to log in",
            Self::SocksLogin => "before it had taken the password",
            Self::SocksConnect => "before it had answered the request",
        })
    }
}

impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeneralFailure => "general failure",
            Self::NotAllowed => "its rules forbid it",
            Self::NetworkUnreachable => "it cannot reach the network",
            Self::HostUnreachable => "it cannot reach the host",
            Self::ConnectionRefused => "the server refused the connection",
            Self::TtlExpired => "the time to live expired",
            Self::CommandNotSupported => "it does not connect for others",
            Self::AddressTypeNotSupported => "it does not know addresses of that type",
            Self::Unassigned(byte) => return write!(f, "reply {byte}"),
        })?;
        f.write_str(" (RFC 1928 §6)")
    }
}

impl fmt::Display for ProxyUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => {
                f.write_str("the scheme is none of http, https, socks5, socks5h and socks")
            }
            Self::Host(at) => write!(f, "it has no valid host at byte {at}"),
            Self::Port(at) => write!(f, "the port at byte {at} is not in 1-65535"),
            Self::Path(at) => write!(f, "something follows the host and port, at byte {at}"),
            Self::Byte(at) => write!(f, "it has an unescaped or misescaped byte at {at}"),
            Self::Colon => f.write_str("the user name has a colon (RFC 7617 §2)"),
            Self::TooLong => {
                f.write_str("the user name or password is longer than 255 bytes (RFC 1929 §2)")
            }
        }
    }
}

impl std::error::Error for ProxyUriError {}
