//! Stands in for TLS in builds without the feature `rustls-tls`: nothing of it can exist.

use std::sync::Arc;

use super::transport::Transport;
use crate::net::error::Error;

/// What the ends of a TLS connection have agreed on. There is none without the feature `rustls-tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsInfo {}

/// There is none.
pub(in crate::net) enum ClientConfig {}

impl Transport {
    /// What was agreed on, if it is encrypted: nothing without the feature `rustls-tls`.
    pub fn tls(&self) -> Option<TlsInfo> {
        None
    }
}

/// Stands in for the name of a TLS server. There is none.
pub(in crate::net) struct ServerName;

pub(in crate::net) fn name(_: &str) -> Result<ServerName, Error> {
    Err(Error::NeedsTls)
}

pub(in crate::net) async fn secure(
    _: Transport,
    _: ServerName,
    config: Arc<ClientConfig>,
) -> Result<Transport, Error> {
    match *config {}
}

pub(in crate::net) fn explain(error: Error) -> Error {
    error
}
