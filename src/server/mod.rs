//! A server: it accepts connections, asks a hook about each request, and gives each connection to a handler.
//!
//! ```no_run
//! use bowstring::Error;
//! use bowstring::server::{Server, ServerConnection};
//!
//! async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
//!     while let Some(message) = ws.recv().await? {
//!         ws.feed(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! # async fn example() -> std::io::Result<()> {
//! Server::bind("127.0.0.1:9001").await?.serve(echo).await;
//! # Ok(())
//! # }
//! ```
//!
//! | you want | use |
//! |---|---|
//! | to look at a request, choose a subprotocol, refuse, answer with a page | [`Server::on_request`]: [`Request`], [`Accept`], [`Answer`] |
//! | to know who it is | [`Request::basic`], [`Request::bearer`], [`Request::cookie`], [`same_secret`] |
//! | to say which pages may connect | [`Server::origins`], [`Origins`] |
//! | to listen at several addresses, at Unix sockets | [`Listener`] |
//! | to bound how many come | [`ServerLimits`] |
//! | one message to many | [`Topic`] |
//! | to list connections, find one, send to it, close it | [`Connections`], [`ServerHandle::connections`] |
//! | these limits and this end for sockets of hyper or axum | [`ServerHandle::admit`], [`Permit`] |
//! | to end without losing messages | [`Server::drain_on`], [`ServerHandle`] |
//! | to see how it does | [`ServerHandle::report`], [`Report`] |
//!
//! Limits and deadlines have defaults that are safe on the internet. The [guide](crate::guide::serving) explains all
//! of it step by step.

// The map of these files is in ARCHITECTURE.md; tests/layers.rs checks it.

mod accept_loop;
mod admission;
mod admit_error;
mod adopt;
mod auth;
mod connection;
mod connections;
mod handle;
mod in_memory;
mod listener;
mod outcome;
mod registry;
mod reply;
mod report;
mod request;
mod serve;
mod settings;
mod supervise;
mod table;
mod task;
#[cfg_attr(not(feature = "rustls-tls"), path = "tls_off.rs")]
mod tls;
mod topic;
#[cfg_attr(not(feature = "tracing"), path = "trace_off.rs")]
mod trace;
#[cfg_attr(not(unix), path = "unix_off.rs")]
mod unix;
mod unless;
mod workers;

pub use crate::handshake::{OriginError, Origins};
pub use admit_error::AdmitError;
pub use adopt::Permit;
pub use auth::{Basic, Cookies, same_secret};
pub use connection::{ServerConnection, ServerReader};
pub use connections::{Connections, ListedConnection, Listing};
pub use handle::ServerHandle;
pub use listener::{Listener, Peer};
pub use outcome::HandlerOutcome;
pub use reply::{Accept, Answer};
pub use report::{Refusals, Report};
pub use request::Request;
pub use serve::Server;
pub use settings::ServerLimits;
pub use tls::Tls;
pub use topic::{Subscription, Topic};
