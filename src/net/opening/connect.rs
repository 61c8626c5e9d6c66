//! The short forms of a [`Connector`], and the handshake over a transport of the caller.

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};

use super::client::ask;
use super::clock::Clock;
use super::connector::Connector;
use super::transport::Transport;
use crate::handshake::IntoClientRequest;
use crate::net::config::Config;
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;
use crate::net::socket::span::follow;
use crate::net::socket::websocket::WebSocket;

/// Connects to a `ws://` or `wss://` address, with the defaults of a [`Connector`].
///
/// The address is a text, a URI, or a request of the crate `http`: see [`IntoClientRequest`].
///
/// Gives the connection and the server's answer. Redirects are not followed: see [`Error::Status`].
///
/// ```no_run
/// # async fn hello() -> Result<(), bowstring::Error> {
/// let (mut ws, _response) = bowstring::connect("ws://127.0.0.1:9001/").await?;
/// ws.send("hello").await?;
/// println!("{:?}", ws.recv().await?);
/// ws.close(1000, "").await?;
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
/// As for [`Connector::connect`].
pub async fn connect(
    request: impl IntoClientRequest,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    Connector::new().connect(request).await
}

/// Connects with a request of yours (header fields, subprotocols) and a configuration of yours. A
/// [`Connector`] has more settings.
///
/// ```no_run
/// # use bowstring::{Config, handshake::{ClientRequest, Uri}};
/// # async fn hello() -> Result<(), bowstring::Error> {
/// let uri: Uri = "ws://example.com/chat".parse()?;
/// let request = ClientRequest::new(uri).protocol("chat.v2").header("Authorization", "Bearer …");
/// let (ws, _response) = bowstring::net::connect_with(&request, &Config::default()).await?;
/// assert_eq!(ws.protocol(), Some("chat.v2"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As for [`Connector::connect`].
pub async fn connect_with(
    request: impl IntoClientRequest,
    config: &Config,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    Connector::new().config(config.clone()).connect(request).await
}

/// Makes the opening handshake over a transport of yours: TLS by another library, a Unix socket, the tunnel of
/// a proxy.
///
/// The transport keeps its type, and no TLS is added: see [`Connector::connect_through`] for that.
///
/// ```no_run
/// # use bowstring::{Config, handshake::ClientRequest, net::connect_over};
/// # async fn hello() -> Result<(), bowstring::Error> {
/// let stream = tokio::net::UnixStream::connect("/run/chat.sock").await?;
/// // The URI is for the request alone: its path and its host.
/// let request = ClientRequest::new("ws://localhost/chat".parse()?);
/// let (mut ws, _response) = connect_over(stream, &request, &Config::default()).await?;
/// ws.send("hello").await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As for [`Connector::connect`].
pub async fn connect_over<S>(
    stream: S,
    request: impl IntoClientRequest,
    config: &Config,
) -> Result<(WebSocket<S>, Response<()>), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let request = &request.into_client_request()?;
    let opening = async {
        let clock = Clock::start(config.handshake_timeout);
        let answer = clock.step(OpeningStep::Handshake, None, ask(stream, request, config));
        answer.await?.read(config, &clock).await
    };
    follow(request.uri(), opening, WebSocket::traced).await
}
