//! Stands in for TLS in builds without the feature `rustls-tls`: no certificate can be made.

use http::StatusCode;

use crate::net::{Config, Transport};

/// A certificate and its key. There is none without the feature `rustls-tls`.
#[derive(Clone, Debug)]
pub enum Tls {}

impl Tls {
    pub(super) async fn accept(
        &self,
        _: Transport,
        _: &Config,
        _: impl FnOnce(StatusCode),
    ) -> Option<Transport> {
        match *self {}
    }
}
