//! The steps of a [`Connector`]: from a URI to a transport, from there to a WebSocket.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Response;
use tokio::io::{AsyncReadExt, join};

use super::client::{Answer, ask};
use super::clock::Clock;
use super::connector::{Connector, Settings};
use super::dial::connect_first;
use super::head::no_delay;
use super::over_http2::Way;
use super::proxy::address::{Proxy, ProxyProtocol};
use super::transport::Transport;
use super::tunnel::{of_proxy, tunnel_before};
use super::{roots, tls};
use crate::handshake::{ClientRequest, RedirectError, Uri, follow_redirect, is_redirect};
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::proxy_error::{ProxyError, SocksReply};
use crate::net::socket::websocket::WebSocket;
use crate::net::unix;

type Opened = (WebSocket<Transport>, Response<()>);

impl Connector {
    /// The deadline of connecting, from now on.
    pub(in crate::net) fn clock(&self) -> Clock {
        Clock::start(self.0.config.handshake_timeout)
    }

    /// Connects, and goes where the server redirects to, as far as that is allowed.
    pub(super) async fn follow(&self, mut request: ClientRequest) -> Result<Opened, Error> {
        let clock = self.clock();
        let most = self.0.redirects;
        let mut seen = Vec::new();
        loop {
            let answered = match self.way(&clock, &request).await {
                Ok(Way::Http1(stream)) => self.ask(&clock, stream, &request).await,
                Ok(Way::Http2(stream, agreed, response)) => {
                    Ok(Answer::accepted(stream, agreed, response))
                }
                Err(error) => Err(error),
            };
            let redirect = match answered {
                Ok(answer) if most > 0 && is_redirect(answer.response()) => answer.into_response(),
                Ok(answer) => {
                    let (ws, mut response) = answer.read(&self.0.config, &clock).await?;
                    if !seen.is_empty() {
                        response.extensions_mut().insert(request.uri().clone());
                    }
                    return Ok((ws, response));
                }
                // Over HTTP/2 the body of a refusal has been read already.
                Err(Error::Status(refusal)) if most > 0 => {
                    let (parts, body) = refusal.into_parts();
                    let head = Response::from_parts(parts, ());
                    if !is_redirect(&head) {
                        return Err(Error::Status(Box::new(head.map(|()| body))));
                    }
                    head
                }
                Err(error) => return Err(error),
            };
            seen.push(request.uri().clone());
            let next = follow_redirect(&request, &redirect).and_then(|next| match () {
                () if seen.contains(next.uri()) => Err(RedirectError::Loop),
                () if seen.len() > most => Err(RedirectError::TooMany(most)),
                () => Ok(next),
            });
            request = next.map_err(|error| Error::Redirect(error, Box::new(redirect)))?;
        }
    }

    /// Connects over a stream that leads to the server.
    pub(super) async fn through(
        &self,
        stream: Transport,
        request: ClientRequest,
    ) -> Result<Opened, Error> {
        let clock = self.clock();
        let secure = self.secure(&clock, request.uri(), None).await?;
        let stream = self.encrypt(&clock, stream, secure).await?;
        self.finish(&clock, stream, &request).await
    }

    /// The transport to a host: TCP or a tunnel, and TLS for `wss`. TLS offers these protocols (RFC 7301), or else what
    /// its configuration says; [`Transport::tls`] tells which one was chosen.
    pub(in crate::net) async fn open_transport(
        &self,
        clock: &Clock,
        uri: &Uri,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Transport, Error> {
        let Settings { unix_socket, proxies, .. } = &*self.0;
        // What cannot be encrypted is found before anything is sent.
        let secure = self.secure(clock, uri, protocols).await?;
        let stream = if let Some(path) = unix_socket {
            let connecting = async { Ok(unix::connect(path).await?.into()) };
            clock.step(OpeningStep::Connect, self.0.timeouts.connect, connecting).await?
        } else if let Some(proxy) = proxies.for_uri(uri)? {
            self.dial_through(clock, proxy, uri).await?
        } else {
            let addresses = self.resolve(clock, &uri.scoped_host(), uri.port()).await?;
            self.dial(clock, addresses).await?
        };
        self.encrypt(clock, stream, secure).await
    }

    /// Makes the opening handshake over such a transport.
    pub(in crate::net) async fn finish(
        &self,
        clock: &Clock,
        stream: Transport,
        request: &ClientRequest,
    ) -> Result<Opened, Error> {
        self.ask(clock, stream, request).await?.read(&self.0.config, clock).await
    }

    async fn resolve(
        &self,
        clock: &Clock,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Error> {
        let Settings { timeouts, resolver, .. } = &*self.0;
        clock.step(OpeningStep::Resolve, timeouts.resolve, resolver.resolve(host, port)).await
    }

    /// Connects to one of these addresses.
    async fn dial(&self, clock: &Clock, addresses: Vec<SocketAddr>) -> Result<Transport, Error> {
        let Settings { timeouts, dialer, attempt_delay, .. } = &*self.0;
        let end = clock.end_of(timeouts.connect);
        let stream = connect_first(addresses, dialer, *attempt_delay, end).await?;
        if let Transport::Tcp(stream) = &stream {
            no_delay(stream);
        }
        Ok(stream)
    }

    /// Connects to a host through a forward proxy.
    async fn dial_through(
        &self,
        clock: &Clock,
        proxy: &Proxy,
        uri: &Uri,
    ) -> Result<Transport, Error> {
        if proxy.protocol().resolves_names() {
            return self.tunnel(clock, proxy, uri.host(), uri.port()).await;
        }
        let host = uri.scoped_host();
        let addresses = self.resolve(clock, &host, uri.port()).await?;
        let mut unreachable = None;
        for address in addresses {
            let host = address.ip().to_string();
            match self.tunnel(clock, proxy, &host, address.port()).await {
                Err(Error::Proxy(ProxyError::Socks(reply))) if reply.is_unreachable() => {
                    unreachable = Some(reply);
                }
                done => return done,
            }
        }
        // The resolver gives an address at least.
        let reply = unreachable.unwrap_or(SocksReply::HostUnreachable);
        Err(ProxyError::Socks(reply).into())
    }

    /// Connects to a forward proxy and asks it for a tunnel.
    async fn tunnel(
        &self,
        clock: &Clock,
        proxy: &Proxy,
        host: &str,
        port: u16,
    ) -> Result<Transport, Error> {
        let secure = match proxy.protocol() {
            ProxyProtocol::Https => Some(self.tls_to_proxy(clock, proxy).await.map_err(of_proxy)?),
            _ => None,
        };
        let addresses = self.resolve(clock, proxy.host(), proxy.port()).await.map_err(of_proxy)?;
        let stream = self.dial(clock, addresses).await.map_err(of_proxy)?;
        let stream = self.encrypt(clock, stream, secure).await.map_err(of_proxy)?;
        let end = clock.end_of(self.0.timeouts.proxy);
        let tunnel = tunnel_before(end, stream, proxy, host, port);
        let (stream, early) = tunnel.await.map_err(Error::Proxy).map_err(of_proxy)?;
        if early.is_empty() {
            // The TLS of a proxy is not the server's: `Transport::tls` must not tell of it.
            return Ok(if stream.is_tls() { Transport::boxed(stream) } else { stream });
        }
        let (reading, writing) = tokio::io::split(stream);
        Ok(Transport::boxed(join(Cursor::new(early).chain(reading), writing)))
    }

    async fn tls_to_proxy(&self, clock: &Clock, proxy: &Proxy) -> Result<tls::Client, Error> {
        let config = self.tls_or_default(clock, self.0.proxy_tls.as_ref()).await?;
        Ok(tls::Client::new(proxy.host(), config, Some(&[b"http/1.1"]))?)
    }

    async fn tls_or_default(
        &self,
        clock: &Clock,
        own: Option<&Arc<tls::ClientConfig>>,
    ) -> Result<Arc<tls::ClientConfig>, Error> {
        match own.or(self.0.tls.as_ref()) {
            Some(config) => Ok(Arc::clone(config)),
            None => clock.step(OpeningStep::Tls, None, roots::default_config()).await,
        }
    }

    /// Finds out whether TLS can be made, if it has to be.
    async fn secure(
        &self,
        clock: &Clock,
        uri: &Uri,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Option<tls::Client>, Error> {
        if !uri.secure() {
            return Ok(None);
        }
        Ok(Some(tls::Client::new(uri.host(), self.tls_or_default(clock, None).await?, protocols)?))
    }

    async fn encrypt(
        &self,
        clock: &Clock,
        stream: Transport,
        secure: Option<tls::Client>,
    ) -> Result<Transport, Error> {
        let Some(client) = secure else { return Ok(stream) };
        clock.step(OpeningStep::Tls, self.0.timeouts.tls, client.secure(stream)).await
    }

    async fn ask(
        &self,
        clock: &Clock,
        stream: Transport,
        request: &ClientRequest,
    ) -> Result<Answer<Transport>, Error> {
        let Settings { config, timeouts, .. } = &*self.0;
        clock.step(OpeningStep::Handshake, timeouts.handshake, ask(stream, request, config)).await
    }
}
