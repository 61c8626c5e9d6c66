//! WebSockets over HTTP/2 (RFC 8441): our client against a peer that `h2` plays.

mod client;
mod support;
