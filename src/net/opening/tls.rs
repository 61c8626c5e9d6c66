//! TLS (§4.1 item 5), by rustls with ring: a client's handshake, and what both ends learn from one.
//!
//! A server's certificate is always verified: its chain up to a trusted root, its time, and that it is for the
//! host of the URI. There is no switch for that. The roots are those of the caller's [`ClientConfig`], or of
//! the features: the system's (`rustls-tls-native-roots`) or Mozilla's (`rustls-tls-webpki-roots`). With both
//! features, Mozilla's are used if the system has none. Revocation is not looked up.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
pub(in crate::net) use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{Error as Rustls, HandshakeKind, ProtocolVersion};

use super::transport::{TlsStream, Transport};
use crate::net::error::Error;
use crate::net::tls_error::TlsError;

/// What the ends of a TLS connection have agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The host that the client asked for (SNI, RFC 6066 §3), in lower case. Only servers know it. A client
    /// that connects to an IP address asks for none.
    pub server_name: Option<String>,
    /// The protocol that was agreed on (ALPN, RFC 7301): `http/1.1`, if any.
    pub alpn: Option<Vec<u8>>,
    /// The version of TLS.
    pub version: Option<ProtocolVersion>,
    /// Whether an earlier session was resumed, which saves a signature and with TLS 1.2 a round trip.
    pub resumed: bool,
    /// The peer's certificate and those that came with it. They were verified. A server has them only if its
    /// configuration asks for a client certificate.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

impl Transport {
    /// What was agreed on, if it is encrypted.
    pub fn tls(&self) -> Option<TlsInfo> {
        let Self::Tls(stream) = self else { return None };
        let stream = &**stream.inner();
        let (_, common) = stream.get_ref();
        let server_name = match stream {
            tokio_rustls::TlsStream::Server(stream) => stream.get_ref().1.server_name(),
            tokio_rustls::TlsStream::Client(_) => None,
        };
        Some(TlsInfo {
            server_name: server_name.map(str::to_owned),
            alpn: common.alpn_protocol().map(<[u8]>::to_vec),
            version: common.protocol_version(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            peer_certificates: common.peer_certificates().unwrap_or_default().to_vec(),
        })
    }
}

/// TLS that was accepted over a [`Transport`], by an acceptor of yours: for a server of hyper that is given it.
///
/// ```no_run
/// use bowstring::net::Transport;
/// use tokio_rustls::TlsAcceptor;
///
/// # async fn example(acceptor: TlsAcceptor, stream: tokio::net::TcpStream) -> std::io::Result<()> {
/// let stream = acceptor.accept(Transport::from(stream)).await?;
/// let transport = Transport::from(stream);
/// println!("{:?}", transport.tls());
/// # Ok(())
/// # }
/// ```
impl From<tokio_rustls::server::TlsStream<Transport>> for Transport {
    fn from(stream: tokio_rustls::server::TlsStream<Transport>) -> Self {
        Self::Tls(TlsStream::new(Box::new(stream.into())))
    }
}

impl Transport {
    /// Whether HTTP/2 was agreed on (RFC 9113 §3.2).
    #[allow(dead_code, reason = "only the client over HTTP/2 asks")]
    pub(super) fn speaks_http2(&self) -> bool {
        self.tls().and_then(|tls| tls.alpn).is_some_and(|name| name == HTTP2)
    }
}

/// A client's TLS handshake that is to be made.
pub(in crate::net) struct Client {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    /// Whether only HTTP/1.1 may be agreed on.
    only_http: bool,
}

impl Client {
    /// For a host, whose certificate must be for this name. It is asked for, too: §4.1 wants SNI, RFC 6066 §3
    /// wants none for an IP address, and rustls does so.
    pub(in crate::net) fn new(
        host: &str,
        mut config: Arc<ClientConfig>,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Host)?;
        let only_http = protocols.is_none();
        if let Some(protocols) = protocols {
            // A copy shares what sessions are resumed from.
            let offered = protocols.iter().map(|&name| name.to_owned()).collect();
            Arc::make_mut(&mut config).alpn_protocols = offered;
        }
        Ok(Self { name, config, only_http })
    }

    /// Makes it over a transport.
    pub(in crate::net) async fn secure(self, stream: Transport) -> Result<Transport, Error> {
        let Self { name, config, only_http } = self;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(other) if only_http && other != HTTP => Err(TlsError::Protocol.into()),
            _ => Ok(Transport::Tls(TlsStream::new(Box::new(stream.into())))),
        }
    }
}

/// Finds out what rustls wanted to say.
pub(in crate::net) fn explain(error: impl Into<Error>) -> Error {
    match error.into() {
        Error::Io(error) => {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<Rustls>()) {
                Some(rustls) => TlsError::from(rustls.clone()).into(),
                None => error.into(),
            }
        }
        other => other,
    }
}

/// The name of HTTP/1.1 in ALPN (RFC 7301 §6).
pub(crate) const HTTP: &[u8] = b"http/1.1";

/// The name of HTTP/2 in ALPN (RFC 9113 §3.1).
#[allow(dead_code, reason = "only the client over HTTP/2 asks")]
pub(super) const HTTP2: &[u8] = b"h2";
