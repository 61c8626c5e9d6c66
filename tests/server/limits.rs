//! How many are let in, and what becomes of the others.

use bowstring::server::Limits;
use bowstring::{Config, Error};
use http::StatusCode;
use tokio::net::TcpStream;

use crate::{Running, local, soon, start};

async fn limited(set: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = Limits::default();
    set(&mut limits);
    start(local().await.limits(limits), crate::echo)
}

async fn refused(server: &Running) -> StatusCode {
    match server.try_connect("/").await {
        Err(Error::Status(response)) => {
            assert!(!response.body().is_empty());
            response.status()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s36_as_many_connections_as_there_may_be() {
    let server = limited(|limits| limits.connections = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(server.connect().await);
    }
    for _ in 0..5 {
        assert_eq!(refused(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    open.pop().unwrap().close(1000, "").await.unwrap();
    server.open(2).await;
    let mut again = server.connect().await;
    again.send("there is room again").await.unwrap();
    assert!(again.recv().await.unwrap().is_some());
    let report = server.handle.report();
    assert_eq!((report.open, report.closed, report.refused), (3, 1, 5), "{report:?}");
}

#[tokio::test]
async fn s36_as_many_from_one_address_as_there_may_be() {
    let server = limited(|limits| limits.per_address = Some(2)).await;
    let mut first = server.connect().await;
    let _second = server.connect().await;
    assert_eq!(refused(&server).await, StatusCode::TOO_MANY_REQUESTS);
    // Who comes from elsewhere is let in.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let request = format!("ws://{}/", server.address).parse().unwrap();
    let request = bowstring::handshake::ClientRequest::new(request);
    bowstring::net::connect_over(stream, &request, &Config::default()).await.unwrap();
    first.close(1000, "").await.unwrap();
    soon("a place", async { while server.try_connect("/").await.is_err() {} }).await;
}

#[tokio::test]
async fn s23_as_many_handshakes_as_there_may_be() {
    let mut config = Config::default();
    config.handshake_timeout = std::time::Duration::from_millis(200);
    let mut limits = Limits::default();
    limits.handshakes = 2;
    let server = start(local().await.config(config).limits(limits), crate::echo);
    let silent: Vec<_> = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ]
    .into();
    // It waits until the silent have had their time, and no longer.
    let mut ws = server.connect().await;
    ws.send("at last").await.unwrap();
    assert!(ws.recv().await.unwrap().is_some());
    drop(silent);
}
