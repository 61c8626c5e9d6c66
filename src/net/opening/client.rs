//! The client's side of the opening handshake (§4.1), over a transport that leads to the server.

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::body::read_body;
use super::clock::Clock;
use super::head::{no_delay, read_head};
use crate::handshake::{Agreed, ClientRequest, Head, HeadError, ResponseError, check_response};
use crate::net::compression;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::net::keys::{masking_key, nonce};
use crate::net::socket::websocket::WebSocket;
use crate::proto::Role;

/// What a server answers.
pub(super) struct Answer<S> {
    stream: S,
    response: Response<()>,
    /// What came after its head.
    early: Vec<u8>,
    /// What goes with it if it is 101.
    agreed: Option<Agreed>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Answer<S> {
    /// That of a server that has accepted the request already.
    pub(super) fn accepted(stream: S, agreed: Agreed, response: Response<()>) -> Self {
        Self { stream, response, early: Vec::new(), agreed: Some(agreed) }
    }

    pub(super) const fn response(&self) -> &Response<()> {
        &self.response
    }

    /// Closes the connection.
    pub(super) fn into_response(self) -> Response<()> {
        self.response
    }

    /// Makes the connection of it; or reads the body of a refusal, as far as it comes in time: its
    /// status counts anyway.
    pub(super) async fn read(
        self,
        config: &Config,
        clock: &Clock,
    ) -> Result<(WebSocket<S>, Response<()>), Error> {
        let Self { mut stream, response, early, agreed } = self;
        let Some(agreed) = agreed else {
            let mut body = Vec::new();
            let reading = read_body(&mut stream, &response, early, &mut body);
            clock.before_end(reading).await;
            return Err(Error::Status(Box::new(response.map(|()| body.into()))));
        };
        let role = Role::Client(masking_key);
        Ok((WebSocket::from_agreed(stream, role, early, agreed, config), response))
    }
}

/// Sends the request and reads the head of the answer.
pub(super) async fn ask<S>(
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
