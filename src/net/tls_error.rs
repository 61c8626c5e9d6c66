//! How a TLS connection fails.

use std::fmt;

use tokio_rustls::rustls::{CertificateError, Error as Rustls};

/// Why a TLS connection could not be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TlsError {
    /// The server's certificate is for other hosts than the one of the URI.
    WrongHost,
    /// The server's certificate is not valid any more.
    Expired,
    /// The server's certificate is not valid yet.
    NotYetValid,
    /// The server's certificate was not issued by a trusted authority.
    UnknownIssuer,
    /// A signature is false. The certificate was forged, or the server does not have its key.
    BadSignature,
    /// The server's certificate is that of an authority, not of a server. Many self-signed certificates are so.
    Authority,
    /// The server's certificate was revoked.
    Revoked,
    /// The host of the URI is not an IP address and not a name that a certificate can have.
    Host,
    /// Another protocol than HTTP/1.1 was agreed on (RFC 7301).
    Protocol,
    /// There are no trusted roots: no root certificate was found, or none could be read.
    NoRoots,
    /// The address is not a `wss://` URI (§3).
    Scheme,
    /// Anything else that rustls found.
    Other(Rustls),
}

impl From<Rustls> for TlsError {
    fn from(error: Rustls) -> Self {
        use CertificateError as Bad;
        let Rustls::InvalidCertificate(bad) = &error else { return Self::Other(error) };
        match bad {
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => Self::WrongHost,
            Bad::Expired | Bad::ExpiredContext { .. } => Self::Expired,
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => Self::NotYetValid,
            Bad::UnknownIssuer => Self::UnknownIssuer,
            Bad::BadSignature => Self::BadSignature,
            Bad::Revoked => Self::Revoked,
            // What the verifier finds and rustls has no name for.
            Bad::Other(other) => match other.0.downcast_ref() {
                Some(webpki::Error::CaUsedAsEndEntity) => Self::Authority,
                Some(webpki::Error::EndEntityUsedAsCa) => Self::UnknownIssuer,
                _ => Self::Other(error),
            },
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongHost => "the server's certificate is for another host",
            Self::Expired => "the server's certificate has expired",
            Self::NotYetValid => "the server's certificate is not valid yet",
            Self::UnknownIssuer => "the server's certificate was not issued by a trusted authority",
            Self::BadSignature => "a signature of the server's, or in its certificate, is false",
            Self::Authority => "the server's certificate is an authority's own, not a server's",
            Self::Revoked => "the server's certificate was revoked",
            Self::Host => "no certificate can be for this host",
            Self::Protocol => "another protocol than HTTP/1.1 was agreed on (RFC 7301)",
            Self::NoRoots => "no certificate of a trusted authority was found",
            Self::Scheme => "a wss:// address is wanted (RFC 6455 §3)",
            Self::Other(error) => return write!(f, "TLS failed: {error}"),
        })
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other(error) => Some(error),
            _ => None,
        }
    }
}
