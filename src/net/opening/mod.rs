//! The opening handshake over a transport (§4): reading a head, TLS, both roles.
//!
//! ```text
//!        connect_tls    a client that says whom it trusts
//!             │
//! accept   connect      a server's side · the short forms of a client's
//!     │      │
//!     │    steps        from an address to a WebSocket
//!     │  over_http2     over HTTP/2 or HTTP/1.1
//!     │      ├───────────┬────────┬────────┐
//!     │  connector       │        │        │     a client's settings
//!     │      ├────────┐  │        │        │
//!     │  sessions       │  │        │        │     connections of HTTP/2
//!     │   resolve    dial │     client   tunnel  addresses of a name · the first that answers · the request · proxies
//!     │               │  │        │        │
//!     │    interface ─┤ clock     │        │     one network interface · the deadlines of all steps
//!     │               │  │        │        │
//!     │    roots ─────┼──┤        │        │     whom clients trust
//!     │  client_tls   │  │        │        │     roots and certificates
//!     │     tls ──────┤  │        │        │     encryption by rustls
//!     │           transport       │        │     what a connection goes over: TCP, Unix, TLS
//!     │           boxed_tls       │        │     a stream of TLS, where the build has TLS
//!     │             body ─────────┴────────┤     what follows a refusal
//!     └───────────  head ──────────────────┘     reads a head, writes a last answer
//! ```
//!
//! The files named `…_off.rs` stand in for others in builds without their feature.

pub(in crate::net) mod accept;
mod body;
#[cfg_attr(not(feature = "rustls-tls"), path = "boxed_tls_off.rs")]
mod boxed_tls;
mod client;
#[cfg(feature = "rustls-tls")]
pub(in crate::net) mod client_tls;
mod clock;
pub(in crate::net) mod connect;
#[cfg(feature = "rustls-tls")]
pub(in crate::net) mod connect_tls;
pub(in crate::net) mod connector;
mod dial;
pub(in crate::net) mod head;
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "interface_off.rs")]
mod interface;
#[cfg_attr(not(feature = "http2"), path = "over_http2_off.rs")]
mod over_http2;
pub(in crate::net) mod proxy;
mod resolve;
#[cfg_attr(
    not(any(feature = "rustls-tls-native-roots", feature = "rustls-tls-webpki-roots")),
    path = "roots_off.rs"
)]
mod roots;
#[cfg_attr(not(feature = "http2"), path = "sessions_off.rs")]
pub(in crate::net) mod sessions;
mod steps;
#[cfg_attr(not(feature = "rustls-tls"), path = "tls_off.rs")]
pub(in crate::net) mod tls;
pub(in crate::net) mod transport;
pub(in crate::net) mod tunnel;
