//! Connections that a server of bowstring manages: limits, draining, the report, topics.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::MockConnectInfo;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::routing::any;
use bowstring::net::connect_with;
use bowstring::server::{Report, Server, ServerConnection, ServerHandle, ServerLimits, Topic};
use bowstring::{Config, Error, Message, Prepared};
use bowstring_axum::{Origins, WebSocket, WebSocketUpgrade};
use bowstring_testing::io::wait::soon;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::support::*;

#[derive(Clone)]
struct Shared {
    server: ServerHandle,
    room: Topic,
    failed: mpsc::UnboundedSender<axum::Error>,
}

/// A program whose WebSockets a server manages, served by axum until that server drains.
struct Program {
    address: SocketAddr,
    server: ServerHandle,
    room: Topic,
    failures: mpsc::UnboundedReceiver<axum::Error>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Program {
    async fn start(server: Server) -> Self {
        let server = server.handle();
        let (failed, failures) = mpsc::unbounded_channel();
        let shared = Shared { server: server.clone(), room: Topic::new(), failed };
        let room = shared.room.clone();
        let app = Router::new()
            .route("/echo", any(echo))
            .route("/drop", any(drop_at_once))
            .route("/room", any(join))
            .route("/fail", any(fail))
            .route("/other", any(other))
            .route("/listed", any(listed))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let serving = axum::serve(listener, app).with_graceful_shutdown(server.draining());
        let serving = tokio::spawn(async move { serving.await });
        Self { address, server, room, failures, serving }
    }

    /// Until the report says so.
    async fn report(&self, what: &str, is: impl Fn(&Report) -> bool) -> Report {
        let asking = async {
            loop {
                let report = self.server.report();
                if is(&report) {
                    return report;
                }
                tokio::task::yield_now().await;
            }
        };
        soon(what, asking).await
    }

    /// Drains; axum ends as well.
    async fn end(self) -> Report {
        self.server.drain();
        let report = soon("the server", self.server.drained()).await;
        soon("axum", self.serving).await.unwrap().unwrap();
        report
    }
}

type Peer = ConnectInfo<SocketAddr>;

async fn echo(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> Response {
    ws.protocols(["echo"]).server(&shared.server, peer).on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

async fn drop_at_once(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> Response {
    ws.server(&shared.server, peer).on_upgrade(async |_socket| {})
}

/// The handler of a server, with data and a topic.
async fn join(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> Response {
    let room = shared.room;
    ws.server(&shared.server, peer).data(room).serve(async |connection: ServerConnection<Topic>| {
        let (mut reader, writer, room) = connection.split();
        let _subscription = room.subscribe(&writer);
        while let Some(message) = reader.recv().await? {
            if let Some(text) = message.as_text() {
                room.publish(&Prepared::text(text));
            }
        }
        Ok::<_, Error>(())
    })
}

async fn fail(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> Response {
    ws.server(&shared.server, peer)
        .serve(async |_connection: ServerConnection| Err::<(), _>("it cannot go on"))
}

/// Accepts, and answers something else.
async fn other(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> StatusCode {
    let failed = shared.failed.clone();
    let ws = ws.on_failed_upgrade(move |error| failed.send(error).unwrap());
    drop(ws.server(&shared.server, peer).on_upgrade(async |_socket| {}));
    StatusCode::IM_A_TEAPOT
}

/// Has origins of its own.
async fn listed(
    ws: WebSocketUpgrade,
    ConnectInfo(peer): Peer,
    State(shared): State<Shared>,
) -> Response {
    let origins = Origins::list(["https://app.example"]).unwrap();
    ws.origins(origins).server(&shared.server, peer).on_upgrade(async |_socket| {})
}

#[track_caller]
fn status(error: Error) -> u16 {
    let Error::Status(response) = error else { panic!("{error:?}") };
    response.status().as_u16()
}

fn limited(limit: impl FnOnce(&mut ServerLimits)) -> Server {
    let mut limits = ServerLimits::default();
    limit(&mut limits);
    Server::new().limits(limits)
}

/// Over HTTP/1.1 `axum::serve` ends at once; over HTTP/2 it waits for the last stream. So what drains must close them.
#[tokio::test]
async fn draining_closes_sockets_of_both_versions_and_axum_ends() {
    let program = Program::start(Server::new()).await;
    let (mut one, _) = h1(program.address, "/echo", &["echo"]).await.unwrap();
    let session = session(program.address).await;
    let request = request(program.address, "/echo", &[]);
    let (mut two, _) = session.open(&request, &seeing()).await.unwrap();
    let (mut three, _) = session.open(&request, &seeing()).await.unwrap();
    one.send("1").await.unwrap();
    assert_eq!((&*text(&mut one).await, one.protocol()), ("1", Some("echo")));
    two.send("2").await.unwrap();
    assert_eq!(text(&mut two).await, "2");
    program.report("three are open", |report| report.open == 3).await;

    program.server.drain();
    let clients = async {
        for close in [next(&mut one).await, next(&mut two).await, next(&mut three).await] {
            let Message::Close(Some(close)) = close else { panic!("{close:?}") };
            assert_eq!(close.code, 1001);
        }
        assert_eq!(one.recv().await.unwrap(), None);
        assert_eq!(two.recv().await.unwrap(), None);
        assert_eq!(three.recv().await.unwrap(), None);
    };
    soon("the clients", clients).await;
    drop((one, two, three, session));
    let report = program.end().await;
    assert_eq!((report.closed, report.failed, report.dropped), (3, 0, 0), "{report:?}");
}

/// axum goes on for its pages here, and the WebSockets' server has ended.
#[tokio::test]
async fn a_server_that_drains_says_503() {
    let server = Server::new().handle();
    let shared = server.clone();
    let handler = async move |ws: WebSocketUpgrade, ConnectInfo(peer): Peer| {
        ws.server(&shared, peer).on_upgrade(async |_socket| {})
    };
    let app = Router::new()
        .route("/", any(handler))
        .layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4000))));
    let address = serve(app).await;
    server.drain();
    assert_eq!(status(h1(address, "/", &[]).await.unwrap_err()), 503);
    assert_eq!(status(h2(address, "/", &[]).await.map(drop).unwrap_err()), 503);
    assert_eq!(server.drained().await.refusals.draining, 2);
}

#[tokio::test]
async fn a_full_server_says_503() {
    let program = Program::start(limited(|limits| limits.connections = 1)).await;
    let (ws, _) = h1(program.address, "/echo", &[]).await.unwrap();
    for refused in [
        h1(program.address, "/echo", &[]).await.err(),
        h2(program.address, "/echo", &[]).await.err(),
    ] {
        assert_eq!(status(refused.unwrap()), 503);
    }
    drop(ws);
    program.report("room", |report| report.open == 0).await;
    let (ws, _) = h2(program.address, "/echo", &[]).await.unwrap();
    drop(ws);
    let report = program.end().await;
    assert_eq!((report.refusals.full, report.refused), (2, 2));
}

#[tokio::test]
async fn an_address_with_too_many_connections_gets_429() {
    let program = Program::start(limited(|limits| limits.per_address = Some(1))).await;
    let (ws, _) = h2(program.address, "/echo", &[]).await.unwrap();
    assert_eq!(status(h1(program.address, "/echo", &[]).await.unwrap_err()), 429);
    drop(ws);
    let report = program.end().await;
    assert_eq!(report.refusals.address, 1);
}

/// The origins of the server hold, and over HTTP/2 the host is that of `:authority`.
#[tokio::test]
async fn a_foreign_page_is_refused() {
    let program = Program::start(Server::new()).await;
    let session = session(program.address).await;
    let same = format!("http://{}", program.address);
    for (origin, refused) in [("https://evil.example", true), (&*same, false)] {
        let request = request(program.address, "/echo", &[]).header("Origin", origin);
        let h1 = soon("h1", connect_with(&request, &seeing())).await.err();
        let h2 = soon("h2", session.open(&request, &seeing())).await.err();
        for error in [h1, h2] {
            assert_eq!(error.map(status), refused.then_some(403), "{origin}");
        }
    }
    let report = program.end().await;
    assert_eq!(report.refusals.origin, 2);
}

/// Limits of the server's configuration, and its close frame at the end.
#[tokio::test]
async fn the_configuration_is_the_servers() {
    let mut config = Config::default();
    config.limits.max_message_size = 10;
    config.timeouts.close = Duration::from_secs(1);
    let program = Program::start(Server::new().config(config)).await;
    let (mut ws, _) = h1(program.address, "/echo", &[]).await.unwrap();
    // Pings are received by axum's programs, and this one sends them back.
    ws.send(Message::Ping("p".into())).await.unwrap();
    let mut got = [next(&mut ws).await, next(&mut ws).await];
    got.sort_by_key(|message| matches!(message, Message::Pong(_)));
    assert_eq!(got, [Message::Ping("p".into()), Message::Pong("p".into())]);
    ws.send("0123456789x").await.unwrap();
    // The program sends pongs back, too.
    let close = loop {
        match next(&mut ws).await {
            Message::Pong(_) => {}
            Message::Close(Some(close)) => break close,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(close.code, 1009);
    drop(ws);
    let report = program.end().await;
    assert_eq!((report.failed, report.violations), (1, 1));
}

#[tokio::test]
async fn a_socket_that_is_dropped_is_closed_by_the_server() {
    let program = Program::start(Server::new()).await;
    let (mut one, _) = h1(program.address, "/drop", &[]).await.unwrap();
    let (mut two, _) = h2(program.address, "/drop", &[]).await.unwrap();
    for message in [next(&mut one).await, next(&mut two).await] {
        let Message::Close(Some(close)) = message else { panic!("{message:?}") };
        assert_eq!(close.code, 1000);
    }
    drop((one, two));
    program.end().await;
}

/// A handler of the server's: its data, a topic, and what its error means.
#[tokio::test]
async fn handlers_of_the_server() {
    let program = Program::start(Server::new()).await;
    let (mut one, _) = h1(program.address, "/room", &[]).await.unwrap();
    let (mut two, _) = h2(program.address, "/room", &[]).await.unwrap();
    soon("both have joined", async {
        while program.room.len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    one.send("to all").await.unwrap();
    assert_eq!(text(&mut one).await, "to all");
    assert_eq!(text(&mut two).await, "to all");

    let (mut failing, _) = h1(program.address, "/fail", &[]).await.unwrap();
    let Message::Close(Some(close)) = next(&mut failing).await else { panic!() };
    assert_eq!(close.code, 1011);
    drop((one, two, failing));
    let report = program.end().await;
    assert_eq!(report.handlers_failed, 1);
}

/// An answer that is not given: both the application and the server are told.
#[tokio::test]
async fn a_place_that_was_not_used() {
    let mut program = Program::start(Server::new()).await;
    assert_eq!(status(h2(program.address, "/other", &[]).await.map(drop).unwrap_err()), 418);
    let error = soon("the callback", program.failures.recv()).await.unwrap().into_inner();
    assert!(matches!(error.downcast_ref(), Some(Error::Lost)), "{error}");
    program.report("it is counted", |report| report.refusals.unfinished == 1).await;
    program.end().await;
}

/// The server gives an upgrade up when it drains. The application is told that as well, once.
#[tokio::test]
async fn an_upgrade_that_the_server_gives_up() {
    let server = Server::new().handle();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let (begun, mut beginnings) = mpsc::unbounded_channel();
    let managing = server.clone();
    let app = Router::new().route(
        "/",
        any(async move |ws: WebSocketUpgrade| {
            let ws = ws.on_failed_upgrade(move |error| failed.send(error).unwrap());
            let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
            let response = ws.server(&managing, peer).on_upgrade(async |_socket| {});
            begun.send(()).unwrap();
            // It never gets to hyper.
            std::future::pending::<()>().await;
            response
        }),
    );
    let address = serve(app).await;
    let connecting = tokio::spawn(async move { h1(address, "/", &[]).await.map(drop) });
    soon("the answer", beginnings.recv()).await.unwrap();
    server.drain();
    let report = soon("the server", server.drained()).await;
    assert_eq!(report.refusals.unfinished, 1);
    let error = failures.try_recv().expect("it was told").into_inner();
    assert!(matches!(error.downcast_ref(), Some(Error::Lost)), "{error}");
    connecting.abort();
    assert!(connecting.await.is_err());
    assert!(failures.try_recv().is_err());
}

/// What is answered instead is a refusal, and no upgrade that did not finish.
#[tokio::test]
async fn an_origin_that_is_not_listed_is_a_refusal() {
    let program = Program::start(Server::new()).await;
    let request = request(program.address, "/listed", &[]).header("Origin", "https://evil.example");
    let error = soon("h1", connect_with(&request, &seeing())).await.unwrap_err();
    assert_eq!(status(error), 403);
    let report = program.end().await;
    assert_eq!((report.refusals.hook, report.refusals.unfinished), (1, 0), "{report:?}");
}
