//! A tunnel through a forward proxy (§4.1, proxy usage), over a connection to it.

use std::io;

use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::body::read_body;
use super::head::read_some;
use super::proxy::address::Proxy;
use super::proxy::http_connect::{self, Meaning};
use super::proxy::socks5::{self, Method};
use crate::handshake::{HeadError, HeadScanner};
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
    mut stream: S,
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
    let early = if proxy.protocol().is_socks() {
        socks(&mut stream, proxy, host, port).await?;
        Vec::new()
    } else {
        http(&mut stream, proxy, host, port).await?
    };
    Ok((stream, early))
}

/// Whether a text is safe in a request. What it names is the proxy's to find out.
fn is_host(host: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_graphic() && !b"[]/?#@\\".contains(&byte);
    let has_port = host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err();
    !host.is_empty() && host.bytes().all(is_safe) && !has_port
}

async fn http<S>(
    stream: &mut S,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<Vec<u8>, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const STEP: ProxyStep = ProxyStep::HttpConnect;
    write(stream, &http_connect::request(proxy, host, port), STEP).await?;
    let mut bytes = Vec::new();
    // All heads together, informational ones too.
    let mut limits = http_connect::LIMITS;
    loop {
        let mut scanner = HeadScanner::new(&limits);
        let (response, len) = loop {
            if let Some(head) = scanner.scan(&bytes).map_err(too_large)? {
                break (head.response().map_err(ProxyError::Head)?, head.len());
            }
            match read_some(stream, &mut bytes).await {
                Ok(0) => return Err(ProxyError::Closed(STEP)),
                Ok(_) => {}
                Err(error) => return Err(ProxyError::from_transport(STEP, error)),
            }
        };
        bytes.drain(..len);
        limits.max_bytes -= len;
        match http_connect::meaning(&response) {
            Meaning::Informational => {}
            Meaning::Tunnel => return Ok(bytes),
            Meaning::Challenge => {
                let response = with_body(stream, response, bytes).await;
                return Err(ProxyError::AuthenticationRequired(response));
            }
            Meaning::Refusal => {
                let response = with_body(stream, response, bytes).await;
                return Err(ProxyError::Status(response));
            }
        }
    }
}

/// The limit in the error is the one of all heads.
fn too_large(error: HeadError) -> ProxyError {
    ProxyError::Head(match error {
        HeadError::TooLarge(_) => HeadError::TooLarge(http_connect::LIMITS.max_bytes),
        other => other,
    })
}

async fn with_body(
    stream: &mut (impl AsyncRead + Unpin),
    response: Response<()>,
    early: Vec<u8>,
) -> Box<Response<bytes::Bytes>> {
    let mut body = Vec::new();
    read_body(stream, &response, early, &mut body).await;
    Box::new(response.map(|()| body.into()))
}

async fn socks<S>(stream: &mut S, proxy: &Proxy, host: &str, port: u16) -> Result<(), ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // What cannot be said is found before anything is.
    let request = socks5::connect(host, port)?;
    let login = proxy.login().map(socks5::login).transpose()?;

    let step = ProxyStep::SocksMethod;
    write(stream, socks5::greeting(login.is_some()), step).await?;
    let chosen = socks5::method(read(stream, step).await?, login.is_some())?;
    if let (Method::Password, Some(login)) = (chosen, login) {
        let step = ProxyStep::SocksLogin;
        write(stream, &login, step).await?;
        socks5::login_reply(read(stream, step).await?)?;
    }
    let step = ProxyStep::SocksConnect;
    write(stream, &request, step).await?;
    socks5::reply(read::<{ socks5::REPLY }>(stream, step).await?)?;
    let rest = socks5::bytes_after(read(stream, step).await?)?;
    // A name has at most 255 bytes.
    let mut address = [0; 255 + 2];
    let reading = stream.read_exact(&mut address[..rest]).await;
    reading.map(drop).map_err(|error| ProxyError::from_transport(step, error))
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    step: ProxyStep,
) -> Result<(), ProxyError> {
    let writing = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    writing.await.map_err(|error: io::Error| ProxyError::from_transport(step, error))
}

/// Reads exactly as many bytes, so that none of the server's is among them.
async fn read<const N: usize>(
    stream: &mut (impl AsyncRead + Unpin),
    step: ProxyStep,
) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    match stream.read_exact(&mut bytes).await {
        Ok(_) => Ok(bytes),
        Err(error) => Err(ProxyError::from_transport(step, error)),
    }
}
