//! WebSockets over HTTP/2 (RFC 8441) in depth: our client, our side of a server on hyper, and hostile peers of both.

mod client;
mod connector;
mod delay;
mod hostile;
mod shared;
mod support;
