//! The server's side of the opening handshake (§4.2).
//!
//! [`accept`] does it all. [`Incoming`] stops after the request has been read, so that the
//! application can look at it, choose a subprotocol, or answer something else.

use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::head::{PIECE, no_delay, read_head, read_some, within, write_last};
use crate::handshake::{
    Agreed, Head, RequestError, Upgrade, check_request, wants_upgrade, write_accept, write_refusal,
    write_response_head,
};
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::socket::websocket::WebSocket;
use crate::proto::Role;

/// Accepts a WebSocket connection over a new transport, with the defaults of [`Config`], without a
/// subprotocol, and for any path.
///
/// **Pages of all sites may connect**, with their visitor's cookies: nothing here looks at `Origin` (§10.2). If
/// that matters, read the request with [`Incoming`] and ask [`Origins`](crate::handshake::Origins), or use the
/// `Server` of the feature `server`.
///
/// ```
/// use bowstring::handshake::ClientRequest;
/// use bowstring::net::connect_over;
/// use bowstring::{Config, Message, accept};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bowstring::Error> {
/// // Any transport will do: TCP, TLS, a Unix socket, or a pipe in memory.
/// let (near, far) = tokio::io::duplex(1024);
/// let server = tokio::spawn(async move {
///     let mut ws = accept(far).await?;
///     ws.send("welcome").await?;
///     ws.close(1000, "").await
/// });
/// let request = ClientRequest::new("ws://example.com/".parse()?);
/// let (mut ws, _response) = connect_over(near, &request, &Config::default()).await?;
/// assert_eq!(ws.recv().await?, Some(Message::from("welcome")));
/// while ws.recv().await?.is_some() {}
/// server.await.unwrap()
/// # }
/// ```
///
/// A request that is not an opening handshake is refused with the status that fits (§4.2.2). For a
/// [`TcpStream`](tokio::net::TcpStream) `TCP_NODELAY` is set.
///
/// # Cancel safety
///
/// Dropping the future drops the transport.
///
/// # Errors
///
/// [`Request`](Error::Request) if the request was refused, [`HandshakeTimeout`](Error::HandshakeTimeout),
/// or how the transport failed.
pub async fn accept<S>(stream: S) -> Result<WebSocket<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    Incoming::read(stream, &Config::default()).await?.accept().await
}

/// A request that was read and is not answered yet.
///
/// It may be any HTTP request. [`accept`](Self::accept) refuses one that is not an opening handshake, and
/// [`respond`](Self::respond) answers any. Neither looks at `Origin`, so you decide which pages may connect
/// (§10.2).
///
/// ```no_run
/// # use bowstring::{Config, Error, handshake::Origins, net::Incoming};
/// # async fn serve(stream: tokio::net::TcpStream) -> Result<(), Error> {
/// let incoming = Incoming::read(stream, &Config::default()).await?;
/// // Without this any site can act in its visitors' names. `false`: the request came without TLS.
/// if !Origins::same_host().allow(incoming.request(), false) {
///     let mut response = http::Response::new("not from that page\n");
///     *response.status_mut() = http::StatusCode::FORBIDDEN;
///     return incoming.respond(response).await;
/// }
/// if incoming.request().uri().path() != "/chat" {
///     let mut response = http::Response::new("no such place\n");
///     *response.status_mut() = http::StatusCode::NOT_FOUND;
///     return incoming.respond(response).await;
/// }
/// let protocol = incoming.choose_protocol(&["chat.v2", "chat"]);
/// let ws = incoming.accept_with(protocol.as_deref(), &http::HeaderMap::new()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Incoming<S> {
    stream: S,
    request: Request<()>,
    upgrade: Result<Upgrade, RequestError>,
    /// What came after the request: frames, if it is accepted.
    early: Vec<u8>,
    config: Config,
}

/// A checked acceptance: the 101 for one request, and what it agrees on. [`Incoming::check`] makes it,
/// [`Incoming::accept_checked`] sends it.
#[derive(Debug)]
pub struct Acceptance(Box<Checked>);

#[derive(Debug)]
struct Checked {
    /// The whole head of the 101.
    head: Vec<u8>,
    agreed: Agreed,
    config: Config,
}

impl<S> Incoming<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Reads a request, in at most [`Config::handshake_timeout`].
    ///
    /// A request whose head cannot be read is answered at once, with 400, 431 or 505.
    ///
    /// # Errors
    ///
    /// As for [`accept`](fn@accept).
    pub async fn read(stream: S, config: &Config) -> Result<Self, Error> {
        Self::read_noting(stream, config, |_| {}).await
    }

    /// The same. `refusing` is called before a head that cannot be read is answered with this status,
    /// because the answer takes as long as the peer likes to stay.
    pub(crate) async fn read_noting(
        mut stream: S,
        config: &Config,
        refusing: impl FnOnce(StatusCode),
    ) -> Result<Self, Error> {
        no_delay(&stream);
        let mut early = Vec::new();
        let parse = |head: Head<'_>| head.request();
        let read = read_head::<_, RequestError>(&mut stream, &mut early, &config.head, parse);
        let request = match within(config.handshake_timeout, read).await {
            Ok(request) => request,
            Err(Error::Request(error)) => {
                refusing(error.status());
                // Boxed, because each handshake would reserve the space, and few need it.
                return Err(Box::pin(refuse(stream, error, config)).await);
            }
            Err(error) => return Err(error),
        };
        let upgrade = check_request(&request);
        Ok(Self { stream, request, upgrade, early, config: config.clone() })
    }

    /// The request: its method, path, query and header fields.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// Takes the request out. Only its method is left here.
    pub fn take_request(&mut self) -> Request<()> {
        let mut left = Request::new(());
        left.method_mut().clone_from(self.request.method());
        std::mem::replace(&mut self.request, left)
    }

    /// What is wrong with the request as an opening handshake. [`accept`](Self::accept) refuses it
    /// because of that.
    pub fn fault(&self) -> Option<&RequestError> {
        self.upgrade.as_ref().err()
    }

    /// Checks whether the request can be accepted with this subprotocol and these further header
    /// fields, and makes the 101 for it. Nothing is sent: [`accept_checked`](Self::accept_checked) does
    /// that.
    ///
    /// Another [`Config`] counts if it was [set](Self::set_config) before.
    ///
    /// # Errors
    ///
    /// [`Request`](Error::Request) if the request is no legal opening handshake. [`Build`](Error::Build)
    /// if the client did not offer the subprotocol, or a header field is the handshake's own.
    pub fn check(&self, protocol: Option<&str>, headers: &HeaderMap) -> Result<Acceptance, Error> {
        let upgrade = self.upgrade.as_ref().map_err(Clone::clone)?;
        let (deflate, extension) = self.config.answer_deflate(upgrade.extensions()).unzip();
        let agreed = Agreed { protocol: protocol.map(str::to_owned), deflate };
        let head = write_accept(upgrade, protocol, extension.as_ref(), headers)?;
        Ok(Acceptance(Box::new(Checked { head, agreed, config: self.config.clone() })))
    }

    /// Resolves when the peer has ended the connection, or its sending direction. An application that needs time
    /// to decide can stop then.
    ///
    /// What the peer sends meanwhile is kept for the connection. After 16 KiB no more is read, and this does not
    /// resolve.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: nothing is lost.
    pub async fn closed(&mut self) {
        while self.early.len() <= PIECE {
            if !matches!(read_some(&mut self.stream, &mut self.early).await, Ok(1..)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Sets other limits, deadlines or compression for this connection. Call it before
    /// [`check`](Self::check).
    pub fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    /// Whether the request asks for a WebSocket connection at all. If it does so wrongly,
    /// [`accept`](Self::accept) refuses it.
    pub fn wants_upgrade(&self) -> bool {
        wants_upgrade(&self.request)
    }

    /// The subprotocols that the client offers, most wanted first (§4.1).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.upgrade.iter().flat_map(|upgrade| upgrade.protocols().iter())
    }

    /// What the request asks for, or what is wrong with it.
    pub(crate) fn upgrade(&self) -> Result<&Upgrade, &RequestError> {
        self.upgrade.as_ref()
    }

    /// The first of `supported` that the client offers.
    pub fn choose_protocol(&self, supported: &[&str]) -> Option<String> {
        let offered = |name: &&str| self.protocols().any(|offer| offer == *name);
        supported.iter().copied().find(|name| offered(name)).map(str::to_owned)
    }

    /// The transport.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Answers 101, without a subprotocol. Refuses a request that is not an opening handshake with the status
    /// that fits: 400, 405, 426, 501 or 505.
    ///
    /// # Errors
    ///
    /// As for [`accept`](fn@accept).
    pub async fn accept(self) -> Result<WebSocket<S>, Error> {
        self.accept_with(None, &HeaderMap::new()).await
    }

    /// Answers 101 with this subprotocol and these further header fields. Refuses like
    /// [`accept`](Self::accept).
    ///
    /// # Errors
    ///
    /// As for [`accept`](fn@accept), and [`Build`](Error::Build) if the client did not offer the
    /// subprotocol, or a header field is the handshake's own. Nothing was answered then.
    pub async fn accept_with(
        self,
        protocol: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<WebSocket<S>, Error> {
        let checked = self.check(protocol, headers);
        let Self { stream, early, config, .. } = self;
        match checked {
            Ok(acceptance) => send(stream, early, acceptance).await,
            Err(Error::Request(error)) => Err(Box::pin(refuse(stream, error, &config)).await),
            Err(error) => Err(error),
        }
    }

    /// Sends the 101 that [`check`](Self::check) has made of this same request.
    ///
    /// # Errors
    ///
    /// [`HandshakeTimeout`](Error::HandshakeTimeout), or how the transport failed.
    pub async fn accept_checked(self, acceptance: Acceptance) -> Result<WebSocket<S>, Error> {
        send(self.stream, self.early, acceptance).await
    }

    /// Answers with another status than 101, and ends the connection: a page, a health check, a 401.
    ///
    /// `Content-Length` and `Connection: close` are added. A request by HEAD gets no body.
    ///
    /// # Errors
    ///
    /// [`Build`](Error::Build) if the response is not a final one; else how the transport failed.
    pub async fn respond(self, response: Response<impl AsRef<[u8]>>) -> Result<(), Error> {
        let head = write_response_head(&response)?;
        let body = match *self.request.method() {
            http::Method::HEAD => &[],
            _ => response.body().as_ref(),
        };
        write_last(self.stream, head, body, self.config.handshake_timeout).await
    }
}

/// Sends a 101. What it takes along is small, because each handshake of a server reserves it.
async fn send<S>(
    mut stream: S,
    early: Vec<u8>,
    Acceptance(checked): Acceptance,
) -> Result<WebSocket<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    within(checked.config.handshake_timeout, async {
        stream.write_all(&checked.head).await?;
        Ok(stream.flush().await?)
    })
    .await?;
    let Checked { agreed, config, .. } = *checked;
    Ok(WebSocket::from_agreed(stream, Role::Server, early, agreed, &config))
}

/// Answers a request that is no opening handshake. Why it is none is the error, whether the answer
/// arrives or not.
async fn refuse<S>(stream: S, error: RequestError, config: &Config) -> Error
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = write_last(stream, write_refusal(&error), &[], config.handshake_timeout).await;
    error.into()
}
