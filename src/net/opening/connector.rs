//! What clients connect with: settings, and the steps from an address to a WebSocket.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Response;

use super::dial::{ATTEMPT_DELAY, Dialer, Source};
use super::proxy::proxies::Proxies;
use super::resolve::Resolver;
use super::sessions::Sessions;
use super::tls;
use super::transport::Transport;
use crate::handshake::IntoClientRequest;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::socket::span;
use crate::net::socket::websocket::WebSocket;

/// RFC 9110 §15.4: a client has to find out that it is led about.
const MAX_REDIRECTS: usize = 5;

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
#[derive(Clone)]
pub struct Connector(pub(super) Arc<Settings>);

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

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) timeouts: ConnectTimeouts,
    pub(super) resolver: Resolver,
    pub(super) dialer: Dialer,
    /// If there is one, it is connected to instead of any host.
    pub(super) unix_socket: Option<PathBuf>,
    pub(super) proxies: Proxies,
    /// How many redirects are followed.
    pub(super) redirects: usize,
    pub(super) attempt_delay: Duration,
    /// `None`: the roots that the features say.
    pub(super) tls: Option<Arc<tls::ClientConfig>>,
    /// `None`: as `tls`.
    pub(super) proxy_tls: Option<Arc<tls::ClientConfig>>,
    /// Connections of HTTP/2.
    pub(super) sessions: Sessions,
}

impl Connector {
    /// One with the defaults: those of [`Config`], the system's resolver, and no proxy.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            config: Config::default(),
            timeouts: ConnectTimeouts::default(),
            resolver: Resolver::System,
            dialer: Dialer::Tcp(Source::default()),
            unix_socket: None,
            proxies: Proxies::none(),
            redirects: 0,
            attempt_delay: ATTEMPT_DELAY,
            tls: None,
            proxy_tls: None,
            sessions: Sessions::default(),
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
        self.source().local.push(local);
        self
    }

    /// Connects by this network interface of this machine, as `eth0`, whatever its routes say.
    ///
    /// Linux and Android can do that. On other systems each attempt fails with
    /// [`Unsupported`](io::ErrorKind::Unsupported).
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.source().interface = Some(name.into());
        self
    }

    /// Connects to this Unix domain socket, whatever the host of a request is. The host still counts for the request
    /// and for TLS. Proxies do not.
    ///
    /// ```no_run
    /// # async fn hello() -> Result<(), bowstring::Error> {
    /// let connector = bowstring::Connector::new().unix_socket("/run/chat.sock");
    /// let (mut ws, _response) = connector.connect("ws://localhost/chat").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings().unix_socket = Some(path.into());
        self
    }

    /// Goes through a forward proxy, for the addresses that these rules say. By default there is none.
    ///
    /// What the environment says counts only if you ask for it, with [`Proxies::from_environment`]. If a library
    /// reads it unasked, a variable that was meant for another program leads connections elsewhere.
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

    /// Follows so many redirects, at most 5. Default 0: then a redirect is [`Error::Status`].
    ///
    /// - 301, 302, 303, 307 and 308 are redirects. `Location` may be relative. `http` in it means `ws`, `https` means
    ///   `wss`.
    /// - If the scheme, host or port changes, `Authorization`, `Cookie`, `Proxy-Authorization` and `Host` of the
    ///   request are left out. Other fields go along: do not follow redirects if one of them is secret.
    /// - From `wss` to `ws` is never followed, nor in a circle, nor an address with a name or password.
    /// - All hops share one deadline.
    ///
    /// After a redirect the response has the [`Uri`](crate::handshake::Uri) that was connected to, in its
    /// [extensions](http::Response::extensions).
    ///
    /// A server that redirects chooses which host this machine connects to next, one of your own network included.
    pub fn redirects(mut self, most: usize) -> Self {
        self.settings().redirects = most.min(MAX_REDIRECTS);
        self
    }

    /// Begins the next attempt to connect after this time, while the one before it goes on (RFC 8305 §5).
    /// Default 250 ms. After a failure the next begins at once.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.settings().attempt_delay = delay;
        self
    }

    /// What a TCP connection begins with. A dialer of the caller's makes way.
    fn source(&mut self) -> &mut Source {
        let dialer = &mut self.settings().dialer;
        if let Dialer::Own(_) = dialer {
            *dialer = Dialer::Tcp(Source::default());
        }
        match dialer {
            Dialer::Tcp(source) => source,
            Dialer::Own(_) => unreachable!("it was replaced"),
        }
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
    /// | proxy | [`Proxy`](Error::Proxy): reaching it, TLS with it, what it answered |
    /// | TLS | [`Tls`](Error::Tls) |
    /// | handshake | [`Status`](Error::Status), [`Redirect`](Error::Redirect), [`Response`](Error::Response) |
    /// | any | [`HandshakeTimeout`](Error::HandshakeTimeout), [`Opening`](Error::Opening) |
    pub fn connect(
        &self,
        request: impl IntoClientRequest,
    ) -> impl Future<Output = Result<(WebSocket<Transport>, Response<()>), Error>> + Send {
        let request = request.into_client_request();
        async move {
            let request = request?;
            let uri = request.uri().clone();
            span::follow(&uri, self.follow(request), WebSocket::traced).await
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
            let uri = request.uri().clone();
            span::follow(&uri, self.through(stream, request), WebSocket::traced).await
        }
    }

    pub(super) fn settings(&mut self) -> &mut Settings {
        let settings = Arc::make_mut(&mut self.0);
        settings.sessions.forget();
        settings
    }
}

/// Without proxies and TLS: they have passwords and keys.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { config, timeouts, resolver, dialer, redirects, .. } = &*self.0;
        f.debug_struct("Connector")
            .field("config", config)
            .field("timeouts", timeouts)
            .field("resolver", resolver)
            .field("dialer", dialer)
            .field("redirects", redirects)
            .finish_non_exhaustive()
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}
