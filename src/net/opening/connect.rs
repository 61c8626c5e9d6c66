//! The client's side of the opening handshake (§4.1).

use std::sync::Arc;

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::head::{no_delay, read_head, read_some, within};
use super::resolve::tcp;
use super::transport::Transport;
use super::{roots, tls};
use crate::handshake::{
    Agreed, BodyLength, Chunks, ClientRequest, Head, HeadError, IntoClientRequest, ResponseError,
    body_length, check_response,
};
use crate::net::compression;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::keys::{masking_key, nonce};
use crate::net::socket::websocket::WebSocket;
use crate::proto::Role;

/// How many bytes of the body of a refusal are kept.
const MAX_BODY: usize = 16 << 10;

/// How many bytes are read for it at most. Chunks of one byte each are six, and fields may follow.
const MAX_READ: usize = 8 * MAX_BODY;

/// Connects to a `ws://` or `wss://` address, with the defaults of [`Config`].
///
/// The address is a text, a URI, or a request of the crate `http`: see [`IntoClientRequest`].
///
/// Gives the connection and the server's answer. Redirects are not followed: see [`Error::Status`].
///
/// §4.1 allows one connection per host that is connecting at a time. Nothing is remembered between calls, so it
/// is up to you to keep that rule.
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
/// [`Uri`](Error::Uri), [`NoSuchHost`](Error::NoSuchHost), [`Response`](Error::Response), [`Status`](Error::Status),
/// [`HandshakeTimeout`](Error::HandshakeTimeout), or how the transport failed. For `wss://` also `Tls`, or
/// [`NeedsTls`](Error::NeedsTls) in a build without TLS.
pub async fn connect(
    request: impl IntoClientRequest,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    connect_with(request, &Config::default()).await
}

/// Connects with a request of yours (header fields, subprotocols) and a configuration of yours.
///
/// `wss://` needs a feature. `rustls-tls-native-roots` trusts the certificates that the system trusts, read once
/// per process. `rustls-tls-webpki-roots` trusts Mozilla's list. With both, Mozilla's list is used only if the
/// system has none. For other certificates, or to show one of yours, use `connect_tls`.
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
/// As for [`connect`], and [`Build`](Error::Build) if the request is not legal. Nothing was sent then.
pub async fn connect_with(
    request: impl IntoClientRequest,
    config: &Config,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    let request = &request.into_client_request()?;
    if request.uri().secure() {
        let tls = within(config.handshake_timeout, roots::default_config()).await?;
        return connect_secure(request, config, tls).await;
    }
    let answer = within(config.handshake_timeout, async {
        open(tcp(request.uri()).await?, request, config).await
    });
    answer.await?.read(config).await
}

/// Connects to a `wss://` address.
pub(super) async fn connect_secure(
    request: &ClientRequest,
    config: &Config,
    tls: Arc<tls::ClientConfig>,
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    let uri = request.uri();
    let name = tls::name(uri.host())?;
    let answer = within(config.handshake_timeout, async {
        let stream = tls::secure(tcp(uri).await?, name, tls).await?;
        // A server that does not like our certificate says so after its handshake (RFC 8446 §4.4.2.4).
        open(stream, request, config).await.map_err(tls::explain)
    });
    answer.await?.read(config).await
}

/// Makes the opening handshake over a transport of yours: TLS by another library, a Unix socket, the tunnel of
/// a proxy.
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
/// As for [`connect_with`].
pub async fn connect_over<S>(
    stream: S,
    request: impl IntoClientRequest,
    config: &Config,
) -> Result<(WebSocket<S>, Response<()>), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let request = &request.into_client_request()?;
    within(config.handshake_timeout, open(stream, request, config)).await?.read(config).await
}

/// What a server answers.
struct Answer<S> {
    stream: S,
    response: Response<()>,
    /// What came after its head.
    early: Vec<u8>,
    /// What goes with it if it is 101.
    agreed: Option<Agreed>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Answer<S> {
    /// Makes the connection of it; or reads the body of a refusal, as far as it comes in time: its
    /// status counts anyway.
    async fn read(self, config: &Config) -> Result<(WebSocket<S>, Response<()>), Error> {
        let Self { mut stream, response, early, agreed } = self;
        let Some(agreed) = agreed else {
            let mut body = Vec::new();
            let reading = read_body(&mut stream, &response, early, &mut body);
            let _ = tokio::time::timeout(config.handshake_timeout, reading).await;
            return Err(Error::Status(Box::new(response.map(|()| body.into()))));
        };
        let role = Role::Client(masking_key);
        Ok((WebSocket::from_agreed(stream, role, early, agreed, config), response))
    }
}

async fn open<S>(
    mut stream: S,
    request: &ClientRequest,
    config: &Config,
) -> Result<Answer<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let nonce = nonce();
    let request = &compression::offer(config.deflate, request);
    let head = request.write(nonce)?;
    no_delay(&stream);
    stream.write_all(&head).await?;
    stream.flush().await?;

    let mut early = Vec::new();
    let mut informational = 0;
    let response = loop {
        let parse = |head: Head<'_>| Ok((head.response()?, head.len()));
        let (response, len) =
            read_head::<_, ResponseError>(&mut stream, &mut early, &config.head, parse).await?;
        // RFC 9110 §15.2: other responses of this class only precede the final one.
        let status = response.status();
        if !status.is_informational() || status == http::StatusCode::SWITCHING_PROTOCOLS {
            break response;
        }
        informational += len;
        if informational > config.head.max_bytes {
            return Err(ResponseError::Head(HeadError::TooLarge(config.head.max_bytes)).into());
        }
    };
    let agreed = match check_response(&response, request, nonce) {
        Ok(agreed) => Some(agreed),
        Err(ResponseError::Status(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Answer { stream, response, early, agreed })
}

/// Reads the body of a refusal, as far as it comes and is wanted.
async fn read_body(
    stream: &mut (impl AsyncRead + Unpin),
    response: &Response<()>,
    mut raw: Vec<u8>,
    body: &mut Vec<u8>,
) {
    let mut chunks = Chunks::new();
    let length = body_length(response);
    let end = match length {
        BodyLength::None => 0,
        BodyLength::Known(len) => len.min(MAX_BODY as u64) as usize,
        _ => MAX_BODY,
    };
    let mut read = 0;
    loop {
        read += raw.len();
        let whole = match length {
            BodyLength::Chunked => chunks.decode(&raw, body).unwrap_or(true),
            _ => {
                body.extend_from_slice(&raw);
                false
            }
        };
        body.truncate(end);
        raw.clear();
        // A transport that fails here ends the body as well as any.
        let enough = whole || body.len() == end || read > MAX_READ;
        if enough || !matches!(read_some(stream, &mut raw).await, Ok(1..)) {
            break;
        }
    }
}
