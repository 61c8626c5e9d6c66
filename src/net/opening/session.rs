//! What TLS keeps of a connection. `session_off.rs` stands in for it in builds without `rustls-tls`.

/// Boxed, because most connections have none.
pub(crate) type Session<S> = Box<tokio_rustls::TlsStream<S>>;
