//! Handlers without a network.

use bowstring::server::{Accept, AdmitError, Peer, Server, ServerConnection, ServerLimits, Topic};
use bowstring::{Config, Error, Message, Prepared};

use super::{close_of, drained};

fn peer() -> Peer {
    Peer::Tcp("192.0.2.1:4000".parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_memory_has_what_the_hook_gave() {
    let mut config = Config::default();
    config.limits.max_message_size = 5;
    let accept = Accept::new("ada").protocol("chat").config(config);
    let (mut connection, mut client) = ServerConnection::in_memory(accept, peer());
    assert_eq!((connection.data, connection.peer(), connection.id()), ("ada", peer(), 0));
    assert_eq!((connection.protocol(), client.protocol()), (Some("chat"), Some("chat")));
    client.send("12345").await.unwrap();
    client.send("123456").await.unwrap();
    assert_eq!(connection.recv().await.unwrap(), Some(Message::from("12345")));
    let serving = tokio::spawn(async move { connection.recv().await });
    assert!(
        matches!(client.recv().await.unwrap(), Some(Message::Close(Some(close))) if close.code == 1009)
    );
    while client.recv().await.unwrap().is_some() {}
    drop(client);
    assert!(matches!(serving.await.unwrap(), Err(Error::Violation(_))));
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_memory_is_closed_when_it_is_dropped() {
    let (connection, mut client) = ServerConnection::in_memory(Accept::new(()), peer());
    drop(connection);
    let close = client.recv().await.unwrap();
    assert!(matches!(close, Some(Message::Close(Some(close))) if close.code == 1000));
    assert_eq!(client.recv().await.unwrap(), None);

    let (connection, mut client) = ServerConnection::in_memory(Accept::new(()), peer());
    let (reader, writer, ()) = connection.split();
    writer.feed("the last word").await.unwrap();
    drop(reader);
    assert_eq!(client.recv().await.unwrap(), Some(Message::from("the last word")));
    let close = client.recv().await.unwrap();
    assert!(matches!(close, Some(Message::Close(Some(close))) if close.code == 1000));
    assert_eq!(client.recv().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_server_in_memory_closes_as_a_server_does() {
    let server = Server::new().handle();
    let run = |fate: &'static str| {
        let accept = Accept::new(fate).protocol("chat");
        let handler = async |ws: ServerConnection<&str>| match ws.data {
            "fails" => Err("it is broken"),
            "panics" => panic!("here"),
            _ => {
                assert_eq!((ws.protocol(), ws.peer()), (Some("chat"), peer()));
                Ok(())
            }
        };
        server.in_memory(accept, peer(), handler).unwrap()
    };
    for (fate, code) in [("returns", 1000), ("fails", 1011), ("panics", 1011)] {
        let mut client = run(fate);
        assert_eq!(client.protocol(), Some("chat"));
        assert_eq!(close_of(&mut client).await.0, code, "{fate}");
        assert_eq!(client.recv().await.unwrap(), None);
    }
    let report = drained(&server).await;
    assert_eq!((report.closed, report.handlers_failed), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_server_in_memory_has_limits_topics_and_drains() {
    let mut limits = ServerLimits::default();
    limits.connections = 2;
    let mut config = Config::default();
    config.limits.max_message_size = 5;
    let server = Server::new().limits(limits).config(config).handle();
    let room = Topic::new();
    let member = |room: Topic| {
        async move |ws: ServerConnection| {
            let (mut reader, writer, ()) = ws.split();
            let here = room.subscribe(&writer);
            writer.send("ready").await?;
            while let Some(message) = reader.recv().await? {
                if let Some(text) = message.as_text() {
                    room.publish_except(&here, &Prepared::text(text));
                }
            }
            Ok::<_, Error>(())
        }
    };
    let come = || server.in_memory(Accept::default(), peer(), member(room.clone()));
    let (mut ada, mut bob) = (come().unwrap(), come().unwrap());
    assert_eq!(come().unwrap_err(), AdmitError::Full);
    for client in [&mut ada, &mut bob] {
        assert_eq!(client.recv().await.unwrap(), Some("ready".into()));
    }
    ada.send("hello").await.unwrap();
    assert_eq!(bob.recv().await.unwrap(), Some("hello".into()));
    // The configuration is the server's.
    ada.send("123456").await.unwrap();
    assert_eq!(close_of(&mut ada).await.0, 1009);
    drop(ada);
    server.drain();
    assert_eq!(close_of(&mut bob).await.0, 1001);
    assert_eq!(bob.recv().await.unwrap(), None);
    drop(bob);
    let report = drained(&server).await;
    assert_eq!((report.closed, report.violations, report.refusals.full), (1, 1, 1));
}
