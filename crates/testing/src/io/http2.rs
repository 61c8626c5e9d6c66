//! A stream of HTTP/2 as a transport, and a relay between WebSockets over HTTP/1.1 (RFC 6455 §4) and over HTTP/2
//! (RFC 8441). The relay looks at the opening handshake alone: what follows it passes on as it comes.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, Bytes};
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, StatusCode, Version};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::handshake::request_to;

/// The windows of a peer that is not what is measured.
const WINDOW: u32 = 16 << 20;

/// A stream of HTTP/2 as a transport. CANCEL and NO_ERROR count as its end.
#[derive(Debug)]
pub struct H2Stream {
    /// The direction that is read.
    pub reading: RecvStream,
    /// The direction that is written.
    pub writing: SendStream<Bytes>,
    unread: Bytes,
}

impl H2Stream {
    /// Of both directions.
    pub fn new(reading: RecvStream, writing: SendStream<Bytes>) -> Self {
        Self { reading, writing, unread: Bytes::new() }
    }
}

impl AsyncRead for H2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let ends = [Some(Reason::CANCEL), Some(Reason::NO_ERROR)];
        while self.unread.is_empty() {
            self.unread = match ready!(self.reading.poll_data(cx)) {
                Some(Ok(data)) => data,
                Some(Err(error)) if !ends.contains(&error.reason()) => {
                    return Poll::Ready(Err(io::Error::other(error)));
                }
                _ => return Poll::Ready(Ok(())),
            };
        }
        let len = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..len]);
        self.unread.advance(len);
        let _ = self.reading.flow_control().release_capacity(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for H2Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writing.reserve_capacity(bytes.len());
        while self.writing.capacity() == 0 {
            match ready!(self.writing.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let len = self.writing.capacity().min(bytes.len());
        let data = Bytes::copy_from_slice(&bytes[..len]);
        Poll::Ready(self.writing.send_data(data, false).map(|()| len).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.writing.send_data(Bytes::new(), true).map_err(io::Error::other))
    }
}

/// A client of HTTP/2 over this transport, once the server has said that it offers WebSockets. A task drives it.
pub async fn client(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Bytes>, h2::Error> {
    let (client, mut connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .data_frame_budget(WINDOW as usize)
        .handshake(stream)
        .await?;
    let mut pings = connection.ping_pong().expect("nobody else has it");
    tokio::spawn(connection);
    // The answer comes after the settings.
    pings.ping(h2::Ping::opaque()).await?;
    assert!(client.is_extended_connect_protocol_enabled(), "the server offers no WebSockets");
    Ok(client)
}

/// Takes WebSockets over HTTP/1.1 and passes each on as a stream of one connection of HTTP/2, until accepting fails.
pub async fn relay_to_http2(listener: TcpListener, client: SendRequest<Bytes>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let client = client.clone();
        // How one ends is for the peers to see: each end is passed on.
        tokio::spawn(async move { drop(to_http2(stream, client).await) });
    }
}

async fn to_http2(mut stream: TcpStream, client: SendRequest<Bytes>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (head, early) = read_head(&mut stream).await?;
    let target = head.start.split(' ').nth(1).ok_or(io::ErrorKind::InvalidData)?.to_owned();
    let host = head.field("host").unwrap_or("localhost");
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .version(Version::HTTP_2)
        .uri(format!("http://{host}{target}"));
    for (name, value) in &head.fields {
        if !["host", "upgrade", "connection", "sec-websocket-key"].contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let mut request = request.body(()).map_err(io::Error::other)?;
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let mut client = client.ready().await.map_err(io::Error::other)?;
    let (response, writing) = client.send_request(request, false).map_err(io::Error::other)?;
    let (response, reading) = response.await.map_err(io::Error::other)?.into_parts();

    let mut answer = match response.status {
        StatusCode::OK => {
            let key = head.field("sec-websocket-key").unwrap_or_default();
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n",
                accept(key)
            )
        }
        refused => format!("HTTP/1.1 {} Refused\r\nConnection: close\r\n", refused.as_u16()),
    };
    for (name, value) in &response.headers {
        answer += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    answer += "\r\n";
    stream.write_all(answer.as_bytes()).await?;
    let mut far = H2Stream::new(reading, writing);
    far.write_all(&early).await?;
    copy_bidirectional(&mut stream, &mut far).await?;
    Ok(())
}

/// Serves HTTP/2 over this transport, and passes each stream on to a server of WebSockets over HTTP/1.1.
pub async fn relay_from_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: SocketAddr,
) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new()
        .enable_connect_protocol()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .data_frame_budget(WINDOW as usize)
        .handshake(stream)
        .await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        tokio::spawn(async move { drop(from_http2(request, respond, target).await) });
    }
    Ok(())
}

async fn from_http2(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    target: SocketAddr,
) -> io::Result<()> {
    let (parts, reading) = request.into_parts();
    let mut stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut head = request_to(&target.to_string(), "").replacen("/", path, 1);
    head.truncate(head.len() - 2);
    for (name, value) in &parts.headers {
        if name != "sec-websocket-version" {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
        }
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).await?;

    let (head, early) = read_head(&mut stream).await?;
    let status = head.start.split(' ').nth(1).unwrap_or_default();
    let status = if status == "101" { "200" } else { status };
    let mut response = Response::builder().status(status);
    for (name, value) in &head.fields {
        if ["sec-websocket-protocol", "sec-websocket-extensions"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    let response = response.body(()).map_err(io::Error::other)?;
    let writing = respond.send_response(response, false).map_err(io::Error::other)?;
    let mut near = H2Stream::new(reading, writing);
    near.write_all(&early).await?;
    copy_bidirectional(&mut near, &mut stream).await?;
    Ok(())
}

struct Head {
    start: String,
    /// Names are in lower case.
    fields: Vec<(String, String)>,
}

impl Head {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(is, _)| is == name).map(|(_, value)| &**value)
    }
}

/// A head, and what came after it.
async fn read_head(stream: &mut TcpStream) -> io::Result<(Head, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = bytes.split_off(end + 4);
            let text = String::from_utf8(bytes).map_err(io::Error::other)?;
            let mut lines = text.trim_end().split("\r\n");
            let start = lines.next().unwrap_or_default().to_owned();
            let fields = lines.filter_map(|line| line.split_once(':'));
            let fields =
                fields.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
            return Ok((Head { start, fields: fields.collect() }, early));
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > 64 << 10 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
fn accept(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::{ACCEPT, KEY};

    /// The example of §1.3.
    #[test]
    fn the_answer_to_a_key() {
        assert_eq!(accept(KEY), ACCEPT);
    }

    /// Two relays back to back are HTTP/1.1 again, byte for byte.
    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = server.local_addr().unwrap();
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(relay_from_http2(far, target));
        let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = relay.local_addr().unwrap();
        tokio::spawn(relay_to_http2(relay, client(near).await.unwrap()));

        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&crate::handshake::request("X-More: 7\r\n")).await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        let (head, _) = read_head(&mut served).await.unwrap();
        assert_eq!(head.start, "GET / HTTP/1.1");
        assert_eq!(head.field("x-more"), Some("7"));
        served.write_all(b"HTTP/1.1 101 \r\nSec-WebSocket-Protocol: a\r\n\r\nearly").await.unwrap();
        let (head, mut early) = read_head(&mut stream).await.unwrap();
        assert_eq!(head.field("sec-websocket-protocol"), Some("a"));
        assert_eq!(head.field("sec-websocket-accept"), Some(ACCEPT));
        stream.write_all(b"up").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut up = Vec::new();
        served.read_to_end(&mut up).await.unwrap();
        assert_eq!(up, b"up");
        drop(served);
        stream.read_to_end(&mut early).await.unwrap();
        assert_eq!(early, b"early");
    }
}
