//! Both ends for long: large messages, two tasks, floods, pieces.

use std::time::Duration;

use bowstring::net::Transport;
use bowstring::server::{Server, ServerConnection};
use bowstring::{Error, Message, WebSocket};
use bowstring_testing::random::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::*;

/// A payload that tells its number; not to be compressed away.
fn payload(number: usize, len: usize) -> Vec<u8> {
    Random::new(number as u64).bytes(len)
}

const SIZES: [usize; 10] =
    [0, 1, 125, 126, 65_535, 65_536, 16 << 10, 1 << 20, (1 << 20) + 1, 4 << 20];

async fn echoes(ws: &mut WebSocket<Transport>, sizes: &[usize]) {
    for (number, &len) in sizes.iter().enumerate() {
        let data = payload(number, len);
        let send = data.clone();
        ws.send(&send).await.unwrap();
        let echo = in_time(ws.recv()).await.unwrap().unwrap();
        assert!(echo.as_bytes() == data, "{len} bytes");
    }
    in_time(ws.close(1000, "")).await.unwrap();
}

#[tokio::test]
async fn messages_of_all_sizes_come_back() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let mut ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    echoes(&mut ws, &SIZES).await;
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (1, 0), "{report:?}");
}

/// A client in two tasks against a server in one: neither waits for the other for ever.
#[tokio::test]
async fn a_split_client_floods_an_echo() {
    let authority = Authority::new();
    let server = Echo::new(authority.issue(&["localhost"]).tls()).await;
    let ws = server.connect("localhost", &trusting([&authority])).await.unwrap();
    let (mut reader, writer) = ws.split();
    let count = 16;
    let sending = tokio::spawn(async move {
        for number in 0..count {
            writer.send(&payload(number, 1 << 20)).await?;
        }
        writer.close(1000, "").await
    });
    for number in 0..count {
        let echo = in_time(reader.recv()).await.unwrap().unwrap();
        assert!(echo.as_bytes() == payload(number, 1 << 20), "message {number}");
    }
    assert!(matches!(in_time(reader.recv()).await.unwrap(), Some(Message::Close(_))));
    assert!(in_time(reader.recv()).await.unwrap().is_none());
    in_time(sending).await.unwrap().unwrap();
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (1, 0), "{report:?}");
}

const FLOOD: usize = 20;

/// Sends and receives at once, in two tasks; what comes is whole and in order.
async fn flood_split(connection: ServerConnection) -> Result<(), Error> {
    let (mut reader, writer, ()) = connection.split();
    let sending = tokio::spawn(async move {
        for number in 0..FLOOD {
            writer.feed(&payload(number, 700_000 + number)).await?;
        }
        writer.flush().await
    });
    for number in 0..FLOOD {
        let message = reader.recv().await?.expect("a message");
        assert!(message.as_bytes() == payload(number, 300_000 + number), "message {number}");
    }
    sending.await.unwrap()?;
    while reader.recv().await?.is_some() {}
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_flood_each_other_in_two_tasks() {
    let authority = Authority::new();
    let tls = authority.issue(&["localhost"]).tls();
    let server = Server::bind("127.0.0.1:0").await.unwrap().tls(tls);
    let port = server.local_addrs().next().unwrap().port();
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(flood_split));
    let uri = format!("wss://localhost:{port}/");
    let ws = connect(&uri, &trusting([&authority])).await.unwrap();
    let (mut reader, writer) = ws.split();
    let second = writer.clone();
    let sending = tokio::spawn(async move {
        for number in 0..FLOOD {
            writer.send(&payload(number, 300_000 + number)).await?;
        }
        Ok::<_, Error>(())
    });
    for number in 0..FLOOD {
        let message = in_time(reader.recv()).await.unwrap().unwrap();
        assert!(message.as_bytes() == payload(number, 700_000 + number), "message {number}");
    }
    in_time(sending).await.unwrap().unwrap();
    second.close(1000, "").await.unwrap();
    while in_time(reader.recv()).await.unwrap().is_some() {}
    handle.drain();
    let report = in_time(serving).await.unwrap();
    assert_eq!((report.closed, report.failed), (1, 0), "{report:?}");
}

/// Passes bytes on, in pieces whose sizes are a seeded muddle of the tiny and the large.
async fn relay(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, seed: u64) {
    let mut random = Random::new(seed);
    let mut piece = [0; 5000];
    loop {
        let most = [1, 7, 300, 5000, 5000, 5000][random.below(6)];
        match from.read(&mut piece[..most]).await {
            Ok(len @ 1..) if to.write_all(&piece[..len]).await.is_ok() => {}
            _ => break,
        }
    }
    let _ = to.shutdown().await;
}

/// Records cut anywhere, and sockets that take a little at a time: nothing is lost or said twice.
#[tokio::test]
async fn records_in_pieces_and_sockets_that_take_little() {
    let authority = Authority::new();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(32 << 10).unwrap();
    socket.set_recv_buffer_size(32 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let narrow = socket.listen(10).unwrap();
    let tls = authority.issue(&["localhost"]).tls();
    let server = Echo::serve(Server::new().listen(narrow).tls(tls));
    let between = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/", between.local_addr().unwrap().port());
    let to = server.port;
    let relaying = tokio::spawn(async move {
        for round in 1..3 {
            let (client, _) = between.accept().await.unwrap();
            let server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (client_read, client_write) = client.into_split();
            let (server_read, server_write) = server.into_split();
            tokio::join!(
                relay(client_read, server_write, 2 * round),
                relay(server_read, client_write, 2 * round + 1)
            );
        }
    });
    let tls = trusting([&authority]);
    let mut ws = connect(&uri, &tls).await.unwrap();
    // The largest would take seconds this way.
    echoes(&mut ws, &SIZES[..8]).await;
    let ws = connect(&uri, &tls).await.unwrap();
    let (mut reader, writer) = ws.split();
    let sending = tokio::spawn(async move {
        for number in 0..200 {
            writer.send(&payload(number, number * 97)).await?;
        }
        writer.close(1000, "").await
    });
    for number in 0..200 {
        let echo = in_time(reader.recv()).await.unwrap().unwrap();
        assert!(echo.as_bytes() == payload(number, number * 97), "message {number}");
    }
    in_time(async { while reader.recv().await.unwrap().is_some() {} }).await;
    sending.await.unwrap().unwrap();
    tokio::time::timeout(Duration::from_secs(10), relaying).await.unwrap().unwrap();
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (2, 0), "{report:?}");
}
