//! Writing a client.
//!
//! ```sh
//! cargo add bowstring
//! cargo add tokio --features macros,rt-multi-thread,time
//! ```
//!
//! # Connect, send, receive
//!
//! [`connect`](crate::connect) resolves the name, opens TCP (and TLS for `wss://`), and makes the opening
//! handshake. It gives the connection and the server's answer.
//!
//! ```no_run
//! use bowstring::{Error, Message};
//!
//! # async fn client() -> Result<(), Error> {
//! let (mut ws, _response) = bowstring::connect("ws://127.0.0.1:9001/").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     match message {
//!         Message::Text(text) => println!("text: {text}"),
//!         Message::Binary(data) => println!("{} bytes", data.len()),
//!         Message::Close(close) => println!("the server closes: {close:?}"),
//!         // Pings and pongs: they are reported only if `Config::report_pings` is set.
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`recv`](crate::WebSocket::recv) gives `None` after a clean end. An error means that the connection
//! failed. Pings are answered while you call `recv`, so call it also if you expect no message.
//!
//! # Send many messages with one write
//!
//! [`send`](crate::WebSocket::send) writes at once: one system call for each message.
//! [`feed`](crate::WebSocket::feed) only frames a message. Fed messages are written by
//! [`flush`](crate::WebSocket::flush), or at the latest when `recv` has to wait.
//!
//! ```no_run
//! # async fn burst(ws: &mut bowstring::WebSocket<bowstring::net::Transport>) -> Result<(), bowstring::Error> {
//! for number in 0..1000 {
//!     ws.feed(format!("number {number}")).await?;
//! }
//! ws.flush().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Header fields, subprotocols, settings
//!
//! [`connect_with`](crate::net::connect_with) takes a [`ClientRequest`](crate::handshake::ClientRequest)
//! and a [`Config`](crate::Config).
//!
//! ```no_run
//! use std::time::Duration;
//! use bowstring::{Config, handshake::ClientRequest, net::connect_with};
//!
//! # async fn client() -> Result<(), bowstring::Error> {
//! let request = ClientRequest::new("wss://example.com/feed".parse()?)
//!     .header("Authorization", "Bearer a-long-random-token")
//!     .protocol("prices.v2");
//! let mut config = Config::default();
//! config.limits.max_message_size = 64 * 1024;
//! config.handshake_timeout = Duration::from_secs(5);
//! let (ws, response) = connect_with(&request, &config).await?;
//! println!("agreed on {:?}, answer {:?}", ws.protocol(), response.headers());
//! # Ok(())
//! # }
//! ```
//!
//! # TLS
//!
//! `wss://` needs one of two features. `rustls-tls-native-roots` trusts the certificates that the system
//! trusts. `rustls-tls-webpki-roots` trusts Mozilla's list, which is built in. Without both,
//! `connect` gives [`Error::NeedsTls`](crate::Error::NeedsTls). For other roots or a client certificate
//! use `net::connect_tls`. For another TLS library make the TLS connection yourself, then call
//! [`connect_over`](crate::net::connect_over).
//!
//! # Through a proxy
//!
//! See [Going through a forward proxy](crate::guide::proxies).
//!
//! # When it fails
//!
//! [`Error::is_transient`](crate::Error::is_transient) says whether another try may succeed. Wait before
//! you try again, and wait longer each time (§7.2.3): when a server falls, its clients must not all come
//! back at once. Make the pause random, too. [A client that comes back](super::reconnecting) does all of
//! it.
//!
//! A server that answers with another status than 101 is [`Error::Status`](crate::Error::Status). It holds
//! the response and up to 16 KiB of its body. Redirects are not followed.
//!
//! Once the connection is open, [`Error::is_disconnect`](crate::Error::is_disconnect) says whether the peer is gone.
//! [`Error::Closed`](crate::Error::Closed) has the peer's code and reason.
//!
//! # Close
//!
//! [`close`](crate::WebSocket::close) sends a close frame and waits for the server's, at most
//! [`Timeouts::close`](crate::proto::Timeouts::close) (5 s). Messages that still arrive are dropped: to keep
//! them, send a [`Close`](crate::Close) with `send` and go on with `recv` until it gives `None`.
