//! Stands in for TLS in builds without the feature `rustls-tls`.

pub(crate) use crate::net::never::Never as BoxedTls;
