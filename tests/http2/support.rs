//! A server that is `h2` and no more, so that a test says what it sends.

#![allow(dead_code, unreachable_pub, reason = "a test binary has no outside")]

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bowstring::handshake::ClientRequest;
use bowstring::hyper::{Rejection, Upgrading};
use bowstring::net::Transport;
use bowstring::net::http2::{Http2Stream, Session};
use bowstring::{Config, Error, WebSocket};
use bowstring_testing::frames::Frame;
use bowstring_testing::http2::{self, types::GOAWAY};
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A server's settings: it offers the protocol.
pub fn offering() -> Builder {
    let mut builder = Builder::new();
    builder.enable_connect_protocol();
    builder
}

pub fn request() -> ClientRequest {
    ClientRequest::new("ws://example.com/chat".parse().unwrap())
}

/// What a server's connection is told to do.
#[derive(Debug)]
pub enum Order {
    /// GOAWAY; streams that are open go on.
    GoAway,
    /// GOAWAY with this code; it is the end of all streams.
    Abort(Reason),
}

/// The server's side of a connection. It is driven by a task.
pub struct Server {
    pub requests: mpsc::UnboundedReceiver<(Request<RecvStream>, SendResponse<Bytes>)>,
    orders: mpsc::UnboundedSender<Order>,
    pub task: JoinHandle<Result<(), h2::Error>>,
}

/// One stream, seen from the server.
#[derive(Debug)]
pub struct Peer {
    pub request: Request<()>,
    pub reading: RecvStream,
    pub writing: SendStream<Bytes>,
    read: Vec<u8>,
}

impl Server {
    pub fn start(io: DuplexStream, builder: Builder) -> Self {
        let (found, requests) = mpsc::unbounded_channel();
        let (orders, ordered) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let connection = builder.handshake(io).await?;
            drive(connection, found, ordered).await
        });
        Self { requests, orders, task }
    }

    pub fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// The next request, which is not answered.
    pub async fn request(&mut self) -> (Request<RecvStream>, SendResponse<Bytes>) {
        self.requests.recv().await.expect("a request")
    }

    /// The next stream, accepted with an answer of so many header fields.
    pub async fn accept_with(&mut self, response: Response<()>) -> Peer {
        let (request, mut respond) = self.request().await;
        let (parts, reading) = request.into_parts();
        let writing = respond.send_response(response, false).unwrap();
        Peer { request: Request::from_parts(parts, ()), reading, writing, read: Vec::new() }
    }

    pub async fn accept(&mut self) -> Peer {
        self.accept_with(Response::new(())).await
    }
}

async fn drive(
    mut connection: Connection<DuplexStream, Bytes>,
    found: mpsc::UnboundedSender<(Request<RecvStream>, SendResponse<Bytes>)>,
    mut ordered: mpsc::UnboundedReceiver<Order>,
) -> Result<(), h2::Error> {
    poll_fn(|cx| {
        while let Poll::Ready(Some(order)) = ordered.poll_recv(cx) {
            match order {
                Order::GoAway => connection.graceful_shutdown(),
                Order::Abort(reason) => connection.abrupt_shutdown(reason),
            }
        }
        loop {
            match connection.poll_accept(cx) {
                // A test that is not interested has dropped the receiver.
                Poll::Ready(Some(accepted)) => drop(found.send(accepted?)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

impl Peer {
    /// Sends bytes as one DATA frame, if windows allow.
    pub fn send(&mut self, bytes: impl Into<Bytes>) {
        self.writing.send_data(bytes.into(), false).unwrap();
    }

    /// The next DATA frame; `None` at END_STREAM.
    pub async fn data(&mut self) -> Option<Result<Bytes, h2::Error>> {
        let data = self.reading.data().await?;
        if let Ok(data) = &data {
            self.reading.flow_control().release_capacity(data.len()).unwrap();
        }
        Some(data)
    }

    /// The next WebSocket frame; `None` at END_STREAM.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = Frame::parse(&self.read) {
                self.read.drain(..len);
                return Some(frame);
            }
            let data = self.data().await?.unwrap();
            self.read.extend_from_slice(&data);
        }
    }

    /// How the stream was reset.
    pub async fn reset(&mut self) -> Reason {
        loop {
            match self.data().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.reason().unwrap(),
                None => panic!("END_STREAM instead of a reset"),
            }
        }
    }
}

/// A client's connection and its server.
pub async fn pair_with(builder: Builder) -> (Result<Session, Error>, Server) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let server = Server::start(far, builder);
    (Session::over(near, &Config::default()).await, server)
}

pub async fn pair() -> (Session, Server) {
    let (session, server) = pair_with(offering()).await;
    (session.unwrap(), server)
}

/// One WebSocket and its peer.
pub async fn open(session: &Session, server: &mut Server) -> (WebSocket<Http2Stream>, Peer) {
    let (config, request) = (Config::default(), request());
    let (opened, peer) = tokio::join!(session.open(&request, &config), server.accept());
    (opened.unwrap().0, peer)
}

/// The WebSockets that a server on hyper has accepted.
pub type Accepted = mpsc::UnboundedReceiver<WebSocket<Transport>>;

/// A server on hyper over this transport: every request becomes a WebSocket with these settings.
pub fn serve_with(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    config: Config,
    set: impl FnOnce(&mut auto::Builder<TokioExecutor>),
) -> (Accepted, JoinHandle<()>) {
    let (found, accepted) = mpsc::unbounded_channel();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    bowstring::hyper::configure(&mut builder, &config);
    set(&mut builder);
    let config = Arc::new(config);
    let service = service_fn(move |mut request| {
        let (config, found) = (Arc::clone(&config), found.clone());
        async move {
            let answer = Upgrading::from_request(&mut request)
                .map(|upgrading| upgrading.choose_protocol(&["chat"]))
                .and_then(|upgrading| upgrading.accept(&config))
                .map(|(response, pending)| {
                    // A stream that was reset meanwhile is of no interest.
                    tokio::spawn(async move {
                        if let Ok(ws) = pending.await {
                            let _ = found.send(ws);
                        }
                    });
                    response.map(|()| String::new())
                });
            Ok::<_, Infallible>(answer.unwrap_or_else(Rejection::into_response))
        }
    });
    let task = tokio::spawn(async move {
        // How it ends is for the tests to see at the other end.
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(io), service).await;
    });
    (accepted, task)
}

/// A client's session and a server on hyper, with the defaults.
pub async fn hyper_pair() -> (Session, Accepted) {
    let (near, far) = tokio::io::duplex(64 << 10);
    let (accepted, _) = serve_with(far, Config::default(), |_| {});
    (Session::over(near, &Config::default()).await.unwrap(), accepted)
}

/// Echoes until the peer has closed.
pub async fn echo(mut ws: WebSocket<Transport>) {
    while let Ok(Some(message)) = ws.recv().await {
        if ws.feed(message).await.is_err() {
            break;
        }
    }
}

/// Echoes on all WebSockets that are accepted.
pub fn echo_all(mut accepted: Accepted) {
    tokio::spawn(async move {
        while let Some(ws) = accepted.recv().await {
            tokio::spawn(echo(ws));
        }
    });
}

/// A client of HTTP/2 that writes bytes and reads frames: it does what a library would not.
pub struct Raw {
    io: DuplexStream,
    unread: Vec<u8>,
}

impl Raw {
    /// It has sent the preface and these settings. What comes is not looked at.
    pub async fn new(io: DuplexStream, settings: &[(u16, u32)]) -> Self {
        let mut raw = Self { io, unread: Vec::new() };
        raw.send(&[http2::PREFACE, &http2::settings(settings)].concat()).await;
        raw
    }

    /// A server's side: it has sent these settings, and read the client's preface.
    pub async fn server(mut io: DuplexStream, settings: &[(u16, u32)]) -> Self {
        io.write_all(&http2::settings(settings)).await.unwrap();
        let mut preface = [0; http2::PREFACE.len()];
        io.read_exact(&mut preface).await.unwrap();
        assert_eq!(preface, http2::PREFACE);
        Self { io, unread: Vec::new() }
    }

    /// Whether the peer took it; `false` once the connection has ended.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.io.write_all(bytes).await.is_ok()
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        if self.io.write_all(bytes).await.is_err() {
            let ended = self.frame(GOAWAY).await;
            panic!("GOAWAY: {}", String::from_utf8_lossy(&ended.payload));
        }
    }

    /// The next frame of any kind; `None` at the end.
    pub async fn any(&mut self) -> Option<http2::Frame> {
        loop {
            if let Some((frame, len)) = http2::Frame::parse(&self.unread) {
                self.unread.drain(..len);
                return Some(frame);
            }
            if self.io.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next frame of this kind.
    pub async fn frame(&mut self, kind: u8) -> http2::Frame {
        loop {
            let frame = self.any().await.expect("the connection has ended");
            if frame.kind == kind {
                return frame;
            }
            assert!(frame.kind != GOAWAY, "GOAWAY with code {}", frame.code());
        }
    }
}
