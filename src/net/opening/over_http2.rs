//! Which way a [`Connector`] takes to a server: a stream of HTTP/2, or a transport for HTTP/1.1.

use http::Response;

use super::clock::Clock;
use super::connector::Connector;
use super::sessions::UseHttp2;
use super::tls::{HTTP, HTTP2};
use super::transport::Transport;
use crate::handshake::{Agreed, ClientRequest, Uri};
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::http2::{Session, Slot};
use crate::net::http2_error::Http2Error;

/// How often a request is tried that the server has not looked at.
const TRIES: u32 = 3;

/// The way to a server.
pub(super) enum Way {
    /// The request and its answer come next.
    Http1(Transport),
    /// The server has accepted the request.
    Http2(Transport, Agreed, Response<()>),
}

/// What a server and we have agreed on.
enum Either {
    Http1(Transport),
    /// A connection, and a stream on it that was set aside.
    Http2(Session, Option<Slot>),
}

impl Connector {
    /// Opens WebSockets over HTTP/2 (RFC 8441): many on one connection, if the server allows it. It needs the feature
    /// `http2`.
    ///
    /// All that share this connector share the connections. While one is being made to a server, others wait for it
    /// (§4.1). If a server allows no more WebSockets on one, or takes no more, another is made. A connection ends when it
    /// fails, or with the connector and its last WebSocket.
    ///
    /// A connector knows 256 servers. With one more it forgets the others, and their connections end with their last
    /// WebSockets.
    ///
    /// ```no_run
    /// use bowstring::{Connector, net::UseHttp2};
    ///
    /// # async fn example() -> Result<(), bowstring::Error> {
    /// let connector = Connector::new().http2(UseHttp2::Negotiate);
    /// let (first, _response) = connector.connect("wss://example.com/prices").await?;
    /// // On the same connection, if the server speaks HTTP/2.
    /// let (second, _response) = connector.connect("wss://example.com/orders").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn http2(mut self, when: UseHttp2) -> Self {
        self.settings().sessions.when = when;
        self
    }

    /// Makes a connection of HTTP/2 to the server of this address, of your own: no other call uses it.
    ///
    /// For `wss://` TLS offers HTTP/2 alone. For `ws://` the server must know that HTTP/2 comes (RFC 9113 §3.3).
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect), and [`Http2`](Error::Http2).
    pub async fn session(&self, uri: &Uri) -> Result<Session, Error> {
        let clock = self.clock();
        let stream = self.open_transport(&clock, uri, Some(&[HTTP2])).await?;
        if uri.secure() && !stream.speaks_http2() {
            return Err(Http2Error::NotNegotiated.into());
        }
        self.begin_session(&clock, stream).await
    }

    async fn begin_session(&self, clock: &Clock, stream: Transport) -> Result<Session, Error> {
        let beginning = Session::over(stream, self.get_config());
        clock.step(OpeningStep::Handshake, self.0.timeouts.handshake, beginning).await
    }

    /// Takes the way that the settings and the server say.
    pub(super) async fn way(&self, clock: &Clock, request: &ClientRequest) -> Result<Way, Error> {
        let uri = request.uri();
        let require = match self.0.sessions.when {
            UseHttp2::Always => true,
            UseHttp2::Negotiate if uri.secure() => false,
            _ => return self.open_transport(clock, uri, None).await.map(Way::Http1),
        };
        let mut tries = 0;
        loop {
            let (session, slot) = match self.session_or_http1(clock, uri, require).await? {
                Either::Http2(session, slot) => (session, slot),
                Either::Http1(stream) => return Ok(Way::Http1(stream)),
            };
            let limit = self.0.timeouts.handshake;
            let end = clock.end_of(limit);
            let opening = session.open_stream(request, self.get_config(), slot, end);
            let opened = clock.step(OpeningStep::Handshake, limit, opening).await;
            tries += 1;
            match opened {
                Ok((stream, agreed, response)) => {
                    return Ok(Way::Http2(Transport::boxed(stream), agreed, response));
                }
                // The server has not looked at the request: another connection may have room.
                Err(Error::Http2(
                    Http2Error::Draining | Http2Error::Refused | Http2Error::TooManyStreams,
                )) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection of HTTP/2 with room, an old or a new one.
    async fn session_or_http1(
        &self,
        clock: &Clock,
        uri: &Uri,
        require: bool,
    ) -> Result<Either, Error> {
        let known = self.0.sessions.of(uri);
        let locking = async { Ok(known.lock().await) };
        let mut known = clock.step(OpeningStep::Connect, None, locking).await?;
        if known.http1 && !require {
            // Others need not wait.
            drop(known);
            return self.open_transport(clock, uri, Some(&[HTTP])).await.map(Either::Http1);
        }
        if let Some((session, slot)) = known.slot() {
            return Ok(Either::Http2(session, slot));
        }
        let protocols: &[&[u8]] = if require { &[HTTP2] } else { &[HTTP2, HTTP] };
        let stream = self.open_transport(clock, uri, Some(protocols)).await?;
        if uri.secure() && !stream.speaks_http2() {
            if require {
                return Err(Http2Error::NotNegotiated.into());
            }
            known.http1 = true;
            return Ok(Either::Http1(stream));
        }
        match self.begin_session(clock, stream).await {
            Ok(session) => {
                let (session, slot) = known.add(session);
                Ok(Either::Http2(session, slot))
            }
            Err(Error::Http2(Http2Error::NotOffered)) if !require => {
                known.http1 = true;
                drop(known);
                self.open_transport(clock, uri, Some(&[HTTP])).await.map(Either::Http1)
            }
            Err(error) => Err(error),
        }
    }
}
