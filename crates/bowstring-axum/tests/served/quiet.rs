//! Peers that say nothing, in virtual time: over a pipe, with hyper's builder around the router.

use std::time::Duration;

use axum::Router;
use bowstring_testing::frames::*;
use bowstring_testing::handshake::request_to;
use bowstring_testing::io::wait::in_time;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

use super::on_bowstring;

/// A client without rules, upgraded over a pipe.
struct Client {
    pipe: DuplexStream,
    read: Vec<u8>,
}

impl Client {
    async fn open(app: Router, path: &str) -> Self {
        let (mut pipe, far) = duplex(64 << 10);
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(app);
            let serving = builder.serve_connection_with_upgrades(TokioIo::new(far), service);
            serving.into_owned().await.unwrap();
        });
        let request = request_to("localhost", "").replace("GET / ", &format!("GET {path} "));
        pipe.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            assert_ne!(in_time(pipe.read_buf(&mut read)).await.unwrap(), 0);
        }
        assert!(read.starts_with(b"HTTP/1.1 101 "), "{}", read.escape_ascii());
        Self { pipe, read: Vec::new() }
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some((frame, len)) = Frame::parse(&self.read) {
                self.read.drain(..len);
                return frame;
            }
            assert_ne!(in_time(self.pipe.read_buf(&mut self.read)).await.unwrap(), 0);
        }
    }
}

/// A program that has only changed its import notices that its peer is gone. It receives no pong that it has not asked
/// for: one that takes whatever comes for a message would end after 20 s of silence.
#[tokio::test(start_paused = true)]
async fn a_quiet_peer_is_asked_and_a_dead_one_given_up() {
    let (app, mut diary) = on_bowstring::diary::app();
    let mut client = Client::open(app, "/recv").await;
    let start = Instant::now();
    let about = |seconds: u64| {
        let took = start.elapsed();
        let expected = Duration::from_secs(seconds);
        assert!(took.abs_diff(expected) < Duration::from_millis(100), "{took:?}, not {expected:?}");
    };

    let ping = client.frame().await;
    assert_eq!(ping.first(), FIN | PING);
    about(20);
    client.pipe.write_all(&client_frame(FIN | PONG, &ping.payload)).await.unwrap();
    // Nobody has asked for this one, and the program receives it.
    client.pipe.write_all(&client_frame(FIN | PONG, "alive")).await.unwrap();
    assert_eq!(in_time(diary.recv()).await.unwrap(), "pong 5");

    assert_eq!(client.frame().await.first(), FIN | PING);
    about(40);
    // The peer is gone. The program learns it, and what it can do.
    assert_eq!(in_time(diary.recv()).await.unwrap(), "error");
    about(60);
    for line in ["end", "end", "not sent"] {
        assert_eq!(in_time(diary.recv()).await.unwrap(), line);
    }
    assert_eq!(client.frame().await.code(), 1011);
    about(60);
}
