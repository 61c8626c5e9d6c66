//! The example, with clients of this crate.

use std::net::SocketAddr;

use actix_web::dev::ServerHandle as Actix;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bowstring::handshake::ClientRequest;
use bowstring::net::connect_with;
use bowstring::server::{Server, ServerConnection, ServerHandle, ServerLimits};
use bowstring::{Config, Error, Message};
use bowstring_actix::upgrade;

async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

async fn ws(
    request: HttpRequest,
    payload: web::Payload,
    server: web::Data<ServerHandle>,
) -> actix_web::Result<HttpResponse> {
    upgrade(&request, payload, &server, echo)
}

fn start(server: &ServerHandle) -> (SocketAddr, Actix) {
    let data = web::Data::new(server.clone());
    let http =
        HttpServer::new(move || App::new().app_data(data.clone()).route("/ws", web::get().to(ws)))
            .workers(1)
            .bind(("127.0.0.1", 0))
            .unwrap()
            .disable_signals();
    let address = http.addrs()[0];
    let http = http.run();
    let handle = http.handle();
    actix_web::rt::spawn(http);
    (address, handle)
}

#[actix_web::test]
async fn messages_go_both_ways_and_draining_closes_with_1001() {
    let server = Server::new().handle();
    let (address, actix) = start(&server);
    let (mut client, response) = bowstring::connect(&format!("ws://{address}/ws")).await.unwrap();
    assert_eq!(response.status(), 101);
    assert!(response.headers().contains_key("sec-websocket-extensions"), "{response:?}");
    client.send("hello").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::from("hello")));
    // More than the pipe holds.
    let large: Vec<u8> =
        (0..1_u32 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    client.send(large.clone()).await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some(Message::from(large)));
    assert_eq!(server.report().open, 1);

    server.drain();
    let told = client.recv().await.unwrap();
    assert!(matches!(&told, Some(Message::Close(Some(close))) if close.code == 1001), "{told:?}");
    assert_eq!(client.recv().await.unwrap(), None);
    let report = server.drained().await;
    assert_eq!((report.closed, report.open), (1, 0));
    actix.stop(true).await;
}

#[actix_web::test]
async fn a_client_that_leaves_ends_its_handler() {
    let server = Server::new().handle();
    let (address, actix) = start(&server);
    let (mut client, _) = bowstring::connect(&format!("ws://{address}/ws")).await.unwrap();
    client.send("hello").await.unwrap();
    client.recv().await.unwrap();
    drop(client);
    while server.report().failed == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.report().handlers_failed, 0);
    actix.stop(true).await;
}

#[actix_web::test]
async fn what_is_not_accepted_has_its_status() {
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let server = Server::new().limits(limits).handle();
    let (address, actix) = start(&server);
    let status = async |fields: &[(&'static str, &'static str)]| {
        let mut request = ClientRequest::new(format!("ws://{address}/ws").parse().unwrap());
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        match connect_with(&request, &Config::default()).await {
            Ok((ws, _)) => Ok(ws),
            Err(Error::Status(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status(&[("Origin", "http://elsewhere.example")]).await.err(), Some(403));
    let open = status(&[]).await.unwrap();
    assert_eq!(status(&[]).await.err(), Some(503));
    drop(open);
    let report = server.report();
    assert_eq!((report.refusals.origin, report.refusals.full), (1, 1));

    // A plain request.
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    stream.write_all(b"GET /ws HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    server.abort();
    actix.stop(true).await;
}
