//! What clients connect with: settings, and the steps from an address to a WebSocket.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tokio::io::{AsyncReadExt, join};

use super::client::ask;
use super::clock::Clock;
use super::dial::{ATTEMPT_DELAY, Dialer, connect_first};
use super::head::no_delay;
use super::proxy::address::{Proxy, ProxyProtocol};
use super::proxy::proxies::Proxies;
use super::resolve::Resolver;
use super::transport::Transport;
use super::tunnel::{of_proxy, tunnel_before};
use super::{roots, tls};
use crate::handshake::{ClientRequest, IntoClientRequest, Uri};
use crate::net::config::Config;
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::proxy_error::{ProxyError, SocksReply};
use crate::net::socket::websocket::WebSocket;

/// Connects clients: looks up names, dials, makes TLS and the opening handshake, as it was told to.
///
/// ```no_run
/// use std::time::Duration;
/// use bowstring::{Config, Connector, handshake::ClientRequest};
///
/// # async fn client() -> Result<(), bowstring::Error> {
/// let mut config = Config::default();
/// config.limits.max_message_size = 64 * 1024;
/// let connector = Connector::new().config(config).timeout(Duration::from_secs(5));
///
/// let request = ClientRequest::new("ws://127.0.0.1:9001/chat".parse()?).protocol("chat.v2");
/// let (mut ws, _response) = connector.connect(&request).await?;
/// ws.send("hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// Make one and keep it: a clone is cheap and shares the settings, so tasks can have their own. TLS sessions are
/// resumed by all that share one.
///
/// §4.1 allows one connection per host that is connecting at a time. Nothing is remembered between calls, so it
/// is up to you to keep that rule.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Settings>);

/// How long each step of [connecting](Connector::connect) may take.
///
/// All of them together have [`Config::handshake_timeout`], whatever is set here. `None`, the default, sets no
/// limit beyond that.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectTimeouts {
    /// Looking up a name.
    pub resolve: Option<Duration>,
    /// Connecting to one of the addresses of a name: all attempts together.
    pub connect: Option<Duration>,
    /// Asking a proxy for a tunnel, once there is a connection to it.
    pub proxy: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// The request and its answer.
    pub handshake: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Settings {
    config: Config,
    timeouts: ConnectTimeouts,
    resolver: Resolver,
    dialer: Dialer,
    attempt_delay: Duration,
    /// `None`: the roots that the features say.
    tls: Option<Arc<tls::ClientConfig>>,
    proxies: Proxies,
    /// `None`: as `tls`.
    proxy_tls: Option<Arc<tls::ClientConfig>>,
}

impl Connector {
    /// One with the defaults: those of [`Config`], the system's resolver, and no proxy.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            config: Config::default(),
            timeouts: ConnectTimeouts::default(),
            resolver: Resolver::System,
            dialer: Dialer::Tcp(Vec::new()),
            attempt_delay: ATTEMPT_DELAY,
            tls: None,
            proxies: Proxies::none(),
            proxy_tls: None,
        }))
    }

    /// With these limits, deadlines and compression.
    pub fn config(mut self, config: Config) -> Self {
        self.settings().config = config;
        self
    }

    /// Gives connecting so long, from looking up the name to the server's answer. Default 10 s.
    ///
    /// It is [`Config::handshake_timeout`].
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings().config.handshake_timeout = limit;
        self
    }

    /// Gives each step so long.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bowstring::{Connector, net::ConnectTimeouts};
    ///
    /// let mut timeouts = ConnectTimeouts::default();
    /// timeouts.connect = Some(Duration::from_secs(3));
    /// let connector = Connector::new().timeouts(timeouts);
    /// ```
    pub fn timeouts(mut self, timeouts: ConnectTimeouts) -> Self {
        self.settings().timeouts = timeouts;
        self
    }

    /// Asks this for the addresses of a host, and not the system's resolver.
    ///
    /// It gets the name and the port, and gives addresses in the order in which they should be tried. None at all,
    /// or an error of the kind [`NotFound`](io::ErrorKind::NotFound), mean that there is no such host. It is not
    /// asked for a host that is an IP address.
    ///
    /// ```
    /// use bowstring::Connector;
    ///
    /// // All names lead to this machine.
    /// let connector = Connector::new()
    ///     .resolver(|_host, port| async move { Ok(vec![([127, 0, 0, 1], port).into()]) });
    /// ```
    pub fn resolver<F, Fut>(mut self, resolve: F) -> Self
    where
        F: Fn(String, u16) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let resolve = move |host, port| Box::pin(resolve(host, port)) as _;
        self.settings().resolver = Resolver::Own(Arc::new(resolve));
        self
    }

    /// Connects to an address by this, and not by TCP: for options of sockets, for tunnels, for tests.
    ///
    /// ```
    /// use bowstring::Connector;
    /// use tokio::net::TcpSocket;
    ///
    /// let connector = Connector::new().dialer(|address| async move {
    ///     let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    ///     socket.set_keepalive(true)?;
    ///     socket.connect(address).await
    /// });
    /// ```
    pub fn dialer<F, Fut, S>(mut self, dial: F) -> Self
    where
        F: Fn(SocketAddr) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<S>> + Send + 'static,
        S: Into<Transport>,
    {
        let dial = move |address| {
            let dialing = dial(address);
            Box::pin(async move { dialing.await.map(Into::into) }) as _
        };
        self.settings().dialer = Dialer::Own(Arc::new(dial));
        self
    }

    /// Connects from this address of this machine. Call it once for IPv4 and once for IPv6, if both are to be
    /// used: an address of a family without one is not tried.
    pub fn local_address(mut self, local: IpAddr) -> Self {
        let dialer = &mut self.settings().dialer;
        match dialer {
            Dialer::Tcp(all) => all.push(local),
            Dialer::Own(_) => *dialer = Dialer::Tcp(vec![local]),
        }
        self
    }

    /// Begins the next attempt to connect after this time, while the one before it goes on (RFC 8305 §5).
    /// Default 250 ms. After a failure the next begins at once.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.settings().attempt_delay = delay;
        self
    }

    /// Goes through a forward proxy, for the addresses that these rules say. By default there is none.
    ///
    /// ```
    /// use bowstring::{Connector, net::{Proxies, Proxy}};
    ///
    /// // As the environment says: HTTPS_PROXY, NO_PROXY …
    /// let connector = Connector::new().proxies(Proxies::from_environment());
    /// // This one, always.
    /// let proxy: Proxy = "socks5h://127.0.0.1:9050".parse()?;
    /// let connector = Connector::new().proxies(proxy);
    /// # Ok::<(), bowstring::net::ProxyUriError>(())
    /// ```
    ///
    /// Resolver, dialer, local address and TLS configuration count for the proxy then. With `socks5://` the
    /// resolver is asked for the server's addresses, too. If the proxy cannot reach one of them, the next is tried.
    pub fn proxies(mut self, proxies: impl Into<Proxies>) -> Self {
        self.settings().proxies = proxies.into();
        self
    }

    pub(super) fn proxy_tls_config(mut self, tls: Arc<tls::ClientConfig>) -> Self {
        self.settings().proxy_tls = Some(tls);
        self
    }

    pub(super) fn tls_config(mut self, tls: Arc<tls::ClientConfig>) -> Self {
        self.settings().tls = Some(tls);
        self
    }

    /// Its [`Config`].
    pub fn get_config(&self) -> &Config {
        &self.0.config
    }

    /// Connects to the address of a request. Gives the connection and the server's answer.
    ///
    /// The request may be a text, a URI, or a request of the crate `http`: see [`IntoClientRequest`].
    ///
    /// `wss://` needs a feature. `rustls-tls-native-roots` trusts the certificates that the system trusts, read once
    /// per process. `rustls-tls-webpki-roots` trusts Mozilla's list. With both, Mozilla's list is used only if the
    /// system has none. With `rustls-tls` alone, give a configuration.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection, and attempts that have not ended. A thread that waits for the
    /// system's resolver stays until that has answered.
    ///
    /// # Errors
    ///
    /// [`Error::step`] says which step failed.
    ///
    /// | step | error |
    /// |---|---|
    /// | before all of them | [`Uri`](Error::Uri), [`Build`](Error::Build), [`NeedsTls`](Error::NeedsTls): nothing was sent |
    /// | resolve | [`NoSuchHost`](Error::NoSuchHost) |
    /// | connect | [`Connect`](Error::Connect), with every address that was tried |
    /// | proxy | [`Proxy`](Error::Proxy), with a step of its own; the server has seen nothing |
    /// | TLS | [`Tls`](Error::Tls) |
    /// | handshake | [`Status`](Error::Status), [`Response`](Error::Response) |
    /// | any | [`HandshakeTimeout`](Error::HandshakeTimeout), [`Opening`](Error::Opening) |
    pub fn connect(
        &self,
        request: impl IntoClientRequest,
    ) -> impl Future<Output = Result<(WebSocket<Transport>, Response<()>), Error>> + Send {
        let request = request.into_client_request();
        async move {
            let request = request?;
            let clock = self.clock();
            let stream = self.open_transport(&clock, request.uri(), None).await?;
            self.finish(&clock, stream, &request).await
        }
    }

    /// Connects over a stream that leads to the host of the request already: a tunnel, a pipe.
    ///
    /// For a `wss://` address TLS comes first.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub fn connect_through(
        &self,
        stream: impl Into<Transport>,
        request: impl IntoClientRequest,
    ) -> impl Future<Output = Result<(WebSocket<Transport>, Response<()>), Error>> + Send {
        let (stream, request) = (stream.into(), request.into_client_request());
        async move {
            let request = request?;
            let clock = self.clock();
            let secure = self.secure(&clock, request.uri(), None).await?;
            let stream = self.encrypt(&clock, stream, secure).await?;
            self.finish(&clock, stream, &request).await
        }
    }

    /// The deadline of connecting, from now on.
    pub(in crate::net) fn clock(&self) -> Clock {
        Clock::start(self.0.config.handshake_timeout)
    }

    /// The transport to a host: TCP, and TLS for `wss`. TLS offers these protocols (RFC 7301), or else what its
    /// configuration says; [`Transport::tls`] tells which one was chosen.
    pub(in crate::net) async fn open_transport(
        &self,
        clock: &Clock,
        uri: &Uri,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Transport, Error> {
        let secure = self.secure(clock, uri, protocols).await?;
        let stream = match self.0.proxies.for_uri(uri)? {
            None => self.dial(clock, &uri.scoped_host(), uri.port()).await?,
            Some(proxy) => self.dial_through(clock, proxy, uri).await?,
        };
        self.encrypt(clock, stream, secure).await
    }

    /// Connects to a host through a forward proxy.
    async fn dial_through(
        &self,
        clock: &Clock,
        proxy: &Proxy,
        uri: &Uri,
    ) -> Result<Transport, Error> {
        let Settings { timeouts, resolver, .. } = &*self.0;
        if proxy.protocol().resolves_names() {
            return self.tunnel(clock, proxy, uri.host(), uri.port()).await;
        }
        let host = uri.scoped_host();
        let resolving = resolver.resolve(&host, uri.port());
        let addresses = clock.step(OpeningStep::Resolve, timeouts.resolve, resolving).await?;
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
        let stream = self.dial(clock, proxy.host(), proxy.port()).await.map_err(of_proxy)?;
        let stream = self.encrypt(clock, stream, secure).await.map_err(of_proxy)?;
        let end = clock.end_of(self.0.timeouts.proxy);
        let tunnel = tunnel_before(end, stream, proxy, host, port);
        let (stream, early) = tunnel.await.map_err(Error::Proxy).map_err(of_proxy)?;
        if early.is_empty() {
            return Ok(stream);
        }
        let (reading, writing) = tokio::io::split(stream);
        Ok(Transport::boxed(join(io::Cursor::new(early).chain(reading), writing)))
    }

    async fn tls_to_proxy(&self, clock: &Clock, proxy: &Proxy) -> Result<tls::Client, Error> {
        let config = self.tls_or_default(clock, self.0.proxy_tls.as_ref()).await?;
        Ok(tls::Client::new(proxy.host(), config, Some(&[b"http/1.1"]))?)
    }

    /// Connects to one of the addresses of a host.
    async fn dial(&self, clock: &Clock, host: &str, port: u16) -> Result<Transport, Error> {
        let Settings { timeouts, resolver, dialer, attempt_delay, .. } = &*self.0;
        let resolving = resolver.resolve(host, port);
        let addresses = clock.step(OpeningStep::Resolve, timeouts.resolve, resolving).await?;
        let end = clock.end_of(timeouts.connect);
        let stream = connect_first(addresses, dialer, *attempt_delay, end).await?;
        if let Transport::Tcp(stream) = &stream {
            no_delay(stream);
        }
        Ok(stream)
    }

    /// Finds out before anything is sent whether TLS can be made.
    async fn secure(
        &self,
        clock: &Clock,
        uri: &Uri,
        protocols: Option<&[&[u8]]>,
    ) -> Result<Option<tls::Client>, Error> {
        if !uri.secure() {
            return Ok(None);
        }
        let config = self.tls_or_default(clock, None).await?;
        Ok(Some(tls::Client::new(uri.host(), config, protocols)?))
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

    async fn encrypt(
        &self,
        clock: &Clock,
        stream: Transport,
        secure: Option<tls::Client>,
    ) -> Result<Transport, Error> {
        let Some(client) = secure else { return Ok(stream) };
        clock.step(OpeningStep::Tls, self.0.timeouts.tls, client.secure(stream)).await
    }

    /// Makes the opening handshake.
    async fn finish(
        &self,
        clock: &Clock,
        stream: Transport,
        request: &ClientRequest,
    ) -> Result<(WebSocket<Transport>, Response<()>), Error> {
        let Settings { config, timeouts, .. } = &*self.0;
        let asking = ask(stream, request, config);
        clock.step(OpeningStep::Handshake, timeouts.handshake, asking).await?.read(config).await
    }

    fn settings(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.0)
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}
