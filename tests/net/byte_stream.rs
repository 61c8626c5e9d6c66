//! A byte stream over binary messages: any chunks in, the same bytes out; and how it ends.

use std::io::ErrorKind;
use std::time::Duration;

use bowstring::net::{ByteStream, Overflow, masking_key};
use bowstring::proto::Role;
use bowstring::{Close, CloseCode, Config, Error, Event, Message, net::WebSocket};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use crate::support::*;

type Stream = ByteStream<DuplexStream>;

fn sockets(pipe: usize, config: &Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(pipe);
    let client = WebSocket::from_raw(near, Role::Client(masking_key), [], config);
    (client, WebSocket::from_raw(far, Role::Server, [], config))
}

fn streams(pipe: usize, config: &Config) -> (Stream, Stream) {
    let (client, server) = sockets(pipe, config);
    (ByteStream::new(client), server.into())
}

/// Reads to the end, so many bytes at a time.
async fn read_all(stream: &mut Stream, sizes: &[usize]) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for size in sizes.iter().cycle() {
        let mut piece = vec![0; *size];
        let len = stream.read(&mut piece).await?;
        if len == 0 {
            break;
        }
        all.extend_from_slice(&piece[..len]);
    }
    Ok(all)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Both directions at once, over a pipe that is often full.
    #[test]
    fn the_bytes_that_go_in_come_out(
        there in vec(vec(any::<u8>(), 0..3000), 0..20),
        back in vec(vec(any::<u8>(), 0..300), 0..20),
        sizes in vec(1..500usize, 1..5),
        pipe in 1..5000usize,
        max_write in 1..2000usize,
        flush in any::<bool>(),
    ) {
        block_on(async {
            let (near, far) = streams(pipe, &quiet());
            let end = async |stream: Stream, chunks: Vec<Vec<u8>>| {
                let expected = chunks.concat();
                let (mut reading, mut writing) = tokio::io::split(stream.max_write(max_write));
                let write = async {
                    for chunk in chunks {
                        writing.write_all(&chunk).await?;
                        if flush {
                            writing.flush().await?;
                        }
                    }
                    writing.flush().await
                };
                let mut got = Vec::new();
                // Both have to be read before either may close.
                let read = async {
                    let mut piece = [0; 4096];
                    for size in sizes.iter().cycle() {
                        match timeout(Duration::from_secs(1), reading.read(&mut piece[..*size])).await {
                            Ok(len) => got.extend_from_slice(&piece[..len?]),
                            Err(_) => break,
                        }
                    }
                    std::io::Result::Ok(())
                };
                let (wrote, read) = tokio::join!(write, read);
                wrote.and(read).unwrap();
                (expected, got, reading.unsplit(writing))
            };
            let ((sent, got_back, mut near), (sent_back, got, mut far)) =
                tokio::join!(end(near, there), end(far, back));
            assert_eq!(sent, got);
            assert_eq!(sent_back, got_back);
            near.shutdown().await.unwrap();
            assert_eq!(read_all(&mut far, &[1]).await.unwrap(), b"");
            assert_eq!(read_all(&mut near, &[1]).await.unwrap(), b"");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_a_message_and_large_writes_are_cut() {
    let (client, mut server) = sockets(1 << 20, &quiet());
    let mut near = ByteStream::new(client).max_write(1000);
    near.write_all(b"first").await.unwrap();
    near.write_all(&[]).await.unwrap();
    near.write_all(&[7; 2500]).await.unwrap();
    near.flush().await.unwrap();
    for len in [5, 1000, 1000, 500] {
        let message = server.recv().await.unwrap().unwrap();
        assert!(message.is_binary());
        assert_eq!(message.len(), len);
    }
    // Nothing is written twice, and nothing waits.
    assert_eq!(near.get_ref().buffered(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_goes_out_before_a_read_waits() {
    let (mut near, mut far) = streams(1 << 16, &quiet());
    near.write_all(b"question").await.unwrap();
    let mut answer = [0; 6];
    let asked = async {
        let mut question = [0; 8];
        far.read_exact(&mut question).await.unwrap();
        far.write_all(b"answer").await.unwrap();
        far.read(&mut [0]).await.unwrap()
    };
    tokio::select! {
        _ = asked => panic!("it ended"),
        read = near.read_exact(&mut answer) => read.unwrap(),
    };
    assert_eq!(&answer, b"answer");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_dropped_whatever_the_policy_says() {
    for overflow in
        [Overflow::DropNewest, Overflow::DropOldest, Overflow::Close(CloseCode::GOING_AWAY)]
    {
        let mut config = quiet();
        config.overflow = overflow;
        config.high_water = 500;
        let (mut near, mut far) = streams(100, &config);
        let sent: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        let writing = async {
            for chunk in sent.chunks(300) {
                near.write_all(chunk).await.unwrap();
            }
            near.shutdown().await.unwrap();
            near.read(&mut [0]).await.unwrap()
        };
        let (end, got) = tokio::join!(writing, read_all(&mut far, &[70]));
        assert_eq!(end, 0);
        assert!(got.unwrap() == sent, "{overflow:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_told_from_a_failure() {
    for (code, kind) in [
        (Some(1000), None),
        (Some(1001), None),
        (None, None),
        (Some(1011), Some(ErrorKind::ConnectionAborted)),
        (Some(4000), Some(ErrorKind::ConnectionAborted)),
    ] {
        let (client, mut server) = sockets(1 << 16, &quiet());
        let mut near = ByteStream::new(client);
        server.send(&b"rest"[..]).await.unwrap();
        let close = code.map(|code| Close { code: CloseCode::new(code), reason: "" });
        server.send(Event::Close(close)).await.unwrap();
        let mut rest = [0; 4];
        near.read_exact(&mut rest).await.unwrap();
        for _ in 0..3 {
            let read = near.read(&mut rest).await;
            assert_eq!(read.as_ref().err().map(|error| error.kind()), kind, "{code:?}: {read:?}");
            assert_eq!(read.unwrap_or(0), 0);
        }
        // The peer has its answer.
        assert!(matches!(server.recv().await, Ok(Some(Message::Close(_)))), "{code:?}");
        assert_eq!(near.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        near.shutdown().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_no_end() {
    let (client, server) = sockets(1 << 16, &quiet());
    let mut near = ByteStream::new(client);
    drop(server);
    let error = near.read(&mut [0; 4]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let inner = error.into_inner().unwrap().downcast::<Error>().unwrap();
    assert!(matches!(*inner, Error::Lost));
    assert_eq!(near.read(&mut [0; 4]).await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert!(near.write(b"x").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn text_is_an_error_that_the_peer_is_told() {
    let (client, mut server) = sockets(1 << 16, &quiet());
    let mut near = ByteStream::new(client);
    server.send(&b"bytes"[..]).await.unwrap();
    server.send(&b""[..]).await.unwrap();
    server.send(Event::Ping(b"?")).await.unwrap();
    server.send("text").await.unwrap();
    let mut bytes = [0; 5];
    near.read_exact(&mut bytes).await.unwrap();
    for _ in 0..2 {
        assert_eq!(near.read(&mut bytes).await.unwrap_err().kind(), ErrorKind::InvalidData);
    }
    assert_eq!(near.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    match server.recv().await.unwrap() {
        Some(Message::Close(Some(close))) => assert_eq!(close.code, CloseCode::UNSUPPORTED_DATA),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_after_a_shutdown_is_read() {
    let (client, mut server) = sockets(1 << 16, &quiet());
    let mut near = ByteStream::new(client);
    // On its way before the peer sees our close frame.
    server.send(&b"late"[..]).await.unwrap();
    near.shutdown().await.unwrap();
    near.shutdown().await.unwrap();
    assert_eq!(near.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    let serving = async { while let Ok(Some(_)) = server.recv().await {} };
    let (all, ()) = tokio::join!(read_all(&mut near, &[3]), serving);
    assert_eq!(all.unwrap(), b"late");
}

/// A read that is dropped takes nothing; a write that is dropped while it waits writes nothing.
#[tokio::test(start_paused = true)]
async fn reads_and_writes_are_cancel_safe() {
    let mut config = quiet();
    config.high_water = 100;
    let (mut near, mut far) = streams(64, &config);
    let mut written = 0;
    while let Ok(wrote) = timeout(Duration::from_millis(1), near.write(&[9; 50])).await {
        written += wrote.unwrap();
    }
    let mut got = 0;
    while let Ok(read) = timeout(Duration::from_millis(1), far.read(&mut [0; 7])).await {
        got += read.unwrap();
        let _ = timeout(Duration::ZERO, near.flush()).await;
    }
    assert!(written >= 100);
    assert_eq!(got, written);
    let (_, unread) = far.into_inner();
    assert!(unread.is_empty());
}
