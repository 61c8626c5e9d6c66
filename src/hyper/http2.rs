//! What is of HTTP/2 alone: `:protocol`, and hyper's settings. `http2_off.rs` stands in for it in builds without the
//! feature `http2`.

use std::time::Duration;

use http::Extensions;
use hyper::ext::Protocol;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;

use crate::net::Config;

/// The `:protocol` of a request (RFC 8441 §4), as hyper has noted it.
pub(super) fn protocol(extensions: &Extensions) -> Option<&str> {
    extensions.get::<Protocol>().map(Protocol::as_str)
}

/// See [`configure`](super::configure()).
pub(super) fn configure<E>(builder: &mut Builder<E>, config: &Config) {
    builder
        .http2()
        .enable_connect_protocol()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(config.head.max_bytes.try_into().unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(RESETS)
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE);
}

/// How much a client may send to a socket that does not read.
///
/// h2 tells the client of new room once a third of the window is free. So a message of 1 MiB is always on its way at
/// once.
const STREAM_WINDOW: u32 = 3 << 19;

/// So that two sockets that do not read leave room for the others.
///
/// More would hold more than 16 MiB. DATA frames of 256 bytes cost h2 half as much again. Half of this window may come
/// as frames of one byte, of which each costs 120.
const CONNECTION_WINDOW: u32 = 3 * STREAM_WINDOW;

/// How many sockets one connection may have. Each may hold 32 KiB that were read ahead, 24 KiB in front of h2, and
/// [`SEND_BUFFER`].
const STREAMS: u32 = 100;

/// What h2 may hold for a socket whose peer does not read.
const SEND_BUFFER: usize = 8 << 10;

/// How many streams may be reset before the application has seen them.
const RESETS: usize = 20;

/// How often a connection without traffic is asked whether its peer lives, and how long the peer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
