//! Adopted connections and the graceful shutdown of hyper, over HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::hyper::Upgrading;
use bowstring::net::http2::Session;
use bowstring::net::{Transport, connect_over};
use bowstring::server::{
    HandlerOutcome, Report, Server, ServerConnection, ServerHandle, ServerLimits,
};
use bowstring::{Config, Error, Message, WebSocket};
use bowstring_testing::io::wait::soon;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

/// hyper, and a server without listeners that adopts its WebSockets.
struct Site {
    server: ServerHandle,
    graceful: GracefulShutdown,
}

impl Site {
    fn new(server: &Server) -> Self {
        Self { server: server.handle(), graceful: GracefulShutdown::new() }
    }

    /// A connection to it.
    fn connect<H, F>(&self, handler: H) -> DuplexStream
    where
        H: Fn(ServerConnection) -> F + Copy + Send + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let (near, far) = duplex(64 << 10);
        let server = self.server.clone();
        let service = service_fn(move |mut request| {
            let answer = answer(&server, &mut request, handler);
            async { Ok::<_, Infallible>(answer) }
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().enable_connect_protocol();
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(far), service);
        let watched = self.graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            let _ = watched.await;
        });
        near
    }
}

/// What an application writes.
fn answer<H, F>(
    server: &ServerHandle,
    request: &mut Request<Incoming>,
    handler: H,
) -> Response<String>
where
    H: Fn(ServerConnection) -> F + Send + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let permit = match server.admit(SocketAddr::from(([192, 0, 2, 1], 4000))) {
        Ok(permit) => permit,
        Err(error) => return error.into(),
    };
    match Upgrading::from_request(request).and_then(|upgrading| upgrading.accept(permit.config())) {
        Ok((response, pending)) => {
            permit.adopt(pending, handler);
            response.map(|()| String::new())
        }
        Err(rejection) => rejection.into_response(),
    }
}

async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// Does not look at its connection any more.
async fn deaf(_ws: ServerConnection) {
    pending().await
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://example.com/chat".parse().unwrap())
}

async fn over_http_1(stream: DuplexStream) -> WebSocket<DuplexStream> {
    let opened = connect_over(stream, &request(), &Config::default()).await;
    opened.unwrap().0
}

async fn works<S: AsyncRead + AsyncWrite + Unpin>(ws: &mut WebSocket<S>) {
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
}

/// It gets 1001, and then the end.
async fn is_told<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>) {
    let told = soon("a close frame", ws.recv()).await.unwrap();
    assert!(matches!(&told, Some(Message::Close(Some(close))) if close.code == 1001), "{told:?}");
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
}

async fn drained(server: &ServerHandle) -> Report {
    server.drain();
    soon("the server's end", server.drained()).await
}

#[tokio::test(start_paused = true)]
async fn draining_closes_what_was_adopted_over_http_1_and_hyper_ends() {
    let site = Site::new(&Server::new());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut ws = over_http_1(site.connect(echo)).await;
        works(&mut ws).await;
        clients.push(ws);
    }
    // Over HTTP/1.1 hyper does not wait for what was upgraded, so the server has to.
    soon("hyper's end", site.graceful.shutdown()).await;
    assert_eq!(site.server.report().open, 3);
    works(&mut clients[0]).await;
    site.server.drain();
    for client in clients {
        is_told(client).await;
    }
    let report = drained(&site.server).await;
    assert_eq!((report.closed, report.open, report.dropped), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn draining_closes_what_was_adopted_over_http_2_and_hyper_ends() {
    let site = Site::new(&Server::new());
    let config = Config::default();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let session = Session::over(site.connect(echo), &config).await.unwrap();
        for _ in 0..3 {
            let (mut ws, _) = session.open(&request(), &config).await.unwrap();
            works(&mut ws).await;
            clients.push((ws, session.clone()));
        }
    }
    // Over HTTP/2 hyper waits for the last WebSocket.
    let mut shutdown = Box::pin(site.graceful.shutdown());
    assert!(timeout(Duration::from_secs(10), &mut shutdown).await.is_err());
    works(&mut clients[5].0).await;
    assert_eq!(site.server.report().open, 6);
    site.server.drain();
    for (client, session) in clients {
        is_told(client).await;
        drop(session);
    }
    soon("hyper's end", shutdown).await;
    let report = drained(&site.server).await;
    assert_eq!((report.closed, report.open, report.dropped), (6, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_deaf_handlers_over_both_and_hyper_ends() {
    let site = Site::new(&Server::new().drain_within(Duration::from_secs(3)));
    let config = Config::default();
    let mut one = over_http_1(site.connect(deaf)).await;
    let session = Session::over(site.connect(deaf), &config).await.unwrap();
    let (mut two, _) = session.open(&request(), &config).await.unwrap();
    soon("both", async {
        while site.server.report().open < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let started = Instant::now();
    // As an application writes it: hyper stops when the server drains.
    let (server, graceful) = (site.server, site.graceful);
    let draining = server.draining();
    let hyper = tokio::spawn(async move {
        draining.await;
        graceful.shutdown().await;
    });
    server.drain();
    assert_eq!(server.drained().await.dropped, 2);
    assert_eq!(started.elapsed().as_secs(), 3);
    // What is cut off ends without a closing handshake.
    assert!(matches!(soon("an end", one.recv()).await, Err(Error::Lost)));
    assert!(matches!(soon("an end", two.recv()).await, Err(Error::Lost)));
    drop((two, session));
    soon("hyper's end", hyper).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn abort_ends_what_was_adopted_over_both_at_once() {
    let site = Site::new(&Server::new());
    let config = Config::default();
    let mut one = over_http_1(site.connect(deaf)).await;
    let session = Session::over(site.connect(deaf), &config).await.unwrap();
    let (mut two, _) = session.open(&request(), &config).await.unwrap();
    let started = Instant::now();
    site.server.abort();
    let report = site.server.drained().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(report.dropped + report.refusals.unfinished, 2);
    assert!(soon("an end", one.recv()).await.is_err());
    assert!(soon("an end", two.recv()).await.is_err());
    drop((two, session));
    soon("hyper's end", site.graceful.shutdown()).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_the_server_drains_gets_503_over_both() {
    let site = Site::new(&Server::new());
    let config = Config::default();
    let session = Session::over(site.connect(echo), &config).await.unwrap();
    let (one, _) = session.open(&request(), &config).await.unwrap();
    site.server.drain();
    let refused = session.open(&request(), &config).await.unwrap_err();
    assert!(matches!(&refused, Error::Status(response) if response.status() == 503), "{refused:?}");
    let refused = connect_over(site.connect(echo), &request(), &config).await.unwrap_err();
    assert!(matches!(&refused, Error::Status(response) if response.status() == 503), "{refused:?}");
    is_told(one).await;
    let report = soon("the end", site.server.drained()).await;
    assert_eq!((report.refusals.draining, report.closed), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_server_says_503_over_both() {
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let site = Site::new(&Server::new().limits(limits));
    let config = Config::default();
    let session = Session::over(site.connect(echo), &config).await.unwrap();
    let (mut one, _) = session.open(&request(), &config).await.unwrap();
    works(&mut one).await;
    for refused in [
        session.open(&request(), &config).await.map(drop),
        connect_over(site.connect(echo), &request(), &config).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(
            matches!(&refused, Error::Status(response) if response.status() == 503),
            "{refused:?}"
        );
    }
    // The stream that was refused ends nothing on its connection.
    works(&mut one).await;
    let report = site.server.report();
    assert_eq!((report.refusals.full, report.open), (2, 1), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_never_returned_gives_the_place_up() {
    let server = Server::new().handle();
    let (near, far) = duplex(64 << 10);
    let handle = server.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        // To wait here for what comes after the answer is the mistake that is easily made.
        let _answer = answer(&handle, &mut request, echo);
        pending::<Result<Response<String>, Infallible>>()
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    tokio::spawn(async move {
        let _ = builder.serve_connection_with_upgrades(TokioIo::new(far), service).await;
    });
    let started = Instant::now();
    let refused = connect_over(Transport::from(near), &request(), &Config::default()).await;
    assert!(matches!(refused, Err(Error::HandshakeTimeout(_))), "{refused:?}");
    soon("the place", async {
        while server.report().refusals.unfinished < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let limit = Config::default().handshake_timeout;
    assert!(started.elapsed() >= limit && started.elapsed() < 2 * limit);
    assert_eq!(drained(&server).await.open, 0);
}
