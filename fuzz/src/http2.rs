//! A client's WebSocket over HTTP/2, and a server that sends frames of any kind after it has accepted the request.
//!
//! The program is one or more bytes to a step: a DATA frame with a legal message, in pieces; any other frame; bytes that
//! are no frame; we receive, we send, time passes. Nothing may panic or hang, and what is received is what was sent.

use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::http2::Session;
use bowstring::{Config, Message};
use bowstring_testing::frames::{FIN, TEXT, server_frame};
use bowstring_testing::http2::types::{DATA, SETTINGS};
use bowstring_testing::http2::{flags, frame, headers, settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::yield_now;
use tokio::time::{advance, timeout};

/// Runs a program.
pub fn http2(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(run(data));
}

/// Writes as much as the client takes at once. It may have ended.
async fn write(peer: &mut DuplexStream, bytes: &[u8]) {
    let _ = timeout(Duration::from_millis(1), peer.write_all(bytes)).await;
    // Room for what it answers.
    let mut answers = [0; 16 << 10];
    while let Ok(Ok(1..)) = timeout(Duration::ZERO, peer.read(&mut answers)).await {}
}

async fn run(data: &[u8]) {
    let (near, mut peer) = tokio::io::duplex(64 << 10);
    let connecting = tokio::spawn(async move { Session::over(near, &Config::default()).await });
    write(&mut peer, &settings(&[(8, 1)])).await;
    write(&mut peer, &frame(SETTINGS, flags::ACK, 0, &[])).await;
    let session = connecting.await.expect("no panic").expect("the settings have come");
    let opening = tokio::spawn({
        let session = session.clone();
        async move {
            let request = ClientRequest::new("ws://example.com/".parse().expect("a URI"));
            session.open(&request, &Config::default()).await
        }
    });
    yield_now().await;
    write(&mut peer, &headers(1, &[(":status", "200")])).await;
    let (mut ws, _) = opening.await.expect("no panic").expect("it was accepted");

    let mut program = data.iter().copied();
    let mut sent = Vec::new();
    let mut received = Vec::new();
    // Whether the peer has said something that we do not follow.
    let mut unclear = false;
    while let Some(op) = program.next() {
        let mut byte = || program.next().unwrap_or(0);
        match op % 8 {
            0 | 1 => {
                let text =
                    String::from_utf8(vec![b'a' + byte() % 26; byte().into()]).expect("letters");
                let bytes = server_frame(FIN | TEXT, &text);
                let at = usize::from(byte()) % (bytes.len() + 1);
                let pieces = [&bytes[..at], &bytes[at..]].map(|piece| frame(DATA, 0, 1, piece));
                write(&mut peer, &pieces.concat()).await;
                sent.push(Message::text(text));
            }
            2 | 3 => {
                let (kind, flags, stream) = (byte() % 11, byte(), u32::from(byte() % 6));
                let payload: Vec<u8> = (0..byte() % 40).map(|_| byte()).collect();
                write(&mut peer, &frame(kind, flags, stream, &payload)).await;
                unclear = true;
            }
            4 => {
                let bytes: Vec<u8> = (0..byte() % 40).map(|_| byte()).collect();
                write(&mut peer, &bytes).await;
                unclear = true;
            }
            5 => {
                if let Ok(Ok(Some(message))) = timeout(Duration::from_millis(1), ws.recv()).await {
                    received.push(message);
                }
            }
            6 => {
                let text = "x".repeat(usize::from(byte()) * 100);
                let _ = timeout(Duration::from_millis(1), ws.send(&*text)).await;
            }
            _ => advance(Duration::from_millis(u64::from(byte()) * 10)).await,
        }
    }
    if !unclear {
        while let Ok(Ok(Some(message))) = timeout(Duration::from_millis(1), ws.recv()).await {
            received.push(message);
        }
        assert!(sent.starts_with(&received), "{sent:?} {received:?}");
    }
    drop(peer);
    // It ends, whatever was said.
    let end = async { while let Ok(Some(_)) = ws.recv().await {} };
    timeout(Duration::from_secs(300), end).await.expect("an end");
    timeout(Duration::from_secs(300), session.closed()).await.expect("an end");
}
