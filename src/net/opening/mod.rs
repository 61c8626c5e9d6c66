//! The opening handshake over a transport (§4): reading a head, TLS, both roles.
//!
//! ```text
//! accept   connect     a server's side, a client's side
//!     └──┬───┘
//!   tls  │             encryption by rustls
//!     transport        what a connection goes over: TCP, Unix, TLS
//!       head           reads a head, writes a last answer
//! ```

pub(in crate::net) mod accept;
pub(in crate::net) mod connect;
pub(in crate::net) mod head;
#[cfg(feature = "rustls-tls")]
pub(in crate::net) mod tls;
pub(in crate::net) mod transport;
