//! How connections over HTTP/2 end (RFC 8441 §5), as both ends see it.

use bowstring::net::{CloseInfo, Transport};
use bowstring::{Error, Message, WebSocket};
use bowstring_testing::frames::{client_close, client_frame};
use h2::Reason;

use super::support::*;

/// What a client does to end a stream.
#[derive(Clone, Copy, Debug)]
enum Act {
    EndStream,
    Reset(Reason),
    /// The connection is cut without a word.
    Cut,
}

const ACTS: [Act; 6] = [
    Act::EndStream,
    Act::Reset(Reason::CANCEL),
    Act::Reset(Reason::NO_ERROR),
    Act::Reset(Reason::INTERNAL_ERROR),
    Act::Reset(Reason::ENHANCE_YOUR_CALM),
    Act::Cut,
];

impl Act {
    async fn act(self, client: Client, mut stream: Stream) {
        match self {
            Self::EndStream => stream.send.send_data(Default::default(), true).unwrap(),
            Self::Reset(reason) => stream.send.send_reset(reason),
            Self::Cut => client.connection.abort(),
        }
    }
}

async fn opened() -> (Client, Stream, WebSocket<Transport>) {
    let (near, mut sockets) = handed_over();
    let mut client = Client::new(near).await;
    let mut stream = client.open().await;
    let mut ws = sockets.recv().await.unwrap();
    stream.send(client_frame(0x81, "hello"));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("hello")));
    (client, stream, ws)
}

fn lost<T: std::fmt::Debug>(result: Result<T, Error>, case: &str) {
    let error = result.expect_err(case);
    assert!(matches!(error, Error::Lost), "{case}: {error:?}");
    assert!(error.is_disconnect() && error.is_transient(), "{case}");
    assert_eq!(error.close_code().map(u16::from), Some(1006), "{case}");
}

/// Without a close frame each of them is a lost connection, for those who receive.
#[tokio::test]
async fn without_a_close_frame() {
    for act in ACTS {
        for sent in [&b""[..], &client_frame(0x81, "half a message")[..9]] {
            let (client, mut stream, mut ws) = opened().await;
            if !sent.is_empty() {
                stream.send(sent.to_vec());
            }
            act.act(client, stream).await;
            lost(ws.recv().await, &format!("{act:?} after {sent:?}"));
            assert_eq!(ws.recv().await.unwrap(), None, "the end is told once");
        }
    }
}

/// What the client has sent before it went is received first, wherever h2 has it.
#[tokio::test]
async fn after_messages() {
    for act in [Act::EndStream, Act::Cut] {
        let (mut client, mut stream, mut ws) = opened().await;
        for n in 0..100 {
            stream.send(client_frame(0x81, n.to_string()));
        }
        client.settle().await;
        act.act(client, stream).await;
        for n in 0..100 {
            assert_eq!(ws.recv().await.unwrap(), Some(Message::from(n.to_string())), "{act:?}");
        }
        lost(ws.recv().await, &format!("{act:?}"));
    }
}

/// Those who send learn it as well, with the same name.
#[tokio::test]
async fn while_sending() {
    for act in &ACTS[1..] {
        let (client, stream, mut ws) = opened().await;
        act.act(client, stream).await;
        // The client has not opened its window for all of it, so this waits until the end is known.
        let error = loop {
            if let Err(error) = ws.send(Message::binary(vec![0; 100_000])).await {
                break error;
            }
        };
        let case = format!("{act:?}");
        assert!(error.is_disconnect(), "{case}: {error:?}");
        assert!(matches!(error, Error::Lost | Error::Closed(_)), "{case}: {error:?}");
    }
}

/// A split socket: the reader and the writers.
#[tokio::test]
async fn while_split() {
    for act in ACTS {
        let (client, stream, ws) = opened().await;
        let (mut reader, writer) = ws.split();
        act.act(client, stream).await;
        lost(reader.recv().await, &format!("{act:?}"));
        let error = writer.send("too late").await.unwrap_err();
        assert!(error.is_disconnect(), "{act:?}: {error:?}");
    }
}

/// A closing handshake that the client begins: the server answers and ends the stream.
#[tokio::test]
async fn closed_by_the_client() {
    let (mut client, mut stream, mut ws) = opened().await;
    let handle = ws.handle();
    stream.send(client_close(4000, "enough"));
    let Some(Message::Close(Some(close))) = ws.recv().await.unwrap() else { panic!() };
    assert_eq!((u16::from(close.code), &*close.reason), (4000, "enough"));
    let server = tokio::spawn(async move { ws.recv().await });
    let frame = stream.frame().await.unwrap();
    assert_eq!((frame.first(), frame.code()), (0x88, 4000));
    // END_STREAM, not a reset.
    assert!(stream.frame().await.is_none());
    stream.send.send_data(Default::default(), true).unwrap();
    assert_eq!(server.await.unwrap().unwrap(), None);
    let info: CloseInfo = handle.ended().expect("it has ended");
    assert!(info.clean, "{info:?}");
    // The connection goes on.
    client.settle().await;
}

/// A client that does not end its stream is waited for no longer than the close deadline.
#[tokio::test(start_paused = true)]
async fn closed_by_a_client_that_stays() {
    let (_client, mut stream, mut ws) = opened().await;
    stream.send(client_close(1000, ""));
    assert!(matches!(ws.recv().await.unwrap(), Some(Message::Close(_))));
    let start = tokio::time::Instant::now();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(start.elapsed().as_secs(), 5);
    drop(ws);
    assert!(stream.frame().await.is_some());
}

/// A closing handshake that the server begins.
#[tokio::test]
async fn closed_by_the_server() {
    let (mut client, mut stream, mut ws) = opened().await;
    let server = tokio::spawn(async move { ws.close(1001, "going down").await });
    let frame = stream.frame().await.unwrap();
    assert_eq!((frame.first(), frame.code()), (0x88, 1001));
    stream.send(client_close(1001, ""));
    assert!(stream.frame().await.is_none(), "the server ends the stream first (RFC 6455 §7.1.1)");
    stream.send.send_data(Default::default(), true).unwrap();
    server.await.unwrap().unwrap();
    client.settle().await;
}

/// END_STREAM is half of the end: what the server still has to say arrives.
#[tokio::test]
async fn half_closed() {
    let (_client, mut stream, mut ws) = opened().await;
    let mut closing = client_close(1000, "");
    closing.splice(0..0, client_frame(0x81, "last words"));
    stream.send.send_data(closing.into(), true).unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("last words")));
    let server = tokio::spawn(async move {
        ws.feed("an answer").await.unwrap();
        while ws.recv().await.unwrap().is_some() {}
    });
    let frame = stream.frame().await.unwrap();
    assert_eq!(&*frame.payload, b"an answer");
    assert_eq!(stream.frame().await.unwrap().first(), 0x88);
    assert!(stream.frame().await.is_none());
    server.await.unwrap();
}

/// The stream of a socket that is dropped ends without a close frame; the others live.
#[tokio::test]
async fn dropped() {
    let (near, mut sockets) = handed_over();
    let mut client = Client::new(near).await;
    let mut stream = client.open().await;
    drop(sockets.recv().await.unwrap());
    assert!(stream.frame().await.is_none());
    let mut other = client.open().await;
    tokio::spawn(echo(sockets.recv().await.unwrap()));
    other.echo("alive").await;
}
