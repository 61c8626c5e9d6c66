//! Your own event loop.
//!
//! [`proto`](crate::proto) is the protocol without sockets, clocks and random numbers. You bring bytes and the
//! time; it gives messages and bytes to write. [`handshake`](crate::handshake) does the same for the opening
//! handshake. Both work with `default-features = false`, so no tokio is built.
//!
//! # The loop
//!
//! A [`Connection`](crate::proto::Connection) is driven in five steps:
//!
//! 1. Read bytes, and say so: [`heard`](crate::proto::Connection::heard). At the end of TCP call
//!    [`handle_eof`](crate::proto::Connection::handle_eof).
//! 2. Take messages with [`recv_message`](crate::proto::Connection::recv_message), or lent events with
//!    [`recv`](crate::proto::Connection::recv), until there are none. Keep the bytes that are left.
//!    Answer with [`feed`](crate::proto::Connection::feed).
//! 3. Write what is in `out`. Pongs and the answer to a close frame are there, too.
//! 4. If [`should_end_transport`](crate::proto::Connection::should_end_transport) says so and all is written, shut down the writing
//!    direction of TCP. Read on until its end.
//! 5. Wait until there are bytes, or until
//!    [`poll_timeout`](crate::proto::Connection::poll_timeout). At that time call
//!    [`handle_timeout`](crate::proto::Connection::handle_timeout).
//!
//! # A whole program
//!
//! This is the example `event-loop`: a server and a client over blocking sockets. The tests run it.
//!
//! ```
#![doc = include_str!("../../examples/event-loop.rs")]
//! ```
//!
//! # Two tasks
//!
//! If one thread reads and another writes, take the connection apart. A
//! [`Receiver`](crate::proto::Receiver) reads, a [`Sender`](crate::proto::Sender) writes. What the receiver
//! owes the peer are [`Replies`](crate::proto::Replies), and
//! [`Sender::settle`](crate::proto::Sender::settle) frames them.
