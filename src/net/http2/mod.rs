//! WebSockets over HTTP/2 (RFC 8441): a client's connection that carries many of them.
//!
//! [`Session::over`] makes one of a transport, and [`Session::open`] opens a WebSocket on it.

// ```text
// session       one connection: its settings, its streams, its end
//    │
//  stream       one WebSocket's transport
//    │
//   fate        what errors of HTTP/2 mean to a WebSocket
// ```

mod fate;
mod session;
mod stream;

pub use session::Session;
pub(in crate::net) use session::Slot;
pub use stream::{Http2Read, Http2Stream, Http2Write};
