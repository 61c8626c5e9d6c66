//! Stands in for HTTP/2 in builds without the feature `http2`: all go over HTTP/1.1.

use http::Response;

use super::clock::Clock;
use super::connector::Connector;
use super::transport::Transport;
use crate::handshake::{Agreed, ClientRequest};
use crate::net::error::Error;

/// The way to a server.
pub(super) enum Way {
    Http1(Transport),
    #[expect(dead_code, reason = "none is made")]
    Http2(Transport, Agreed, Response<()>),
}

impl Connector {
    pub(super) async fn way(&self, clock: &Clock, request: &ClientRequest) -> Result<Way, Error> {
        Ok(Way::Http1(self.open_transport(clock, request.uri(), None).await?))
    }
}
