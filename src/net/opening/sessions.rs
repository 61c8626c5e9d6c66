//! The connections of HTTP/2 that a [`Connector`](super::connector::Connector) has, for each server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::handshake::Uri;
use crate::net::http2::{Session, Slot};

/// Whether a [`Connector`](crate::Connector) opens WebSockets over HTTP/2 (RFC 8441). The default is
/// [`Never`](Self::Never).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UseHttp2 {
    /// No: HTTP/1.1, one connection for each WebSocket.
    #[default]
    Never,
    /// If the server wants it. TLS offers both versions of HTTP (ALPN), and the server chooses. If it then offers no
    /// WebSockets over HTTP/2, a second connection is made, for HTTP/1.1. The connector remembers that, until one of
    /// its settings changes. `ws://` addresses have HTTP/1.1.
    Negotiate,
    /// Always, for `ws://` addresses too ("prior knowledge", RFC 9113 §3.3). A server that does not want it is an error.
    Always,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    pub(super) when: UseHttp2,
    servers: Arc<Mutex<HashMap<Server, Arc<tokio::sync::Mutex<Known>>>>>,
}

/// How many servers are known at most, besides those that are being connected to. With more, all others are forgotten,
/// and their connections end if no WebSocket is open on them.
const MAX_SERVERS: usize = 256;

/// Whether it is by TLS, its host, its port.
type Server = (bool, String, u16);

/// What is known of a server.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The server has chosen HTTP/1.1, or offers no WebSockets over HTTP/2.
    pub(super) http1: bool,
    sessions: Vec<Session>,
}

impl Sessions {
    /// What is known of a server. While it is locked, a connection is being made.
    pub(super) fn of(&self, uri: &Uri) -> Arc<tokio::sync::Mutex<Known>> {
        let server = (uri.secure(), uri.scoped_host().into_owned(), uri.port());
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() >= MAX_SERVERS && !servers.contains_key(&server) {
            // A redirect may lead anywhere. WebSockets that are open keep their connections.
            servers.retain(|_, known| Arc::strong_count(known) > 1);
        }
        Arc::clone(servers.entry(server).or_default())
    }

    /// Forgets all servers: what was agreed on with other settings does not count.
    pub(super) fn forget(&mut self) {
        self.servers = Arc::default();
    }
}

impl Known {
    /// Adds a connection, and sets a stream on it aside if one is free.
    pub(super) fn add(&mut self, session: Session) -> (Session, Option<Slot>) {
        self.sessions.push(session.clone());
        let slot = session.slot();
        (session, slot)
    }

    /// A connection on which a stream is free, which is set aside. Connections that have ended are dropped.
    pub(super) fn slot(&mut self) -> Option<(Session, Option<Slot>)> {
        self.sessions.retain(|session| !session.is_draining());
        self.sessions.iter().find_map(|session| Some((session.clone(), Some(session.slot()?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(number: usize) -> Uri {
        Uri::strict(&format!("wss://server-{number}.example/")).unwrap()
    }

    #[test]
    fn servers_are_not_kept_without_a_limit() {
        let sessions = Sessions::default();
        let in_use = sessions.of(&uri(0));
        for number in 0..10 * MAX_SERVERS {
            sessions.of(&uri(number)).try_lock().unwrap().http1 = true;
            assert!(sessions.servers.lock().unwrap().len() <= MAX_SERVERS + 1);
            // The newest is known, and who is being connected to is the same for all.
            assert!(sessions.of(&uri(number)).try_lock().unwrap().http1);
            assert!(Arc::ptr_eq(&in_use, &sessions.of(&uri(0))));
        }
    }
}
