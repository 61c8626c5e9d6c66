//! Limits and hazards.
//!
//! # Limits
//!
//! Every limit has a default that is safe on the internet. What a peer declares is checked before any memory
//! is spent on it.
//!
//! | limit | default | setting | beyond it |
//! |---|---|---|---|
//! | message | 16 MiB | [`Limits::max_message_size`](crate::proto::Limits::max_message_size) | 1009 |
//! | frame | as the message | [`Limits::max_frame_size`](crate::proto::Limits::max_frame_size) | 1009 |
//! | fragments of a message | 131,072 | [`Limits::max_fragments`](crate::proto::Limits::max_fragments) | 1008 |
//! | head of a request or response | 16 KiB, 128 fields | [`HeadLimits`](crate::handshake::HeadLimits) | 431; a client fails |
//! | bytes that wait to be written | 64 KiB and one message | [`Config::high_water`](crate::Config::high_water) | [`Overflow`](crate::net::Overflow) |
//! | opening handshake | 10 s | [`Config::handshake_timeout`](crate::Config::handshake_timeout) | the connection ends |
//! | silence | ping after 20 s, 20 s for the answer | [`Timeouts`](crate::proto::Timeouts) | [`Error::Timeout`](crate::Error::Timeout) |
//! | closing handshake | 5 s | [`Timeouts::close`](crate::proto::Timeouts::close) | the connection ends |
//! | open connections | 100,000 | [`ServerLimits::connections`](crate::server::ServerLimits::connections) | 503 |
//! | opening handshakes at a time | 8,192 | [`ServerLimits::handshakes`](crate::server::ServerLimits::handshakes) | wait to be accepted |
//! | connections from one address | no limit | [`ServerLimits::per_address`](crate::server::ServerLimits::per_address) | 429 |
//!
//! ```
//! use std::time::Duration;
//! use bowstring::{Config, server::ServerLimits};
//!
//! let mut config = Config::default();
//! config.limits.max_message_size = 64 * 1024;
//! config.timeouts.keep_alive = Some(Duration::from_secs(10));
//! let mut limits = ServerLimits::default();
//! limits.connections = 5_000;
//! limits.per_address = Some(20);
//! ```
//!
//! # Two peers that only send
//!
//! **Deadlock.** An unsplit socket does not read while its `send` waits for room. If both peers send more than the
//! network holds before they receive, both wait until a deadline ends the connection. The error is
//! [`Timeout(Expired::Write)`](crate::proto::Expired::Write). Receive between sends, or
//! [split](crate::WebSocket::split) the socket: a split one reads while its writers wait.
//!
//! # A socket that is not polled
//!
//! **Dead peers stay unnoticed.** Deadlines run and pings are answered only while the socket is being polled. A
//! task that waits for something else for a minute answers no ping in that minute. Put
//! [`recv`](crate::WebSocket::recv) into the same `select!`.
//!
//! # Foreign pages
//!
//! **Cross-site WebSocket hijacking** (§10.2). A page of any site can open a WebSocket to your server, with the
//! visitor's cookies. A [`Server`](crate::server::Server) lets in pages of its own host only; widen that with
//! [`Origins`](crate::handshake::Origins). [`accept`](crate::accept) and
//! [`Incoming`](crate::net::Incoming) do not check.
//!
//! **DNS rebinding.** "The same host" trusts the `Host` field. For a server that only its own machine or network
//! can reach, list the origins: a foreign page can make its own name point at your server's address.
//!
//! # Secrets
//!
//! **Timing.** Compare tokens with [`same_secret`](crate::server::same_secret), not with `==`.
//!
//! **Compression.** A message that holds both a secret and text of an attacker leaks the secret by its
//! compressed length. Set `Config::deflate` to `None` for such connections.
//!
//! # Behind a proxy
//!
//! **Forged addresses.** [`Request::peer`](crate::server::Request::peer) is the proxy. Believe a header field such as
//! `X-Forwarded-For` only if your proxy alone can reach the server. The directory
//! `examples/behind-a-proxy` has tested settings for nginx and haproxy.
//!
//! # Masking keys
//!
//! **Predictable keys** let a page of an attacker write bytes of its choice through a proxy (§10.3). With
//! [`proto`](crate::proto) alone you bring the keys: take them from a cryptographic generator, as
//! [`masking_key`](crate::net::masking_key) does.
