//! Stands in for the failures of TLS in builds without the feature `rustls-tls`.

use std::fmt;

/// Why a TLS connection could not be made. There is none without the feature `rustls-tls`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TlsError {}

impl fmt::Display for TlsError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TlsError {}
