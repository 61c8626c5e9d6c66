//! A `Connector`, step by step: each way to fail has its typed error. In virtual time over a network that follows a
//! script; what only a system can show is over its loopback. TLS is in `tests/tls`, proxies are in `tests/proxy`.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod dialling;
mod network;
mod redirects;
mod steps;
mod system;
