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
//! With `Wait`, an unsplit socket also stops reading while there is no room: a peer that does not read its
//! answers can not send more requests. A [split](crate::WebSocket::split) socket goes on reading, and only its
//! writers wait.
//!
//! # Never wait
//!
//! [`try_send`](crate::WebSocket::try_send) never waits. If there is no room, it gives the message back:
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
//! # Fan-out
//!
//! A [`Topic`](crate::server::Topic) never waits for a subscriber. Where there is no room the subscriber's
//! policy decides; `Wait` counts as `DropNewest` there. Subscribe with
//! [`subscribe_with`](crate::server::Topic::subscribe_with) for a policy of its own.
//!
//! A [`Prepared`](crate::Prepared) message is framed and compressed once for all. A large one lies in memory
//! once, however many subscribers have not taken it yet.
//!
//! # A peer that takes nothing at all
//!
//! Waiting ends. A peer that is silent is pinged after 20 s and given up 20 s later
//! ([`Timeouts`](crate::proto::Timeouts)). This needs a task that polls the socket. A writer that waits gives up a
//! silent peer as well.
