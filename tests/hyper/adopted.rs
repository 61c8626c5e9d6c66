//! Connections that a [`Server`] without listeners adopts, and the graceful shutdown of both.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bowstring::hyper::{Rejection, Upgrading};
use bowstring::net::connect_over;
use bowstring::server::{Server, ServerConnection, ServerHandle, ServerLimits};
use bowstring::{Config, Error, Message};
use bowstring_testing::io::poll::not_yet;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{DuplexStream, duplex};

use super::support::*;

async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

fn upgrade(
    server: &ServerHandle,
    request: &mut Request<Incoming>,
) -> Result<Response<String>, Rejection> {
    let upgrading = Upgrading::from_request(request)?;
    let peer: SocketAddr = "192.0.2.1:4000".parse().unwrap();
    let permit = match server.admit(peer) {
        Ok(permit) => permit.path(request.uri().path()),
        Err(error) => return Ok(Response::<String>::from(error)),
    };
    let (response, pending) = upgrading.accept(permit.config())?;
    permit.adopt(pending, echo);
    Ok(response.map(|()| String::new()))
}

/// One connection to it.
fn connection(server: &Arc<ServerHandle>, graceful: &GracefulShutdown) -> DuplexStream {
    let (near, far) = duplex(64 << 10);
    let (server, watcher) = (Arc::clone(server), graceful.watcher());
    let service = service_fn(move |mut request| {
        let server = Arc::clone(&server);
        async move {
            let answer = upgrade(&server, &mut request);
            Ok::<_, Infallible>(answer.unwrap_or_else(Rejection::into_response))
        }
    });
    tokio::spawn(async move {
        let builder = configured();
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(far), service);
        let _ = watcher.watch(serving.into_owned()).await;
    });
    near
}

fn server() -> (Arc<ServerHandle>, GracefulShutdown) {
    (Arc::new(Server::new().handle()), GracefulShutdown::new())
}

/// Over HTTP/2 hyper waits for the last WebSocket, so the server has to close them.
#[tokio::test]
async fn shutdown_over_http_2() {
    let (server, graceful) = server();
    let mut client = Client::new(connection(&server, &graceful)).await;
    let mut streams = [client.open().await, client.open().await];
    for stream in &mut streams {
        stream.echo("hello").await;
    }
    let shutdown = graceful.shutdown();
    tokio::pin!(shutdown);
    not_yet(&mut shutdown);
    // hyper says that it is going, and the sockets go on.
    client.settle().await;
    for stream in &mut streams {
        stream.echo("still there").await;
    }
    not_yet(&mut shutdown);
    server.drain();
    let clients = async {
        for stream in &mut streams {
            let close = stream.frame().await.unwrap();
            assert_eq!((close.first(), close.code()), (0x88, 1001));
            stream.send(bowstring_testing::frames::client_close(1001, ""));
            assert!(stream.frame().await.is_none());
            stream.send.send_data(Default::default(), true).unwrap();
        }
        // The client has no other stream on its way.
        drop(client);
    };
    let (report, (), ()) = tokio::join!(server.drained(), shutdown, clients);
    assert_eq!((report.open, report.closed), (0, 2), "{report:?}");
}

/// Over HTTP/1.1 it does not wait: the connections are the server's.
#[tokio::test]
async fn shutdown_over_http_1_1() {
    let (server, graceful) = server();
    let near = connection(&server, &graceful);
    let (mut ws, _) = connect_over(near, &request(), &Config::default()).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
    graceful.shutdown().await;
    ws.send("still there").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("still there")));
    server.drain();
    let (report, closed) = tokio::join!(server.drained(), async {
        let closed = ws.recv().await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), None);
        closed
    });
    let Some(Message::Close(Some(close))) = closed else { panic!("{closed:?}") };
    assert_eq!(u16::from(close.code), 1001);
    assert_eq!((report.open, report.closed), (0, 1), "{report:?}");
}

/// What the server refuses is told before the answer.
#[tokio::test]
async fn full_and_draining() {
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let server = Arc::new(Server::new().limits(limits).handle());
    let graceful = GracefulShutdown::new();
    let mut client = Client::new(connection(&server, &graceful)).await;
    let mut first = client.open().await;
    first.echo("hello").await;
    let connect = || connect(Some("websocket"), &[VERSION_13]);
    assert_eq!(client.ask(connect()).await.response.status(), 503);
    server.drain();
    assert_eq!(client.ask(connect()).await.response.status(), 503);
    let report = server.report();
    assert_eq!((report.refusals.full, report.refusals.draining), (1, 1), "{report:?}");
}
