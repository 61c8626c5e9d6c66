//! A client that comes back.
//!
//! Connections end: servers restart, networks change, computers sleep. A client that is to stay connected needs pauses
//! between its attempts, a way to log in again, and an answer to what became of its messages. That is
//! [`ReconnectingWebSocket`](crate::net::ReconnectingWebSocket).
//!
//! ```no_run
//! use bowstring::net::ReconnectingWebSocket;
//!
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = ReconnectingWebSocket::new("ws://127.0.0.1:9001/")?;
//! client.send("hello").await?;
//! while let Some(message) = client.recv().await? {
//!     println!("{message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! It connects when it is first polled, and it spawns no task. So keep a task in `recv`. Other tasks send by a
//! [`handle`](crate::net::ReconnectingWebSocket::handle).
//!
//! # Log in and subscribe
//!
//! A server knows nothing of earlier connections. What has to be said on each of them belongs into
//! [`on_connect`](crate::net::ReconnectingWebSocket::on_connect). It gets the new connection before anything else is
//! sent, and gives it back.
//!
//! To miss nothing, remember how far you have come, and ask for what follows:
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use bowstring::net::{AttemptError, ReconnectingWebSocket};
//!
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! let position = Arc::new(AtomicU64::new(0));
//! let last = Arc::clone(&position);
//! let mut client = ReconnectingWebSocket::new("ws://127.0.0.1:9001/")?.on_connect(move |mut ws| {
//!     let last = last.load(Ordering::Relaxed);
//!     async move {
//!         ws.send(format!("subscribe after {last}")).await?;
//!         match ws.recv().await? {
//!             Some(answer) if answer.as_text() == Some("subscribed") => Ok(ws),
//!             // Another attempt cannot help: the client ends with this error.
//!             other => Err(AttemptError::permanent(format!("not subscribed: {other:?}"))),
//!         }
//!     }
//! });
//! while let Some(message) = client.recv().await? {
//!     println!("{message:?}");
//!     position.fetch_add(1, Ordering::Relaxed);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An error in the hook is a failed attempt. An [`Error`](crate::Error) of the connection is judged as always. For
//! errors of your own, say whether another attempt may help:
//! [`transient`](crate::net::AttemptError::transient) or [`permanent`](crate::net::AttemptError::permanent).
//!
//! # Another request for each attempt
//!
//! A token that expires has to be fetched anew. Give a function that makes the connection, with
//! [`from_fn`](crate::net::ReconnectingWebSocket::from_fn):
//!
//! ```no_run
//! use bowstring::{Connector, handshake::ClientRequest};
//! use bowstring::net::{AttemptError, ReconnectingWebSocket};
//!
//! # async fn fresh_token() -> Result<String, std::io::Error> { Ok(String::new()) }
//! let connector = Connector::new();
//! let client = ReconnectingWebSocket::from_fn(move |attempt| {
//!     let connector = connector.clone();
//!     async move {
//!         // Two servers, in turn.
//!         let host = if attempt.number % 2 == 1 { "one" } else { "two" };
//!         let uri = format!("ws://{host}.example/").parse().map_err(AttemptError::permanent)?;
//!         let token = fresh_token().await.map_err(AttemptError::transient)?;
//!         let request = ClientRequest::new(uri).header("Authorization", format!("Bearer {token}"));
//!         Ok(connector.connect(request).await?.0)
//!     }
//! });
//! ```
//!
//! # Which ends are final
//!
//! A lost connection, a server that restarts or is overloaded, an address that cannot be reached: the client comes
//! back. A close with 1000 is the end, and `recv` gives `None`. A 401, a host that does not exist or a close with 1008
//! would only fail again: `recv` gives the error. The table is at
//! [`ReconnectingWebSocket`](crate::net::ReconnectingWebSocket#when-it-comes-back).
//!
//! What the codes from 3000 to 4999 mean only your application knows. By default they are the end. Say otherwise with
//! [`policy`](crate::net::ReconnectingWebSocket::policy).
//!
//! # Pauses
//!
//! Before each attempt there is a random pause, from nothing up to a limit that doubles: 1 s, 2 s, 4 s, up to 60 s.
//! When a server falls, its clients do not come back all at once (§7.2.3). After a connection that has lasted 10 s the
//! limit begins anew.
//!
//! A server that asks for a pause gets it: by `Retry-After`, or by closing with 1012 or 1013. All numbers are in
//! [`ReconnectConfig`](crate::net::ReconnectConfig), and so are limits: how many attempts, and for how long.
//!
//! A server that is gone without a word is found by the keep-alive. By default that takes up to 40 s: see
//! [`Config::timeouts`](crate::Config::timeouts).
//!
//! # What becomes of messages
//!
//! While there is no connection, messages wait for the next one, up to 1 MiB and 4096 messages. Then `send` waits. What
//! is soon too old to be sent can be dropped instead: [`Unsent::Drop`](crate::net::Unsent::Drop).
//!
//! When a connection is lost, TCP does not tell what has arrived. The client knows more: a pong proves that everything
//! before its ping has arrived. For the rest it is not known, and sending it again may double it. So it is
//! given back as *in doubt*, and you decide:
//!
//! ```no_run
//! use bowstring::net::{ReconnectEvent, ReconnectingWebSocket};
//!
//! # async fn orders(mut client: ReconnectingWebSocket) -> Result<(), Box<dyn std::error::Error>> {
//! while let Some(event) = client.event().await? {
//!     match event {
//!         ReconnectEvent::Message(message) => println!("{message:?}"),
//!         ReconnectEvent::Disconnected { cause, in_doubt, pause, .. } => {
//!             eprintln!("{cause}; again in {pause:?}");
//!             // They carry numbers, so the server knows those that it has seen.
//!             for order in in_doubt {
//!                 client.send(order).await?;
//!             }
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! That a message has arrived does not mean that the application there has acted on it. Where that matters, number
//! your messages, let the server answer, and let it ignore what it has seen.
//!
//! With the feature `json`, values become messages by `Message::from_json`, and messages values by
//! `Message::parse_json`: `client.send(Message::from_json(&order)?)`.
//!
//! # Watch and close
//!
//! [`ReconnectHandle::watch`](crate::net::ReconnectHandle::watch) tells other tasks how the client is connected: for a
//! lamp in a window, for a health check. [`retry_now`](crate::net::ReconnectHandle::retry_now) ends a pause, when the
//! system says that the network is back.
//!
//! [`close`](crate::net::ReconnectingWebSocket::close) ends the client after what was sent, and gives back what is not
//! known to have arrived.
//!
//! ```no_run
//! # use bowstring::net::ReconnectingWebSocket;
//! # async fn end(mut client: ReconnectingWebSocket) -> Result<(), Box<dyn std::error::Error>> {
//! let undelivered = client.close(1000, "").await?;
//! println!("never sent: {:?}", undelivered.unsent);
//! println!("may have arrived: {:?}", undelivered.in_doubt);
//! # Ok(())
//! # }
//! ```
//!
//! # Test it
//!
//! `from_fn` takes any function, so a test connects over a pipe in memory. `jitter` fixes the pauses, and tokio's
//! paused clock makes them take no time.
//!
//! ```
//! use bowstring::net::{ReconnectingWebSocket, Transport, masking_key};
//! use bowstring::{Config, Message, WebSocket, proto::Role};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mut client = ReconnectingWebSocket::from_fn(|attempt| async move {
//!     let (near, far) = tokio::io::duplex(1024);
//!     let config = Config::default();
//!     let mut server = WebSocket::from_raw(far, Role::Server, [], &config);
//!     tokio::spawn(async move {
//!         // The server of the first connection sends one message and is gone.
//!         server.send(format!("connection {}", attempt.connections + 1)).await
//!     });
//!     Ok(WebSocket::from_raw(Transport::from(near), Role::Client(masking_key), [], &config))
//! })
//! .jitter(|| 0.0);
//! assert_eq!(client.recv().await.unwrap(), Some(Message::from("connection 1")));
//! assert_eq!(client.recv().await.unwrap(), Some(Message::from("connection 2")));
//! # }
//! ```
