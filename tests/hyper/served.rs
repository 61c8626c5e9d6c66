use super::support::*;

use bowstring::handshake::ClientRequest;
use bowstring::net::connect_over;
use bowstring::{Config, Message};

#[tokio::test]
async fn http_1_1() {
    let request = ClientRequest::new("ws://example.com/chat".parse().unwrap());
    let (mut ws, response) = connect_over(echo_pipe(), &request, &Config::default()).await.unwrap();
    assert_eq!(response.status(), 101);
    ws.send("hello").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
    ws.close(1000, "").await.unwrap();
}

#[tokio::test]
async fn http_2() {
    let mut client = h2_client(echo_pipe()).await;
    let (response, mut send) = client
        .send_request(connect(Some("websocket"), &[("sec-websocket-version", "13")]), false)
        .unwrap();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("content-length"));
    let frame = bowstring_testing::frames::client_frame(0x81, "hello");
    send.send_data(frame.into(), false).unwrap();
    let mut body = response.into_body();
    let data = body.data().await.unwrap().unwrap();
    assert_eq!(&data[..], b"\x81\x05hello");
}
