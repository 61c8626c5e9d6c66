//! A server to deploy: it accepts, asks a hook, hands connections to a handler, and sees everybody off.
//!
//! ```text
//!   serve                       what it listens to, allows and asks; its end
//!     │
//!   accept_loop                 accepts, within the limits
//!     │
//!   task ─── connection         one connection's task · what its handler gets
//!     │
//!   admission ─── outcome       the opening handshake · what a handler returns
//!     ├── request ─── reply     what the hook sees · what it says
//!     ├── auth                  credentials and cookies
//!   registry ─── trace          the connections, the limits, the counters · the log
//!     │
//!   listener ── tls             where connections come from · how they are encrypted
//! ```
//!
//! Beside it stands `topic`: what is published to one goes to all who subscribe.
//!
//! It stands on [`net`](crate::net) and keeps its rules: memory is bounded, errors are typed, and
//! everything has a default that is safe to put on the internet.

mod accept_loop;
mod admission;
mod auth;
mod connection;
mod listener;
mod outcome;
mod registry;
mod reply;
mod request;
mod serve;
mod task;
#[cfg(feature = "rustls-tls")]
mod tls;
mod topic;
mod trace;

pub use crate::handshake::{OriginError, Origins};
pub use auth::{Basic, Cookies, same_secret};
pub use connection::{ServerConnection, ServerReader};
pub use listener::{Listener, Peer};
pub use outcome::Outcome;
pub use registry::{Refusals, Report, ServerLimits};
pub use reply::{Accept, Answer};
pub use request::Request;
pub use serve::{Server, ServerHandle};
#[cfg(feature = "rustls-tls")]
pub use tls::Tls;
pub use topic::{Subscription, Topic};
