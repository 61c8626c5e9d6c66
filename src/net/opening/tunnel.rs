//! A tunnel through a forward proxy (§4.1, proxy usage), over a connection to it.

use std::future::Future;
use std::io;

use bytes::Bytes;
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::body::read_body;
use super::head::read_some;
use super::proxy::address::Proxy;
use super::proxy::http_connect::{self, Meaning};
use super::proxy::socks5::{self, Method};
use super::tls;
use crate::handshake::{HeadError, HeadScanner};
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::proxy_error::{ProxyError, ProxyStep};

/// Asks a forward proxy for a tunnel to a server, over a connection to the proxy.
///
/// Gives the connection, which is one to the server now, and the bytes that came after the proxy's answer. They
/// are the server's first; servers of WebSockets and of TLS send none before they are spoken to.
///
/// The host is a name, an IPv4 address, or an IPv6 address without brackets. If the proxy does not
/// [resolve names](crate::net::ProxyProtocol::resolves_names), give an address. A name is sent as it is in any
/// case. For an `https` proxy, make the TLS connection first.
///
/// This has no deadline of its own. The body of a refusal is read as far as it comes: drop the future to end it.
///
/// ```no_run
/// use bowstring::net::{Proxy, connect_over, tunnel};
/// use bowstring::{Config, handshake::ClientRequest};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy: Proxy = "http://ann:secret@proxy.example:3128".parse()?;
/// let stream = tokio::net::TcpStream::connect((proxy.host(), proxy.port())).await?;
/// let (stream, _early) = tunnel(stream, &proxy, "chat.example", 80).await?;
/// let request = ClientRequest::new("ws://chat.example/".parse()?);
/// let (mut ws, _response) = connect_over(stream, &request, &Config::default()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropping the future drops the connection.
///
/// # Errors
///
/// What the proxy answered, or how the connection to it failed, with the step.
pub async fn tunnel<S>(
    stream: S,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(S, Vec<u8>), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    tunnel_before(None, stream, proxy, host, port).await
}

/// The same, with a deadline.
pub(super) async fn tunnel_before<S>(
    end: Option<Instant>,
    stream: S,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(S, Vec<u8>), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !is_host(host) {
        return Err(ProxyError::Target);
    }
    let mut asking = Asking { stream, end };
    let early = if proxy.protocol().is_socks() {
        asking.socks(proxy, host, port).await?;
        Vec::new()
    } else {
        asking.http(proxy, host, port).await?
    };
    Ok((asking.stream, early))
}

/// The error of a step on the way to the proxy, as the proxy's and not the server's.
pub(super) fn of_proxy(error: Error) -> Error {
    let step = |step| match step {
        OpeningStep::Resolve => ProxyStep::Resolve,
        OpeningStep::Tls => ProxyStep::Tls,
        _ => ProxyStep::Connect,
    };
    Error::Proxy(match error {
        Error::NoSuchHost(host) => ProxyError::NoSuchHost(host),
        Error::Connect(error) => ProxyError::Connect(error),
        Error::Tls(error) => ProxyError::Tls(error),
        Error::HandshakeTimeout(at) => ProxyError::Timeout(step(at)),
        Error::Opening(at, error) => ProxyError::from_transport(step(at), error),
        // A proxy that does not like our certificate says so after its handshake (RFC 8446 §4.4.2.4).
        Error::Proxy(ProxyError::Io(at, error)) => match tls::explain(Error::Io(error)) {
            Error::Tls(error) => ProxyError::Tls(error),
            Error::Io(error) => ProxyError::Io(at, error),
            other => return other,
        },
        other => return other,
    })
}

/// Whether a text is safe in a request. What it names is the proxy's to find out.
fn is_host(host: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_graphic() && !b"[]/?#@\\".contains(&byte);
    let has_port = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
    !host.is_empty() && host.bytes().all(is_safe) && !has_port
}

/// A proxy that is asked.
struct Asking<S> {
    stream: S,
    /// When it must have answered.
    end: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Asking<S> {
    async fn http(&mut self, proxy: &Proxy, host: &str, port: u16) -> Result<Vec<u8>, ProxyError> {
        const STEP: ProxyStep = ProxyStep::HttpConnect;
        self.write(STEP, &http_connect::request(proxy, host, port)).await?;
        let mut bytes = Vec::new();
        // For all heads together: informational ones may come first.
        let mut limits = http_connect::LIMITS;
        loop {
            let mut scanner = HeadScanner::new(&limits);
            let (response, len) = loop {
                if let Some(head) = scanner.scan(&bytes).map_err(too_large)? {
                    break (head.response().map_err(ProxyError::Head)?, head.len());
                }
                let reading = read_some(&mut self.stream, &mut bytes);
                if before(self.end, STEP, reading).await? == 0 {
                    return Err(ProxyError::Closed(STEP));
                }
            };
            bytes.drain(..len);
            limits.max_bytes -= len;
            match http_connect::meaning(&response) {
                Meaning::Informational => {}
                Meaning::Tunnel => return Ok(bytes),
                Meaning::Challenge => {
                    let response = self.with_body(response, bytes).await;
                    return Err(ProxyError::AuthenticationRequired(response));
                }
                Meaning::Refusal => {
                    let response = self.with_body(response, bytes).await;
                    return Err(ProxyError::Status(response));
                }
            }
        }
    }

    /// Reads the body as far as it comes in time: the status counts anyway.
    async fn with_body(&mut self, response: Response<()>, early: Vec<u8>) -> Box<Response<Bytes>> {
        let mut body = Vec::new();
        let reading = async {
            read_body(&mut self.stream, &response, early, &mut body).await;
            Ok(())
        };
        let _ = before(self.end, ProxyStep::HttpConnect, reading).await;
        Box::new(response.map(|()| body.into()))
    }

    async fn socks(&mut self, proxy: &Proxy, host: &str, port: u16) -> Result<(), ProxyError> {
        // What cannot be said is found before anything is.
        let request = socks5::connect(host, port)?;
        let login = proxy.login().map(socks5::login).transpose()?;

        let step = ProxyStep::SocksMethod;
        self.write(step, socks5::greeting(login.is_some())).await?;
        let chosen = socks5::method(self.read(step).await?, login.is_some())?;
        if let (Method::Password, Some(login)) = (chosen, login) {
            let step = ProxyStep::SocksLogin;
            self.write(step, &login).await?;
            socks5::login_reply(self.read(step).await?)?;
        }
        let step = ProxyStep::SocksConnect;
        self.write(step, &request).await?;
        socks5::reply(self.read(step).await?)?;
        let rest = socks5::bytes_after(self.read(step).await?)?;
        // A name has at most 255 bytes.
        let mut address = [0; 255 + 2];
        before(self.end, step, self.stream.read_exact(&mut address[..rest])).await?;
        Ok(())
    }

    async fn write(&mut self, step: ProxyStep, bytes: &[u8]) -> Result<(), ProxyError> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        before(self.end, step, writing).await
    }

    /// Reads exactly as many bytes, so that none of the server's is among them.
    async fn read<const N: usize>(&mut self, step: ProxyStep) -> Result<[u8; N], ProxyError> {
        let mut bytes = [0; N];
        before(self.end, step, self.stream.read_exact(&mut bytes)).await?;
        Ok(bytes)
    }
}

async fn before<T>(
    end: Option<Instant>,
    step: ProxyStep,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, ProxyError> {
    let done = match end {
        Some(end) => timeout_at(end, work).await.map_err(|_| ProxyError::Timeout(step))?,
        None => work.await,
    };
    done.map_err(|error| ProxyError::from_transport(step, error))
}

/// The limit in the error is the one of all heads.
fn too_large(error: HeadError) -> ProxyError {
    ProxyError::Head(match error {
        HeadError::TooLarge(_) => HeadError::TooLarge(http_connect::LIMITS.max_bytes),
        other => other,
    })
}
