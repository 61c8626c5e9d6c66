//! A server on bare hyper, and a client of HTTP/2 that speaks frames.

use std::convert::Infallible;
use std::future::Future;

use bowstring::handshake::ClientRequest;
use bowstring::hyper::{Pending, Rejection, Upgrading, configure};
use bowstring::net::Transport;
use bowstring::{Config, Error, WebSocket};
use bowstring_testing::frames::{Frame, client_frame};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a request becomes.
pub(super) type Answer = Result<(Response<()>, Pending), Rejection>;

/// The fields that an extended CONNECT needs.
pub(super) const VERSION_13: (&str, &str) = ("sec-websocket-version", "13");

/// Makes a WebSocket of any request, with the defaults.
pub(super) fn accept(request: &mut Request<Incoming>) -> Answer {
    Upgrading::from_request(request)?.accept(&Config::default())
}

/// Echoes until the connection has ended.
pub(super) async fn echo(mut ws: WebSocket<Transport>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// Serves one connection of HTTP/1.1 or HTTP/2 with hyper's defaults: what `answer` accepts is given to `handler`.
pub(super) async fn serve<A, H, F>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    answer: A,
    handler: H,
) where
    A: Fn(&mut Request<Incoming>) -> Answer + Clone + Send + 'static,
    H: Fn(Pending) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    serve_with(builder, stream, answer, handler).await;
}

/// The same with another builder.
pub(super) async fn serve_with<A, H, F>(
    builder: auto::Builder<TokioExecutor>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    answer: A,
    handler: H,
) where
    A: Fn(&mut Request<Incoming>) -> Answer + Clone + Send + 'static,
    H: Fn(Pending) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let service = service_fn(move |mut request| {
        let (answer, handler) = (answer.clone(), handler.clone());
        async move {
            let answer = answer(&mut request).map(|(response, pending)| {
                tokio::spawn(handler(pending));
                response.map(|()| String::new())
            });
            Ok::<_, Infallible>(answer.unwrap_or_else(Rejection::into_response))
        }
    });
    // How it ends is for the tests to see at the other end.
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

/// hyper's builder as it should be in production.
pub(super) fn configured() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    configure(&mut builder, &Config::default());
    builder
}

/// An echo server over a pipe in memory, and the pipe's other end.
pub(super) fn echo_pipe() -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    tokio::spawn(serve(far, accept, |pending| async {
        let _ = echo(pending.await.expect("hyper has sent the answer")).await;
    }));
    near
}

/// A server whose sockets are handed to the test, and the other end of its pipe.
pub(super) fn handed_over() -> (DuplexStream, mpsc::UnboundedReceiver<WebSocket<Transport>>) {
    let (near, far) = duplex(64 << 10);
    let (sender, sockets) = mpsc::unbounded_channel();
    tokio::spawn(serve(far, accept, move |pending| {
        let sender = sender.clone();
        async move {
            let ws = pending.await.expect("hyper has sent the answer");
            sender.send(ws).expect("the test waits for it");
        }
    }));
    (near, sockets)
}

/// A client of HTTP/2.
pub(super) struct Client {
    pub(super) requests: SendRequest<Bytes>,
    /// Its connection. To abort it cuts the connection.
    pub(super) connection: JoinHandle<Result<(), h2::Error>>,
    ping_pong: h2::PingPong,
}

/// A WebSocket of it, as frames.
pub(super) struct Stream {
    pub(super) response: Response<()>,
    pub(super) send: SendStream<Bytes>,
    pub(super) body: RecvStream,
    input: Vec<u8>,
}

impl Client {
    /// Connected; the server has said that it knows extended CONNECT (RFC 8441 §3).
    pub(super) async fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let mut builder = h2::client::Builder::new();
        builder.data_frame_budget(16 << 20);
        let (requests, mut connection) = builder.handshake(stream).await.expect("HTTP/2");
        let mut ping_pong = connection.ping_pong().expect("nobody else has it");
        let connection = tokio::spawn(connection);
        ping_pong.ping(h2::Ping::opaque()).await.expect("the server lives");
        assert!(requests.is_extended_connect_protocol_enabled());
        Self { requests, connection, ping_pong }
    }

    /// Waits until the server has read everything that was sent.
    pub(super) async fn settle(&mut self) {
        self.ping_pong.ping(h2::Ping::opaque()).await.expect("the server lives");
    }

    /// Asks, and gives the answer, whatever it is.
    pub(super) async fn ask(&mut self, request: Request<()>) -> Stream {
        let (response, send) = self.requests.send_request(request, false).expect("is sent");
        let (parts, body) = response.await.expect("an answer").into_parts();
        Stream { response: Response::from_parts(parts, ()), send, body, input: Vec::new() }
    }

    /// A WebSocket.
    pub(super) async fn open(&mut self) -> Stream {
        let stream = self.ask(connect(Some("websocket"), &[VERSION_13])).await;
        assert_eq!(stream.response.status(), 200);
        stream
    }
}

impl Stream {
    /// Sends one DATA frame.
    pub(super) fn send(&mut self, data: impl Into<Bytes>) {
        self.send.send_data(data.into(), false).expect("the stream is open");
    }

    /// Sends bytes as the server takes them.
    pub(super) async fn send_all(&mut self, data: impl Into<Bytes>) {
        let mut data = data.into();
        while !data.is_empty() {
            self.send.reserve_capacity(data.len());
            while self.send.capacity() == 0 {
                let room = std::future::poll_fn(|cx| self.send.poll_capacity(cx)).await;
                room.expect("the stream is open").expect("the connection lives");
            }
            let room = self.send.capacity().min(data.len());
            self.send(data.split_to(room));
        }
    }

    /// The next DATA frame; `None` is the end of the stream.
    pub(super) async fn data(&mut self) -> Option<Bytes> {
        let data = self.body.data().await?.expect("no reset");
        self.body.flow_control().release_capacity(data.len()).expect("it has come");
        Some(data)
    }

    /// The next WebSocket frame; `None` is the end of the stream.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = Frame::parse(&self.input) {
                self.input.drain(..len);
                return Some(frame);
            }
            match self.data().await {
                Some(data) => self.input.extend_from_slice(&data),
                None => {
                    assert!(self.input.is_empty(), "the end within a frame");
                    return None;
                }
            }
        }
    }

    /// Sends a text and awaits it.
    pub(super) async fn echo(&mut self, text: &str) {
        self.send(client_frame(0x81, text));
        let frame = self.frame().await.expect("an echo");
        assert_eq!((frame.first(), &*frame.payload), (0x81, text.as_bytes()));
    }

    /// The text of a refusal.
    pub(super) async fn text(&mut self) -> String {
        let mut text = Vec::new();
        while let Some(data) = self.data().await {
            text.extend_from_slice(&data);
        }
        String::from_utf8(text).expect("a text")
    }
}

/// An extended CONNECT with these further fields.
pub(super) fn connect(protocol: Option<&'static str>, fields: &[(&str, &str)]) -> Request<()> {
    connect_to("http://example.com/chat", protocol, fields)
}

/// The same to another target.
pub(super) fn connect_to(
    target: &str,
    protocol: Option<&'static str>,
    fields: &[(&str, &str)],
) -> Request<()> {
    let mut request =
        Request::builder().method(Method::CONNECT).version(Version::HTTP_2).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).expect("a legal request");
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol));
    }
    request
}

/// A request of HTTP/1.1.
pub(super) fn request() -> ClientRequest {
    ClientRequest::new("ws://example.com/chat".parse().expect("a URI"))
}
