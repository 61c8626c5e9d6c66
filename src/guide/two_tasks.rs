//! Two tasks on one socket.
//!
//! # One task that does both
//!
//! Often one task is enough. [`recv`](crate::WebSocket::recv) loses nothing when it is cancelled, so it
//! stands in a `select!`:
//!
//! ```no_run
//! use std::time::Duration;
//! use bowstring::{Error, WebSocket, net::Transport};
//!
//! async fn ticks(mut ws: WebSocket<Transport>) -> Result<(), Error> {
//!     let mut timer = tokio::time::interval(Duration::from_secs(1));
//!     loop {
//!         tokio::select! {
//!             message = ws.recv() => match message? {
//!                 Some(message) => println!("{message:?}"),
//!                 None => return Ok(()),
//!             },
//!             _ = timer.tick() => ws.send("tick").await?,
//!         }
//!     }
//! }
//! ```
//!
//! While `send` waits for room, such a task receives nothing. If both peers do that and both send more than
//! the network holds, neither gets on: see [Limits and hazards](super::limits#two-peers-that-only-send).
//!
//! # A reader and writers
//!
//! [`split`](crate::WebSocket::split) gives a [`Reader`](crate::net::Reader) and a
//! [`Writer`](crate::net::Writer). Clones of the writer send over the same connection, each message whole.
//!
//! ```
//! use bowstring::{Config, Error, Message, WebSocket, proto::Role};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! # let (near, far) = tokio::io::duplex(1024);
//! # let config = Config::default();
//! # let ws = WebSocket::from_raw(near, Role::Server, Vec::new(), &config);
//! # let mut peer = WebSocket::from_raw(far, Role::Client(bowstring::net::masking_key), Vec::new(), &config);
//! let (mut reader, writer) = ws.split();
//! for name in ["ada", "bob"] {
//!     let writer = writer.clone();
//!     tokio::spawn(async move { writer.send(name).await });
//! }
//! let reading = tokio::spawn(async move {
//!     while let Some(message) = reader.recv().await? {
//!         println!("{message:?}");
//!     }
//!     Ok::<_, Error>(())
//! });
//! # let both = [peer.recv().await?, peer.recv().await?];
//! # assert!(both.contains(&Some(Message::from("ada"))) && both.contains(&Some(Message::from("bob"))));
//! # peer.close(1000, "").await?;
//! # reading.await.unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! Three rules:
//!
//! 1. **Keep the reader polled.** It answers pings, keeps the deadlines and ends the connection. A program
//!    that only sends still needs a task that calls [`Reader::recv`](crate::net::Reader::recv).
//! 2. **The reader learns the end.** It gets the error or `None`. Writers get an error from then on.
//! 3. **A message in parts belongs to one writer.** [`feed_part`](crate::net::Writer::feed_part) starts a message that
//!    no clone can add to. If that writer is dropped before the end, the connection closes with 1011.
//!
//! # Stream and Sink
//!
//! A [`WebSocket`](crate::WebSocket) is a `Stream` of `Result<Message, Error>` and a `Sink` of `Message`.
//! So are the two halves. `futures_util::StreamExt::split` works over every transport; ours is faster, and works where
//! the transport implements [`Split`](crate::net::Split). For streams of other crates there is
//! [`Locked`](crate::net::Locked).
//!
//! # From elsewhere
//!
//! A [`Handle`](crate::net::Handle) closes a connection from any task, measures its round trip, and says how it
//! ended. It does not keep the connection open.
