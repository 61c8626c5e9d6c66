//! Whom clients trust who bring no configuration. `roots_off.rs` stands in for it in builds that trust
//! no certificates.

use std::sync::{Arc, OnceLock};

use super::client_tls::ClientTls;
use super::tls::ClientConfig;
use crate::net::error::Error;

/// The configuration of clients that bring none, made once.
pub(in crate::net) async fn default_config() -> Result<Arc<ClientConfig>, Error> {
    static MADE: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(Arc::clone(made));
    }
    // The system's certificates are files.
    let making = tokio::task::spawn_blocking(|| roots().build());
    let made = making.await.map_err(std::io::Error::from)??;
    Ok(Arc::clone(MADE.get_or_init(|| made)))
}

/// Whom the system trusts, else whom Mozilla does, as far as the features say.
fn roots() -> ClientTls {
    let tls = ClientTls::new();
    // A few that cannot be read, or parsed, do no harm: what they would vouch for is not trusted.
    #[cfg(feature = "rustls-tls-native-roots")]
    let tls = tls.system_roots();
    #[cfg(feature = "rustls-tls-webpki-roots")]
    let tls = if tls.is_empty() { tls.mozilla_roots() } else { tls };
    tls
}
