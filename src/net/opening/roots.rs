//! Whom clients trust who bring no configuration. `roots_off.rs` stands in for it in builds that trust
//! nobody.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::ring;

use super::tls::{ClientConfig, HTTP};
use crate::net::error::Error;
use crate::net::tls_error::TlsError;

/// The configuration of clients that bring none, made once.
pub(in crate::net) async fn default_config() -> Result<Arc<ClientConfig>, Error> {
    static MADE: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(Arc::clone(made));
    }
    // The system's certificates are files.
    let making = tokio::task::spawn_blocking(|| {
        let roots = roots();
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![HTTP.to_vec()];
        Ok(Arc::new(config))
    });
    let made = making.await.map_err(std::io::Error::from)??;
    Ok(Arc::clone(MADE.get_or_init(|| made)))
}

/// Whom the system trusts, else whom Mozilla does, as far as the features say.
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A few that cannot be read, or parsed, do no harm: what they would vouch for is not trusted.
    #[cfg(feature = "rustls-tls-native-roots")]
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    #[cfg(feature = "rustls-tls-webpki-roots")]
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}
