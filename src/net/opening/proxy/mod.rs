//! Forward proxies: which one to use, and what is said to it. No I/O.
//!
//! ```text
//! proxies          which proxy for which address
//!   ├───────────┐
//!   │      http_connect ── socks5   what is said to one
//!   ├───────────┘
//! address          one proxy
//! no_proxy         the addresses without one
//! ```

pub(in crate::net) mod address;
pub(in crate::net) mod http_connect;
mod no_proxy;
pub(in crate::net) mod proxies;
pub(in crate::net) mod socks5;
