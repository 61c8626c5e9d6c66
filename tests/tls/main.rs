//! TLS in both roles, over loopback, with certificates made on the spot.
//!
//! `client` is S32, whom a client believes; `server` what one shows, and to whom; `pair` both ends for
//! long; `proxies` forward proxies; `binary` the echo server. S23 is in `binary`: it counts memory.

#![allow(missing_docs, unreachable_pub)]

mod binary;
mod client;
mod connector;
#[path = "../attacks/harness.rs"]
mod harness;
mod pair;
mod proxies;
mod server;
mod support;
