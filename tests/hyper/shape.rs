//! How messages lie in DATA frames: each costs 9 bytes and work at both ends.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bowstring::net::masking_key;
use bowstring::proto::Role;
use bowstring::{Config, Message, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::support::*;

/// The header of a large message does not go as a DATA frame of its own.
#[tokio::test]
async fn a_large_message_over_http_2() {
    let (near, mut sockets) = handed_over();
    let mut client = Client::new(near).await;
    let mut stream = client.open().await;
    let mut ws = sockets.recv().await.unwrap();
    let large = vec![7; 200_000];
    let sent = tokio::spawn({
        let message = Message::binary(large.clone());
        async move {
            ws.send(message).await.unwrap();
            ws
        }
    });
    let (mut received, mut frames) = (Vec::new(), Vec::new());
    while received.len() < 10 + large.len() {
        let data = stream.data().await.unwrap();
        frames.push(data.len());
        received.extend_from_slice(&data);
    }
    assert_eq!(received[10..], large);
    assert!(frames[0] >= 8 << 10, "{frames:?}");
    assert!(frames.len() <= 40, "{frames:?}");
    drop(sent.await.unwrap());
}

/// Messages that are fed go out together.
#[tokio::test]
async fn small_messages_over_http_2() {
    let (near, mut sockets) = handed_over();
    let mut client = Client::new(near).await;
    let mut stream = client.open().await;
    let mut ws = sockets.recv().await.unwrap();
    for _ in 0..100 {
        ws.feed("twenty bytes or so").await.unwrap();
    }
    ws.flush().await.unwrap();
    let data = stream.data().await.unwrap();
    assert_eq!(data.len(), 100 * 20);
}

/// A transport that takes one slice at a time, and notes how long each was.
#[derive(Debug, Default)]
struct OneSlice(Arc<Mutex<Vec<usize>>>);

impl AsyncRead for OneSlice {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for OneSlice {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The same holds for any transport that is not vectored. The rest of the message is not copied.
#[tokio::test]
async fn a_large_message_over_any_transport_that_is_not_vectored() {
    for role in [Role::Server, Role::Client(masking_key)] {
        for (before, len) in [(0, 1_000_000), (0, 20_000), (100, 1_000_000), (20_000, 100_000)] {
            let writes = Arc::default();
            let transport = OneSlice(Arc::clone(&writes));
            let mut ws = WebSocket::from_raw(transport, role, [], &Config::default());
            if before > 0 {
                ws.feed(Message::binary(vec![7; before])).await.unwrap();
            }
            ws.send(Message::binary(vec![7; len])).await.unwrap();
            let writes = writes.lock().unwrap();
            assert!(writes[0] > 1000, "{role:?} {before} {len}: {writes:?}");
            assert!(writes.iter().sum::<usize>() >= before + len);
            assert!(writes.len() <= 4, "{role:?} {before} {len}: {writes:?}");
        }
    }
}
