//! A WebSocket that is there once its answer was sent.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Version;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Sleep, sleep};

use super::upgraded::into_transport;
use crate::handshake::Agreed;
use crate::net::{Config, Error, OpeningStep, Transport, WebSocket};
use crate::proto::Role;

/// A WebSocket that is there once hyper has sent the answer of [`Upgrading::accept`](super::Upgrading::accept).
///
/// **Spawn it, or what awaits it.** hyper sends the answer after your service has returned it, so to await this
/// before that waits for ever. It ends after [`handshake_timeout`](Config::handshake_timeout) then.
///
/// **If you answer something else, drop this.** Over HTTP/1.1 hyper gives the connection away when it ends, whatever
/// was answered. A client can make that come at once, by `Connection: close`. Then it has a WebSocket although you
/// have answered 401. So decide who may connect before [`accept`](super::Upgrading::accept), and let no middleware
/// change the answer.
///
/// # Cancel safety
///
/// To drop it drops the connection.
///
/// # Errors
///
/// - [`Error::Lost`] if the connection ended before the answer was sent. Over HTTP/2 also if the service answered
///   something else.
/// - [`Error::HandshakeTimeout`] if hyper has not sent the answer within
///   [`handshake_timeout`](Config::handshake_timeout), counted from the first poll. Over HTTP/1.1 also if the service
///   answered something else and the connection goes on.
/// - [`Error::Io`] if hyper says something else.
#[must_use = "the connection is dropped with it; spawn a task that awaits it"]
pub struct Pending {
    on_upgrade: OnUpgrade,
    version: Version,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Taken when it is done.
    agreed: Option<Agreed>,
    config: Config,
}

impl Pending {
    pub(super) fn new(
        on_upgrade: OnUpgrade,
        version: Version,
        agreed: Agreed,
        config: Config,
    ) -> Self {
        Self { on_upgrade, version, deadline: None, agreed: Some(agreed), config }
    }

    /// The settings of the WebSocket.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sets other limits and deadlines. What was agreed on stays as it is.
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.agreed.as_ref()?.protocol.as_deref()
    }
}

impl Future for Pending {
    type Output = Result<WebSocket<Transport>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Poll::Ready(upgraded) = Pin::new(&mut this.on_upgrade).poll(cx) else {
            let limit = this.config.handshake_timeout;
            let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
            ready!(deadline.as_mut().poll(cx));
            return Poll::Ready(Err(Error::HandshakeTimeout(OpeningStep::Handshake)));
        };
        Poll::Ready(match upgraded {
            Ok(upgraded) => {
                let (transport, early) = into_transport(upgraded, this.version);
                let agreed = this.agreed.take().unwrap_or_default();
                Ok(WebSocket::from_agreed(transport, Role::Server, early, agreed, &this.config))
            }
            // The connection has ended, or the service has answered something else.
            Err(error) if error.is_canceled() => Err(Error::Lost),
            Err(error) => Err(std::io::Error::other(error).into()),
        })
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("agreed", &self.agreed).finish_non_exhaustive()
    }
}
