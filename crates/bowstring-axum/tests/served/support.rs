//! Servers on ports of the system's choice, and their clients.

use std::net::SocketAddr;

use axum::Router;
use axum::serve::ListenerExt;
use bowstring::handshake::ClientRequest;
use bowstring::net::http2::{Http2Stream, Session};
use bowstring::net::{Transport, connect_with};
use bowstring::{Config, Error, Message, WebSocket};
use bowstring_testing::io::wait::soon;
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves as programs do: with `axum::serve`.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // Over HTTP/1.1 the upgrade sets it; over HTTP/2 nobody else does.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        axum::serve(listener, app.into_make_service()).await.unwrap();
    });
    address
}

/// A client's settings: it sees pings and pongs, and is silent by itself.
pub(crate) fn seeing() -> Config {
    let mut config = Config::default();
    config.report_pings = true;
    config.timeouts.keep_alive = None;
    config.deflate = None;
    config
}

pub(crate) fn request(address: SocketAddr, path: &str, protocols: &[&str]) -> ClientRequest {
    let request = ClientRequest::new(format!("ws://{address}{path}").parse().unwrap());
    protocols.iter().fold(request, |request, name| request.protocol(*name))
}

/// Connects by HTTP/1.1.
pub(crate) async fn h1(
    address: SocketAddr,
    path: &str,
    protocols: &[&str],
) -> Result<(WebSocket<Transport>, Response<()>), Error> {
    let request = request(address, path, protocols);
    let (ws, response) = soon("the handshake", connect_with(request, &seeing())).await?;
    Ok((ws, response.map(drop)))
}

/// A connection of HTTP/2 by prior knowledge.
pub(crate) async fn session(address: SocketAddr) -> Session {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    soon("HTTP/2", Session::over(stream, &Config::default())).await.unwrap()
}

/// Connects by HTTP/2.
pub(crate) async fn h2(
    address: SocketAddr,
    path: &str,
    protocols: &[&str],
) -> Result<(WebSocket<Http2Stream>, Response<()>), Error> {
    let session = session(address).await;
    soon("the handshake", session.open(&request(address, path, protocols), &seeing())).await
}

/// The next message.
pub(crate) async fn next<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<S>) -> Message {
    soon("a message", ws.recv()).await.unwrap().expect("a message")
}

/// The next text.
pub(crate) async fn text<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<S>) -> String {
    match next(ws).await {
        Message::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Sends these bytes and reads what comes until the server has ended the connection, or as much as is `enough`.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8], enough: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    while answer.len() < enough {
        if soon("an answer", stream.read_buf(&mut answer)).await.unwrap() == 0 {
            break;
        }
    }
    answer
}

/// A client without rules: its handshake is made, and what it sends is bytes.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = bowstring_testing::handshake::request_to("localhost", "");
        let request = request.replace("GET / ", &format!("GET {path} "));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(soon("a 101", stream.read_buf(&mut read)).await.unwrap(), 0);
        };
        assert!(read.starts_with(b"HTTP/1.1 101 "), "{}", read.escape_ascii());
        read.drain(..head);
        Self { stream, read }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// All that the server still says, and whether it has reset the connection after that.
    pub(crate) async fn rest(mut self) -> (Vec<u8>, bool) {
        loop {
            match soon("the end", self.stream.read_buf(&mut self.read)).await {
                Ok(0) => return (self.read, false),
                Ok(_) => {}
                Err(_) => return (self.read, true),
            }
        }
    }
}
