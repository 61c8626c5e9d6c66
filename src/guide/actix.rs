//! WebSockets in actix-web.
//!
//! actix-web 4 gives what a client sends as one stream of bytes, and takes what the client gets as another. Together
//! they are a transport, so this crate serves WebSockets in an application of actix, with all that a
//! [`Server`](crate::server::Server) has: limits, deadlines, compression, draining, lists of connections, a report.
//!
//! The code of this page is in `examples/actix`. The tests compile it and run it. Copy `upgrade.rs` into your program: it
//! is short, and it is yours to change.
//!
//! ```sh
//! cargo add bowstring --features server
//! cargo add actix-web@4
//! cargo add futures-util
//! cargo add tokio --features io-util,signal
//! cargo add tokio-util --features io
//! ```
//!
//! # An application
//!
#![doc = concat!("```text\n", include_str!("../../examples/actix/server.rs"), "```")]
//!
//! # How a request becomes a WebSocket
//!
//! - [`check_request`](crate::handshake::check_request) says whether the request is a legal opening handshake (§4.2.1).
//!   [`refusal`](crate::handshake::refusal) makes the answer if it is not.
//! - [`ServerHandle::admit`](crate::server::ServerHandle::admit) takes a place in the server. A full or draining server
//!   answers 503. [`Permit::check_origin`](crate::server::Permit::check_origin) refuses pages of other sites (§10.2).
//! - [`accept_response`](crate::handshake::accept_response) makes the 101.
//! - [`WebSocket::from_agreed`](crate::WebSocket::from_agreed) makes the WebSocket over a pipe, and
//!   [`Permit::adopt`](crate::server::Permit::adopt) runs the handler on it.
//!
//! A subprotocol is chosen out of [`Upgrade::protocols`](crate::handshake::Upgrade::protocols). Give it to
//! `accept_response`, and set it in [`Agreed`](crate::handshake::Agreed).
//!
#![doc = concat!("```text\n", include_str!("../../examples/actix/upgrade.rs"), "```")]
//!
//! # What is different from actix-ws
//!
//! - Messages in fragments are joined, compression is agreed on, and a dead peer is found: the defaults of
//!   [`Config`](crate::Config) hold.
//! - The handler is `Send`, because the pipe takes the place of actix's streams. What is not `Send` stays outside of it.
//! - Bytes are copied once more in each direction, and each connection has a pipe. Where the speed of single messages
//!   counts, let a [`Server`](crate::server::Server) listen by itself at a port of its own.
//! - actix-web has no WebSockets over HTTP/2. hyper and axum do.
