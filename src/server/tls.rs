//! TLS of a server: its certificate, which can be replaced while the server runs.
//!
//! ```text
//! TCP ─▶ first byte ─┬─ of a handshake ─▶ rustls ─▶ the request is read
//!                    └─ of an HTTP request ─▶ 400
//! ```

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::net::{Config, HTTP, Incoming, TlsStream, Transport};

/// A certificate and its key, with which a [`Server`](super::Server) or [`Listener`](super::Listener) uses TLS.
///
/// Clones share the certificate. So keep one, and call [`reload`](Self::reload) when the files have changed.
///
/// ```no_run
/// use bowstring::server::{Server, Tls};
///
/// # async fn example() -> std::io::Result<()> {
/// let tls = Tls::from_pem_files("chain.pem", "key.pem")?;
/// let server = Server::bind("0.0.0.0:443").await?.tls(tls.clone());
/// // Later, when the certificate was renewed:
/// tls.reload()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    current: RwLock<Arc<ServerConfig>>,
    /// Where it came from, if it came from files: the certificates and the key.
    files: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Reads PEM files: the chain of certificates, and the private key.
    ///
    /// The chain begins with the server's certificate. The key is PKCS #8, PKCS #1 or SEC 1, and not encrypted.
    /// Both may be one file. TLS 1.2 and 1.3 are used, `http/1.1` is offered (ALPN), early data is refused.
    ///
    /// # Errors
    ///
    /// A file could not be read, or something is wrong with it; or the key belongs to another certificate.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Self> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let config = Arc::new(load(chain, key)?);
        let files = Some((chain.to_owned(), key.to_owned()));
        Ok(Self(Arc::new(Inner { current: RwLock::new(config), files })))
    }

    /// Uses a configuration of yours, for instance for client certificates, or for several names. If it offers
    /// protocols (ALPN), `http/1.1` should be among them.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(Inner { current: RwLock::new(config), files: None }))
    }

    /// Reads the files again. New handshakes use what they hold now. Open connections go on. If it fails, the old
    /// certificate stays.
    ///
    /// # Errors
    ///
    /// As for [`from_pem_files`](Self::from_pem_files), and if this was not made by that.
    pub fn reload(&self) -> io::Result<()> {
        let Some((chain, key)) = &self.0.files else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "it was made from no files"));
        };
        self.replace(Arc::new(load(chain, key)?));
        Ok(())
    }

    /// Replaces the certificate by a configuration of yours, like [`reload`](Self::reload).
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the TLS handshake, in at most `handshake_timeout`. A peer that sends HTTP in the clear gets a
    /// 400 that says so. `refusing` is called with the status before.
    pub(super) async fn accept(
        &self,
        stream: Transport,
        config: &Config,
        refusing: impl FnOnce(StatusCode),
    ) -> Option<Transport> {
        let limit = config.handshake_timeout;
        let handshake = async {
            if speaks_http(&stream).await? {
                return Ok(Err(stream));
            }
            // rustls needs some kilobytes, so it begins when the peer has, and beside this future.
            let accepting = Box::pin(TlsAcceptor::from(self.current()).accept(stream));
            accepting
                .await
                .map(|stream| Ok(Transport::Tls(TlsStream::new(Box::new(stream.into())))))
        };
        match timeout(limit, handshake).await {
            Ok(Ok(Ok(stream))) => Some(stream),
            Ok(Ok(Err(plain))) => {
                refusing(StatusCode::BAD_REQUEST);
                Box::pin(say_so(plain, config)).await;
                None
            }
            // rustls has told the peer what is wrong.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

/// Answers a peer that sends HTTP in the clear.
async fn say_so(plain: Transport, config: &Config) {
    if let Ok(incoming) = Incoming::read(plain, config).await {
        let mut answer = Response::new(NO_TLS);
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, text);
        let _ = incoming.respond(answer).await;
    }
}

/// Waits for the first byte: a TLS handshake begins with 22 (RFC 8446 §5.1), an HTTP request with a
/// letter.
async fn speaks_http(stream: &Transport) -> io::Result<bool> {
    let Transport::Tcp(stream) = stream else { return Ok(false) };
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic())
}

fn load(chain: &Path, key: &Path) -> io::Result<ServerConfig> {
    let blame = |path: &Path, error: &dyn fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| blame(chain, &error))?;
    if certificates.is_empty() {
        return Err(blame(chain, &"there is no certificate in it"));
    }
    // rustls looks at the first alone. What is shown to clients must be a certificate each.
    for certificate in &certificates {
        let parsed = RootCertStore::empty().add(certificate.clone());
        parsed.map_err(|error| blame(chain, &error))?;
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| blame(key, &error))?;
    let made = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(certificates, private));
    let mut config = made.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => blame(key, &"it is the key of another certificate"),
        error => blame(chain, &error),
    })?;
    config.alpn_protocols = vec![HTTP.to_vec()];
    Ok(config)
}

const NO_TLS: &str = "this port speaks TLS: https:// or wss://\n";

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}
