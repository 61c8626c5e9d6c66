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
//! 1. **Read** bytes, and call [`note_received`](crate::proto::Connection::note_received). At the end of TCP call
//!    [`handle_eof`](crate::proto::Connection::handle_eof).
//! 2. **Take** messages with [`recv_message`](crate::proto::Connection::recv_message), or lent events with
//!    [`recv`](crate::proto::Connection::recv), until there are none. Keep the bytes that are left. Answer with
//!    [`feed`](crate::proto::Connection::feed).
//! 3. **Write** what is in `out`. Pongs and the answer to a close frame are there, too.
//! 4. **End** TCP if [`should_end_transport`](crate::proto::Connection::should_end_transport) says so and all is
//!    written: shut down the writing direction, and read to the end.
//! 5. **Wait** until there are bytes, or until [`poll_timeout`](crate::proto::Connection::poll_timeout). At that time
//!    call [`handle_timeout`](crate::proto::Connection::handle_timeout).
//!
//! [`ending`](crate::proto::Connection::ending) says how the connection has ended.
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
//! If one thread reads and another writes, [split](crate::proto::Connection::split) the connection. A
//! [`Lifecycle`](crate::proto::Lifecycle) receives, keeps the deadline and decides how the connection ends. A
//! [`Sender`](crate::proto::Sender) frames. What the receiving side owes the peer are
//! [`Replies`](crate::proto::Replies), and [`Sender::queue_replies`](crate::proto::Sender::queue_replies) frames them.
