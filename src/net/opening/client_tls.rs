//! Whom a client trusts, and who it says it is: a rustls configuration from roots and certificates.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tls::{ClientConfig, HTTP};
use crate::net::tls_error::TlsError;

/// Builds the TLS configuration of a client: whom it trusts, and the certificate that it shows.
///
/// It trusts no certificates at first. Roots add up.
///
/// ```no_run
/// use bowstring::{Connector, net::ClientTls};
///
/// # async fn hello() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = ClientTls::new()
///     .roots_from_pem_file("ca.pem")?
///     .identity_from_pem_files("client.pem", "client.key")?
///     .build()?;
/// let connector = Connector::new().tls(tls);
/// let (mut ws, _response) = connector.connect("wss://chat.internal/").await?;
/// # Ok(())
/// # }
/// ```
///
/// It uses TLS 1.2 and 1.3 with ring, and offers `http/1.1` (ALPN). For anything else make a
/// [`rustls::ClientConfig`](crate::net::rustls::ClientConfig) yourself.
pub struct ClientTls {
    roots: RootCertStore,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl ClientTls {
    /// Trusts no certificates, and shows none.
    pub fn new() -> Self {
        Self { roots: RootCertStore::empty(), identity: None }
    }

    /// Trusts those whom the system trusts.
    ///
    /// It reads files, so call it when the program starts, or in a thread that may block. Certificates that cannot be
    /// read are left out. A connection says [`UnknownIssuer`](TlsError::UnknownIssuer) then.
    #[cfg(feature = "rustls-tls-native-roots")]
    pub fn system_roots(mut self) -> Self {
        self.roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        self
    }

    /// Trusts those whom Mozilla trusts: the list is part of this crate's dependencies.
    #[cfg(feature = "rustls-tls-webpki-roots")]
    pub fn mozilla_roots(mut self) -> Self {
        self.roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        self
    }

    /// Trusts this certificate of an authority.
    ///
    /// # Errors
    ///
    /// [`Other`](TlsError::Other), if it is no certificate.
    pub fn root(mut self, certificate: CertificateDer<'static>) -> Result<Self, TlsError> {
        self.roots.add(certificate).map_err(TlsError::Other)?;
        Ok(self)
    }

    /// Trusts the certificates of this text: PEM, one or more.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData), if there is no certificate in it, or something is wrong with one.
    pub fn roots_from_pem(self, text: &[u8]) -> io::Result<Self> {
        self.add_roots(certificates(CertificateDer::pem_slice_iter(text))?)
    }

    /// Trusts the certificates of this file: see [`roots_from_pem`](Self::roots_from_pem).
    ///
    /// # Errors
    ///
    /// The same, or the file cannot be read. The error names the file.
    pub fn roots_from_pem_file(self, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|error| in_file(path, error))?;
        self.roots_from_pem(&text).map_err(|error| in_file(path, error))
    }

    /// Shows this certificate to servers that ask for one. The chain begins with the client's own; the key is
    /// PKCS #8, PKCS #1 or SEC 1, and not encrypted. Both are PEM.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData), if there is no certificate or no key.
    pub fn identity_from_pem(mut self, chain: &[u8], key: &[u8]) -> io::Result<Self> {
        let chain = certificates(CertificateDer::pem_slice_iter(chain))?;
        self.identity = Some((chain, PrivateKeyDer::from_pem_slice(key).map_err(invalid)?));
        Ok(self)
    }

    /// Shows the certificate of these files: see [`identity_from_pem`](Self::identity_from_pem). Both may be one
    /// file.
    ///
    /// # Errors
    ///
    /// The same, or a file cannot be read. The error names the file.
    pub fn identity_from_pem_files(
        mut self,
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> io::Result<Self> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let read = |path: &Path| std::fs::read(path).map_err(|error| in_file(path, error));
        let certificates = certificates(CertificateDer::pem_slice_iter(&read(chain)?));
        let certificates = certificates.map_err(|error| in_file(chain, error))?;
        let private = PrivateKeyDer::from_pem_slice(&read(key)?);
        let private = private.map_err(|error| in_file(key, invalid(error)))?;
        self.identity = Some((certificates, private));
        Ok(self)
    }

    /// The configuration, for [`Connector::tls`](crate::Connector::tls).
    ///
    /// # Errors
    ///
    /// - [`NoRoots`](TlsError::NoRoots), if it trusts no certificates.
    /// - [`Other`](TlsError::Other), if the key is that of another certificate.
    pub fn build(self) -> Result<Arc<ClientConfig>, TlsError> {
        let Self { roots, identity } = self;
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Other)?
            .with_root_certificates(roots);
        let mut config = match identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(TlsError::Other)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP.to_vec()];
        Ok(Arc::new(config))
    }

    /// Whether it trusts no certificates yet.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    fn add_roots(mut self, certificates: Vec<CertificateDer<'static>>) -> io::Result<Self> {
        for certificate in certificates {
            self.roots.add(certificate).map_err(invalid)?;
        }
        Ok(self)
    }
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

fn certificates(
    found: impl Iterator<Item = Result<CertificateDer<'static>, pem::Error>>,
) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = found.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
    match found.is_empty() {
        true => Err(invalid("there is no certificate in it")),
        false => Ok(found),
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn in_file(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
