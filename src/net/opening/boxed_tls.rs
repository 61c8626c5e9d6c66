//! A stream of TLS, boxed. `boxed_tls_off.rs` stands in for it in builds without `rustls-tls`.

/// Boxed, because most connections have none.
pub(crate) type BoxedTls<S> = Box<tokio_rustls::TlsStream<S>>;
