//! What the tests, the fuzz targets and the bench of `bowstring` share.
//!
//! This crate does not use `bowstring`: a fault in the crate under test must not hide itself in what
//! tests it. It reads and writes frames as RFC 6455 §5.2 draws them, with its own code.
//!
//! | module | holds |
//! |---|---|
//! | [`frames`] | frames as bytes: written, read, checked |
//! | [`http2`](mod@http2) | frames of HTTP/2 as bytes |
//! | [`literal`] | [`bytes!`]: bytes from numbers and strings |
//! | [`random`] | random numbers from a seed |
//! | [`handshake`] | an opening handshake as bytes |
//! | `io` | transports that follow a script, futures polled by hand, waiting with a limit, processes (feature `tokio`) |

pub mod frames;
pub mod handshake;
pub mod http2;
#[cfg(feature = "tokio")]
pub mod io;
pub mod literal;
pub mod random;
