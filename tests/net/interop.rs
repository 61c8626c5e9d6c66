//! tokio-tungstenite as the peer, in both roles, over TCP.

use bowstring::net::connect_with;
use bowstring::{Close, Config, Error, Event, Message, WebSocket, accept};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Foreign;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as ForeignFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::{accept_async, client_async};

use crate::support::Random;

type ForeignError = tokio_tungstenite::tungstenite::Error;

/// Echoes what the other implementation says.
async fn echo<S>(mut ws: WebSocket<S>, batch: bool) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if batch {
        while let Some((mut events, mut outgoing)) = ws.batch().await? {
            while let Some(event) = events.next() {
                if !matches!(event, Event::Close(_)) {
                    outgoing.feed(event)?;
                }
            }
        }
    } else {
        while let Some(message) = ws.recv().await? {
            if !message.is_close() {
                ws.send(message).await?;
            }
        }
    }
    Ok(())
}

fn sizes() -> impl Iterator<Item = usize> {
    [0, 1, 125, 126, 127, 1000, 65_535, 65_536, 200_000, 1 << 20].into_iter()
}

/// Says everything that there is to say, and closes.
async fn talk<S>(mut ws: S)
where
    S: Stream<Item = Result<Foreign, ForeignError>> + Sink<Foreign, Error = ForeignError> + Unpin,
{
    for len in sizes() {
        let data = Foreign::binary(Random::new(len as u64).bytes(len));
        let text = Foreign::text("é".repeat(len / 2));
        for message in [data, text] {
            ws.send(message.clone()).await.unwrap();
            assert!(ws.next().await.unwrap().unwrap() == message, "{len}");
        }
    }
    let part = |data: &'static str, opcode, fin| {
        Foreign::Frame(ForeignFrame::message(data, OpCode::Data(opcode), fin))
    };
    ws.feed(part("in ", Data::Text, false)).await.unwrap();
    ws.feed(Foreign::Ping("between".into())).await.unwrap();
    ws.feed(part("three ", Data::Continue, false)).await.unwrap();
    ws.feed(part("fragments", Data::Continue, true)).await.unwrap();
    ws.flush().await.unwrap();
    assert_eq!(ws.next().await.unwrap().unwrap(), Foreign::Pong("between".into()));
    assert_eq!(ws.next().await.unwrap().unwrap(), Foreign::text("in three fragments"));
    // Pipelined.
    for n in 0..1000 {
        ws.feed(Foreign::text(n.to_string())).await.unwrap();
    }
    ws.flush().await.unwrap();
    for n in 0..1000 {
        assert_eq!(ws.next().await.unwrap().unwrap(), Foreign::text(n.to_string()));
    }
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 4321.into(),
        reason: "done".into(),
    };
    ws.send(Foreign::Close(Some(frame))).await.unwrap();
    let Some(Ok(Foreign::Close(Some(close)))) = ws.next().await else { panic!("no close") };
    assert_eq!(u16::from(close.code), 4321);
    assert!(ws.next().await.is_none());
}

#[tokio::test]
async fn our_server_and_their_client() {
    for batch in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let ws = accept(listener.accept().await.unwrap().0).await.unwrap();
            echo(ws, batch).await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        let (ws, _) = client_async(format!("ws://{address}/"), stream).await.unwrap();
        talk(ws).await;
        serving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn our_client_and_their_server() {
    for batch in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("ws://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move {
            talk(accept_async(listener.accept().await.unwrap().0).await.unwrap()).await;
        });
        let (ws, _) = bowstring::connect(&uri).await.unwrap();
        echo(ws, batch).await.unwrap();
        serving.await.unwrap();
    }
}

/// We talk, they echo: what we frame and mask, they understand.
#[tokio::test]
async fn our_client_talks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut ws = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        let mut close = None;
        while let Some(Ok(message)) = ws.next().await {
            match message {
                Foreign::Close(frame) => close = frame,
                message if message.is_text() || message.is_binary() => {
                    ws.send(message).await.unwrap();
                }
                _ => {}
            }
        }
        close.unwrap()
    });
    let mut config = Config::default();
    config.report_pings = true;
    let request = bowstring::handshake::ClientRequest::new(uri.parse().unwrap());
    let (ws, _) = connect_with(&request, &config).await.unwrap();
    let (mut reader, writer) = ws.split();
    for len in sizes() {
        let data = Random::new(len as u64).bytes(len);
        writer.send(&data).await.unwrap();
        assert!(reader.recv().await.unwrap().unwrap().as_bytes() == data);
    }
    writer.feed_part("a", false).await.unwrap();
    writer.feed(Event::Ping(b"between")).await.unwrap();
    writer.feed_part("b", true).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), Some(Message::Pong("between".into())));
    assert_eq!(reader.recv().await.unwrap(), Some(Message::text("ab")));
    writer.close(1001, "bye").await.unwrap();
    let close = Close { code: 1001.into(), reason: "bye" };
    let answer = reader.recv().await.unwrap().unwrap();
    let Message::Close(Some(answer)) = answer else { panic!("{answer:?}") };
    assert_eq!(answer.code, close.code);
    assert_eq!(reader.recv().await.unwrap(), None);
    let seen = serving.await.unwrap();
    assert_eq!((u16::from(seen.code), seen.reason.as_str()), (1001, "bye"));
}
