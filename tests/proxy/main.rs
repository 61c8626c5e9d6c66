//! Forward proxies: which one for which address, what is said to them, and how they fail.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

mod support;

mod address;
mod connector;
mod http_connect;
mod rules;
mod socks5;
