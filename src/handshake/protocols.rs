//! Subprotocols (§1.9, §4.1 item 10, §4.2.2 item 4): the list a client offers, the one a server chooses.
//!
//! Names are tokens and compared exactly. Nothing here knows HTTP/1.1, so that the handshake over HTTP/2
//! (RFC 8441) can use it.

use super::headers::{is_token, list};
use http::HeaderMap;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use std::sync::Arc;

/// What a client offers, in its order of preference. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protocols {
    /// Tokens with a comma between them: one allocation, however many names a header holds.
    joined: Arc<str>,
}

#[derive(Debug, PartialEq)]
pub(super) enum ProtocolsError {
    /// An element is no token.
    Malformed,
    /// A name stands twice.
    Repeated,
}

impl Protocols {
    /// Reads all `Sec-WebSocket-Protocol` lines of a request. Without a name in them, nothing is offered.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, ProtocolsError> {
        let mut names = Vec::new();
        for element in list(headers, SEC_WEBSOCKET_PROTOCOL) {
            let name = std::str::from_utf8(element).ok().filter(|name| is_token(name.as_bytes()));
            names.push(name.ok_or(ProtocolsError::Malformed)?);
        }
        // An empty field breaks the grammar 1#token (§4.3). It counts as absent: it can mean nothing else.
        let joined = match names.is_empty() {
            // Most offer nothing: not worth joining.
            true => Arc::default(),
            false => names.join(",").into(),
        };
        // The names MUST be unique (§4.1 item 10); sorting keeps thousands of them from costing a square.
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(ProtocolsError::Repeated);
        }
        Ok(Self { joined })
    }

    /// The names, most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.joined.split(',').filter(|name| !name.is_empty())
    }

    /// Whether this very name is offered.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|offered| offered == name)
    }

    /// Whether nothing is offered.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }
}
