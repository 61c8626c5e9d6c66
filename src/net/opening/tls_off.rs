//! Stands in for TLS in builds without the feature `rustls-tls`: nothing of it can exist.

use std::sync::Arc;

use super::transport::Transport;
use crate::net::error::Error;
use crate::net::tls_error::TlsError;

/// What the ends of a TLS connection have agreed on. There is none without the feature `rustls-tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsInfo {}

/// There is none.
#[derive(Clone, Debug)]
pub(in crate::net) enum ClientConfig {}

impl Transport {
    /// What was agreed on, if it is encrypted: nothing without the feature `rustls-tls`.
    pub fn tls(&self) -> Option<TlsInfo> {
        None
    }
}

impl Transport {
    #[allow(dead_code, reason = "only the client over HTTP/2 asks")]
    pub(super) fn speaks_http2(&self) -> bool {
        false
    }
}

pub(crate) const HTTP: &[u8] = b"http/1.1";

#[allow(dead_code, reason = "only the client over HTTP/2 asks")]
pub(super) const HTTP2: &[u8] = b"h2";

/// Stands in for a TLS handshake that is to be made. There is none.
pub(in crate::net) enum Client {}

impl Client {
    pub(in crate::net) fn new(
        _: &str,
        config: Arc<ClientConfig>,
        _: Option<&[&[u8]]>,
    ) -> Result<Self, TlsError> {
        match *config {}
    }

    #[expect(clippy::unused_async)]
    pub(in crate::net) async fn secure(self, _: Transport) -> Result<Transport, Error> {
        match self {}
    }
}

pub(in crate::net) fn explain(error: Error) -> Error {
    error
}
