//! Handlers without a network.

use bowstring::server::{Accept, Peer, ServerConnection};
use bowstring::{Config, Error, Message};

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
