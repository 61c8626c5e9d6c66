//! WebSockets over HTTP/2 (RFC 8441): a client's connection that carries many of them.
//!
//! [`Session::over`] makes one of a transport, and [`Session::open`] opens a WebSocket on it.

// ```text
// session       one connection: its settings, its streams, its end
//    │
//    ├──────┐
//    │    paced  the connection's transport, read a little at a time
//    │
//  stream       one WebSocket's transport
//    │
//  inbox        what has come on a stream and was not read
//    │
//   fate        what errors of HTTP/2 mean to a WebSocket
// ```

mod fate;
mod inbox;
mod paced;
mod session;
mod stream;

pub use session::Session;
pub(in crate::net) use session::Slot;
pub use stream::{Http2Read, Http2Stream, Http2Write};
