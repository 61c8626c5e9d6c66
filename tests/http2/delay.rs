//! A line of 50 ms round trip, in virtual time: the rate of large messages depends on windows alone.

use std::time::Duration;

use bowstring::net::http2::Session;
use bowstring::net::{accept, connect_over};
use bowstring::{Config, Message, WebSocket};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::support::{echo_all, request, serve_with};

const ONE_WAY: Duration = Duration::from_millis(25);
const ECHOES: u32 = 5;

/// One direction of the line. What is on its way is not limited, as by TCP whose windows have grown.
async fn carry(mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
    let (sent, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((at, bytes)) = arriving.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    loop {
        let mut bytes = Vec::with_capacity(64 << 10);
        if from.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        if sent.send((Instant::now() + ONE_WAY, bytes)).is_err() {
            return;
        }
    }
}

/// The two ends of a line.
fn line() -> (DuplexStream, DuplexStream) {
    let (near, a) = tokio::io::duplex(256 << 10);
    let (b, far) = tokio::io::duplex(256 << 10);
    let ((from_near, to_near), (from_far, to_far)) = (tokio::io::split(a), tokio::io::split(b));
    tokio::spawn(carry(from_near, to_far));
    tokio::spawn(carry(from_far, to_near));
    (near, far)
}

fn plain() -> Config {
    let mut config = Config::default();
    config.deflate = None;
    config
}

/// How long echoes of so many bytes take, one after the other.
async fn echoes<S: AsyncRead + AsyncWrite + Unpin>(mut ws: WebSocket<S>, len: usize) -> Duration {
    let message = Message::binary(vec![7; len]);
    // Windows may have to grow first.
    ws.send(message.clone()).await.unwrap();
    ws.recv().await.unwrap();
    let started = Instant::now();
    for _ in 0..ECHOES {
        ws.send(message.clone()).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_bytes().len(), len);
    }
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn messages_of_1_mib_at_50_ms_are_at_least_0_8_as_fast_as_over_http_1() {
    for len in [1 << 10, 64 << 10, 1 << 20] {
        let (near, far) = line();
        tokio::spawn(async move {
            let mut ws = accept(far).await.unwrap();
            while let Ok(Some(message)) = ws.recv().await {
                ws.feed(message).await.unwrap();
            }
        });
        let (ws, _) = connect_over(near, &request(), &plain()).await.unwrap();
        let http1 = echoes(ws, len).await;

        let (near, far) = line();
        let (accepted, _) = serve_with(far, plain(), |_| {});
        echo_all(accepted);
        let session = Session::over(near, &plain()).await.unwrap();
        let (ws, _) = session.open(&request(), &plain()).await.unwrap();
        let http2 = echoes(ws, len).await;

        let ratio = http1.as_secs_f64() / http2.as_secs_f64();
        println!("{len} bytes: {http1:?} over HTTP/1.1, {http2:?} over HTTP/2: {ratio:.2}");
        assert!(http1 >= ECHOES * 2 * ONE_WAY, "the line is too fast: {http1:?}");
        assert!(ratio >= 0.8, "{len} bytes: {ratio:.2}");
    }
}

/// The line is one: what is written comes out later, whole and in order.
#[tokio::test(start_paused = true)]
async fn the_line_delays() {
    let (mut near, mut far) = line();
    let started = Instant::now();
    let written: Vec<u8> = (0..200).collect();
    near.write_all(&written).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 200 {
        far.read_buf(&mut read).await.unwrap();
    }
    assert_eq!(read, written);
    assert!(started.elapsed() >= ONE_WAY && started.elapsed() < 2 * ONE_WAY);
}
