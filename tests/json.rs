//! Messages as JSON (feature `json`).

use std::collections::HashMap;

use bowstring::net::{JsonError, masking_key};
use bowstring::proto::Role;
use bowstring::{Close, CloseCode, Config, Error, Event, Message, net::WebSocket};
use serde::{Deserialize, Serialize};
use tokio::io::DuplexStream;

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Order {
    item: String,
    count: u32,
}

fn order() -> Order {
    Order { item: "caf\u{e9}".to_owned(), count: 2 }
}

fn pair(config: &Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(4096);
    let client = WebSocket::from_raw(near, Role::Client(masking_key), [], config);
    (client, WebSocket::from_raw(far, Role::Server, [], config))
}

#[tokio::test(start_paused = true)]
async fn values_go_there_and_back() {
    let (mut client, mut server) = pair(&Config::default());
    client.send_json(&order()).await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some(Message::text(r#"{"item":"café","count":2}"#)));
    // Text and binary are read alike.
    client.send(r#" {"count": 2, "item": "caf\u00e9"} "#).await.unwrap();
    client.send(serde_json::to_vec(&order()).unwrap()).await.unwrap();
    client.send_json("text").await.unwrap();
    assert_eq!(server.recv_json::<Order>().await.unwrap(), Some(order()));
    assert_eq!(server.recv_json::<Order>().await.unwrap(), Some(order()));
    assert_eq!(server.recv_json::<String>().await.unwrap().as_deref(), Some("text"));
}

#[tokio::test(start_paused = true)]
async fn what_is_other_json_is_told_and_the_connection_goes_on() {
    let (mut client, mut server) = pair(&Config::default());
    for (message, line, column) in [
        (Message::text("{\"item\":\n  \"tea\", \"count\": -1}"), 2, 20),
        (Message::text(""), 1, 0),
        (Message::text("{} {}"), 1, 2),
        (Message::binary(&b"{\"item\": \"\xff\""[..]), 1, 11),
    ] {
        client.send(&message).await.unwrap();
        client.send_json(&order()).await.unwrap();
        let error = server.recv_json::<Order>().await.unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(&format!("line {line} column {column}")), "{shown}");
        assert!(shown.contains(&format!("{} bytes", message.len())), "{shown}");
        assert!(!shown.contains("tea"), "{shown}");
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(error.into_message(), Some(message));
        assert_eq!(server.recv_json::<Order>().await.unwrap(), Some(order()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_json_is_not_sent() {
    let (mut client, mut server) = pair(&Config::default());
    let odd = HashMap::from([(vec![1], 2)]);
    let error = client.send_json(&odd).await.unwrap_err();
    assert!(matches!(error, JsonError::Value(_)), "{error:?}");
    assert!(Message::from_json(&odd).is_err());
    client.send_json(&1).await.unwrap();
    assert_eq!(server.recv_json::<i32>().await.unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn control_frames_are_passed_over_and_the_end_is_the_end() {
    let mut config = Config::default();
    config.report_pings = true;
    let (mut client, mut server) = pair(&config);
    client.send(Event::Ping(b"1")).await.unwrap();
    client.send_json(&1).await.unwrap();
    client.send(Close { code: CloseCode::NORMAL, reason: "7" }).await.unwrap();
    assert_eq!(server.recv_json::<i32>().await.unwrap(), Some(1));
    assert_eq!(server.recv_json::<i32>().await.unwrap(), None);
    let error = server.send_json(&1).await.unwrap_err();
    assert!(matches!(error, JsonError::Connection(Error::Closed(_))), "{error:?}");
    assert!(error.into_message().is_none());
    for message in [Message::ping(&b"1"[..]), Message::Close(None)] {
        let seen = message.clone().parse_json::<Order>().unwrap_err();
        assert_eq!(seen.into_message(), Some(message));
    }
}

#[tokio::test(start_paused = true)]
async fn two_tasks() {
    let (client, server) = pair(&Config::default());
    let (mut reader, writer) = client.split();
    let (mut far_reader, far_writer) = server.split();
    writer.send_json(&order()).await.unwrap();
    assert_eq!(far_reader.recv_json().await.unwrap(), Some(order()));
    far_writer.send_json(&[1, 2]).await.unwrap();
    far_writer.send("[3").await.unwrap();
    assert_eq!(reader.recv_json::<Vec<u8>>().await.unwrap(), Some(vec![1, 2]));
    let error = reader.recv_json::<Vec<u8>>().await.unwrap_err();
    assert_eq!(error.into_message(), Some(Message::text("[3")));
    drop((far_reader, far_writer));
    let error = reader.recv_json::<u8>().await.unwrap_err();
    assert!(matches!(error, JsonError::Connection(Error::Lost)), "{error:?}");
}

/// A future that is dropped while it waits has taken nothing.
#[tokio::test(start_paused = true)]
async fn receiving_is_cancel_safe() {
    let (mut client, mut server) = pair(&Config::default());
    let waiting = tokio::time::timeout(std::time::Duration::ZERO, server.recv_json::<i32>());
    assert!(waiting.await.is_err());
    client.send_json(&1).await.unwrap();
    assert_eq!(server.recv_json::<i32>().await.unwrap(), Some(1));
}
