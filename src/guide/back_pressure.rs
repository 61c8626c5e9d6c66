//! Back-pressure and slow peers.
//!
//! # Where messages wait
//!
//! A message that is sent goes to a buffer, and from there to the system. A peer that reads slowly fills
//! the system's buffers first, some hundred KiB to a few MiB. Then ours fills. When more than
//! [`Config::high_water`](crate::Config::high_water) bytes (64 KiB) wait, there is *no room*.
//!
//! # What happens without room
//!
//! [`Config::overflow`](crate::Config::overflow) decides:
//!
//! | [`Overflow`](crate::net::Overflow) | a message without room | for |
//! |---|---|---|
//! | `Wait` (default) | its sender waits | requests and answers, files |
//! | `DropNewest` | is dropped | logs, where old ones explain more |
//! | `DropOldest` | pushes out the oldest that wait | prices, positions, cursors |
//! | `Close(code)` | the connection is closed | chats: the client comes back and loads what it missed |
//!
//! Control frames are exempt. A message that is dropped is counted by
//! [`dropped`](crate::WebSocket::dropped).
//!
//! ```
//! use bowstring::{CloseCode, Config, net::Overflow};
//!
//! let mut config = Config::default();
//! config.high_water = 256 * 1024;
//! config.overflow = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
//! ```
//!
//! An unsplit socket also stops reading while there is no room: a peer that does not read its
//! answers cannot send more requests. A [split](crate::WebSocket::split) socket goes on reading, and only its
//! writers wait.
//!
//! # Many connections in a loop
//!
//! [`send_now`](crate::net::Writer::send_now) never waits: it does what the policy says and counts what is
//! dropped. No slow member holds up the others.
//!
//! ```
//! use bowstring::net::{Split, Writer};
//!
//! /// Tells all members, and keeps those whose connections go on.
//! fn tell<S: Split>(members: &mut Vec<Writer<S>>, news: &str) {
//!     members.retain(|member| member.send_now(news).is_ok());
//! }
//! ```
//!
//! # Decide yourself
//!
//! [`try_send`](crate::WebSocket::try_send) never waits and drops nothing. If there is no room, it gives the message
//! back, and what you do with it is not counted:
//!
//! ```
//! use bowstring::net::{Split, TrySendError, Writer};
//! use bowstring::Error;
//!
//! fn offer<S: Split>(writer: &Writer<S>, price: &str) -> Result<bool, Error> {
//!     match writer.try_send(price) {
//!         Ok(()) => Ok(true),
//!         Err(TrySendError::Full(_price)) => Ok(false),
//!         Err(TrySendError::Failed(_price, error)) => Err(error),
//!         Err(_) => Ok(false),
//!     }
//! }
//! ```
//!
//! # Send less while the peer is slow
//!
//! [`Writer::pressure`](crate::net::Writer::pressure) gives a [`Pressure`](crate::net::Pressure). It says whether much
//! waits to be written, and waits for that to change.
//!
//! ```no_run
//! use bowstring::{Error, net::{Split, Writer}};
//!
//! /// Sends pictures, and smaller ones while the peer is slow.
//! async fn film<S: Split>(writer: &Writer<S>) -> Result<(), Error> {
//!     let pressure = writer.pressure(4096);
//!     loop {
//!         let len = if pressure.is_high() { 1_000 } else { 100_000 };
//!         writer.send(vec![0; len]).await?;
//!     }
//! }
//! ```
//!
//! # Fan-out
//!
//! A [`Topic`](crate::server::Topic) never waits for a subscriber. If there is no room, the policy of the connection
//! decides; `Wait` counts as `DropNewest` there. Subscribe with
//! [`subscribe_with`](crate::server::Topic::subscribe_with) for another policy.
//!
//! A [`Prepared`](crate::Prepared) message is framed and compressed once for all. A large one lies in memory
//! once, however many subscribers have not taken it yet.
//!
//! # A peer that takes nothing at all
//!
//! Waiting ends. A peer that is silent is pinged after 20 s and given up 20 s later
//! ([`Timeouts`](crate::proto::Timeouts)). This needs a task that polls the socket. A writer that waits gives up a
//! silent peer as well.
