//! A client with a TLS configuration of the caller.

use std::sync::Arc;

use http::Response;
use tokio_rustls::rustls;

use super::connector::Connector;
use super::transport::Transport;
use crate::handshake::IntoClientRequest;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::socket::websocket::WebSocket;
use crate::net::tls_error::TlsError;

impl Connector {
    /// Makes TLS by this configuration: other roots, a client certificate. [`ClientTls`](crate::net::ClientTls)
    /// builds one.
    ///
    /// It counts for `wss://` servers and for `https://` proxies. TLS sessions are resumed by what is in the
    /// configuration, so keep one.
    ///
    /// If the configuration offers protocols (ALPN), `http/1.1` should be among them.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use bowstring::{Connector, net::rustls};
    /// # async fn hello(ca: rustls::pki_types::CertificateDer<'static>) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut roots = rustls::RootCertStore::empty();
    /// roots.add(ca)?;
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let tls = rustls::ClientConfig::builder_with_provider(provider)
    ///     .with_safe_default_protocol_versions()?
    ///     .with_root_certificates(roots)
    ///     .with_no_client_auth();
    /// let connector = Connector::new().tls(Arc::new(tls));
    /// let (ws, _response) = connector.connect("wss://chat.internal/").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls(self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls_config(config)
    }
}

/// Connects to a `wss://` address with a TLS configuration of yours: other roots, a client certificate.
///
/// It is the short form of [`Connector::tls`].
///
/// # Errors
///
/// As for [`Connector::connect`]. For a `ws://` address it is
/// [`Scheme`](crate::net::TlsError::Scheme), and nothing was sent.
pub async fn connect_tls(
    request: impl IntoClientRequest,
    config: &Config,
    tls: Arc<rustls::ClientConfig>,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    let request = &request.into_client_request()?;
    if !request.uri().secure() {
        return Err(TlsError::Scheme.into());
    }
    Connector::new().config(config.clone()).tls(tls).connect(request).await
}

impl Connector {
    /// Makes TLS with an `https://` proxy by this configuration. By default it is that of the servers.
    pub fn proxy_tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        self.proxy_tls_config(tls)
    }
}
