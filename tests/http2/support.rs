//! A server that is `h2` and no more, so that a test says what it sends.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::future::poll_fn;
use std::task::Poll;

use bowstring::handshake::ClientRequest;
use bowstring::net::http2::{Http2Stream, Session};
use bowstring::{Config, Error, WebSocket};
use bowstring_testing::frames::Frame;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::io::DuplexStream;
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
