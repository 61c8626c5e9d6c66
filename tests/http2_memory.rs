//! What one connection of HTTP/2 may make us hold, whatever its peer does.
//!
//! Counted by an allocator for the whole process, which is why there is one test. The peer is bytes in a pipe, so it
//! holds next to nothing.

#[allow(dead_code, reason = "no future is polled by hand here")]
mod heap;
#[path = "http2/support.rs"]
mod support;

use bowstring::net::Transport;
use bowstring::net::http2::Session;
use bowstring::{Config, WebSocket};
use bowstring_testing::frames::{FIN, PING, client_frame};
use bowstring_testing::http2::flags::ACK;
use bowstring_testing::http2::types::{DATA, HEADERS, SETTINGS};
use bowstring_testing::http2::{connect, frame, headers, window_update};
use heap::heap;
use support::{Raw, echo, request, serve_with};
use tokio::task::yield_now;

/// What a connection may cost: one of HTTP/2, beside the messages and buffers of its sockets.
const LIMIT: usize = 16 << 20;

/// SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2) and SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3).
const WINDOW: u16 = 4;
const CONNECT_PROTOCOL: u16 = 8;

async fn settle() {
    for _ in 0..2000 {
        yield_now().await;
    }
}

fn sparse() -> Config {
    let mut config = Config::default();
    config.deflate = None;
    // What the sockets hold themselves is not what is measured.
    config.high_water = 0;
    config.timeouts.keep_alive = None;
    config
}

/// So many DATA frames of so many bytes on each of these streams in turn, while the peer takes them.
async fn flood(raw: &mut Raw, streams: &[u32], payload: &[u8], rounds: usize) {
    let round: Vec<u8> = streams.iter().flat_map(|&id| frame(DATA, 0, id, payload)).collect();
    for _ in 0..rounds {
        raw.send(&round).await;
    }
    settle().await;
}

/// A server's connection, whose peer has opened its windows as wide as they go and so many streams.
async fn attacked_with(streams: &[u32], config: Config) -> (Raw, Vec<WebSocket<Transport>>) {
    let (near, far) = tokio::io::duplex(16 << 10);
    let (mut accepted, _) = serve_with(far, config, |_| {});
    let mut raw = Raw::new(near, &[(WINDOW, i32::MAX as u32)]).await;
    raw.frame(SETTINGS).await;
    // The windows of the server hold from here on.
    raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
    raw.send(&window_update(0, i32::MAX as u32 - 65_535)).await;
    let mut sockets = Vec::new();
    for &id in streams {
        raw.send(&connect(id, &[])).await;
        raw.frame(HEADERS).await;
        sockets.push(accepted.recv().await.unwrap());
    }
    settle().await;
    (raw, sockets)
}

/// What the flood does beside filling the windows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Handlers {
    /// They do something else.
    Pause,
    /// They send as fast as they can, to a peer that reads nothing.
    Send,
}

async fn server(handlers: Handlers, len: usize, small: usize) -> usize {
    let streams: Vec<u32> = (0..100).map(|n| 2 * n + 1).collect();
    let (mut raw, mut sockets) = attacked_with(&streams, sparse()).await;
    let before = heap();
    let mut sending = Vec::new();
    if handlers == Handlers::Send {
        for mut ws in sockets.drain(..) {
            let send = async move { while ws.send([7; 8 << 10]).await.is_ok() {} };
            sending.push(tokio::spawn(send));
        }
    }
    // The window of the connection, and what the handlers' tasks read ahead.
    let rounds = (9 << 19) / (100 * len);
    flood(&mut raw, &streams, &vec![0; len], rounds).await;
    flood(&mut raw, &streams, &[0], small / 100).await;
    let grown = heap() - before;
    println!("server, {handlers:?}, DATA of {len}, {small} of 1: {} KiB", grown >> 10);
    assert!(sending.iter().all(|sending| !sending.is_finished()), "the connection has ended");
    sending.iter().for_each(tokio::task::JoinHandle::abort);
    grown
}

/// The same for a client of ours, whose server is hostile.
async fn client(handlers: Handlers, len: usize, small: usize) -> usize {
    let streams: Vec<u32> = (0..100).map(|n| 2 * n + 1).collect();
    let (near, far) = tokio::io::duplex(16 << 10);
    let connecting = tokio::spawn(async move { Session::over(near, &sparse()).await });
    let mut raw = Raw::server(far, &[(WINDOW, i32::MAX as u32), (CONNECT_PROTOCOL, 1)]).await;
    raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
    raw.send(&window_update(0, i32::MAX as u32 - 65_535)).await;
    let session = connecting.await.unwrap().unwrap();
    let mut sockets = Vec::new();
    for &id in &streams {
        let (config, request) = (sparse(), request());
        let (opened, ()) = tokio::join!(session.open(&request, &config), async {
            assert_eq!(raw.frame(HEADERS).await.stream, id);
            raw.send(&headers(id, &[(":status", "200")])).await;
        });
        sockets.push(opened.unwrap().0);
    }
    settle().await;
    let before = heap();
    let mut sending = Vec::new();
    if handlers == Handlers::Send {
        for mut ws in sockets.drain(..) {
            let send = async move { while ws.send([7; 8 << 10]).await.is_ok() {} };
            sending.push(tokio::spawn(send));
        }
    }
    flood(&mut raw, &streams, &[0], small / 100).await;
    // The rest of the window of the connection.
    let rounds = ((15 << 19) - small) / (100 * len);
    flood(&mut raw, &streams, &vec![0; len], rounds).await;
    let grown = heap() - before;
    println!("client, {handlers:?}, DATA of {len}, {small} of 1: {} KiB", grown >> 10);
    assert!(!session.is_draining());
    sending.iter().for_each(tokio::task::JoinHandle::abort);
    grown
}

/// S11: a handler that sends to a peer that takes nothing holds its buffer, a message, and what HTTP/2 has under it.
async fn slow_consumer() -> usize {
    let (_raw, mut sockets) = attacked_with(&[1], Config::default()).await;
    let mut ws = sockets.remove(0);
    let before = heap();
    let sending = tokio::spawn(async move {
        for _ in 0..2048 {
            ws.send([7; 64 << 10]).await.unwrap();
        }
    });
    settle().await;
    assert!(!sending.is_finished());
    let grown = heap() - before;
    sending.abort();
    grown
}

/// S09: pings without end from a peer that reads no pong.
async fn ping_flood() -> usize {
    let (mut raw, mut sockets) = attacked_with(&[1], Config::default()).await;
    let mut ws = sockets.remove(0);
    let reading = tokio::spawn(async move { ws.recv().await });
    settle().await;
    let before = heap();
    // The whole window: the peer reads no WINDOW_UPDATE either.
    let pings = frame(DATA, 0, 1, &client_frame(FIN | PING, [7; 125]).repeat(120));
    for _ in 0..(3 << 19) / (131 * 120) {
        raw.send(&pings).await;
    }
    settle().await;
    assert!(!reading.is_finished());
    let grown = heap().saturating_sub(before);
    reading.abort();
    grown
}

/// So many sockets on one connection, each of which echoes and is closed: what they leave behind, in bytes a socket.
async fn many_sockets() -> usize {
    // The allocator that counts is slow without optimisation.
    const SOCKETS: usize = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    let (near, far) = tokio::io::duplex(64 << 10);
    let (mut accepted, _) = serve_with(far, sparse(), |builder| {
        builder.http2().max_concurrent_streams(u32::try_from(SOCKETS).unwrap());
    });
    tokio::spawn(async move {
        while let Some(ws) = accepted.recv().await {
            tokio::spawn(echo(ws));
        }
    });
    let config = sparse();
    let session = Session::over(near, &config).await.unwrap();
    // What the tables of h2 have grown to stays, so the second time counts.
    let mut before = 0;
    for round in 0..2 {
        if round == 1 {
            before = heap();
        }
        let mut sockets = Vec::with_capacity(SOCKETS);
        for _ in 0..SOCKETS {
            sockets.push(session.open(&request(), &config).await.unwrap().0);
        }
        assert_eq!(session.open_streams(), SOCKETS);
        let open = heap();
        for ws in &mut sockets {
            ws.send("twenty bytes of text").await.unwrap();
        }
        settle().await;
        for ws in &mut sockets {
            assert_eq!(ws.recv().await.unwrap(), Some("twenty bytes of text".into()));
        }
        println!("{SOCKETS} sockets: {} bytes each", (open.saturating_sub(before)) / SOCKETS);
        for mut ws in sockets {
            ws.close(1000, "").await.unwrap();
        }
        settle().await;
        assert_eq!(session.open_streams(), 0);
    }
    heap().saturating_sub(before) / SOCKETS
}

#[tokio::test(start_paused = true)]
async fn s09_s11_a_connection_makes_us_hold_16_mib_at_most_and_a_socket_little() {
    let _profiler = dhat::Profiler::builder().testing().build();
    // All of them in release.
    let least = if cfg!(debug_assertions) { 3 } else { 0 };
    for handlers in [Handlers::Pause, Handlers::Send] {
        for &(len, small) in &[(16_384, 0), (256, 0), (256, 8_000), (1024, 8_000)][least..] {
            assert!(server(handlers, len, small).await <= LIMIT);
        }
        for &(len, small) in &[(16_384, 0), (256, 100_000), (20, 0), (1024, 20_000)][least..] {
            assert!(client(handlers, len, small).await <= LIMIT);
        }
    }
    let left = many_sockets().await;
    assert!(left <= 16, "{left} bytes of each socket are left");
    let slow = slow_consumer().await;
    let pings = ping_flood().await;
    println!("a slow consumer: {} KiB, a flood of pings: {} KiB", slow >> 10, pings >> 10);
    // 64 KiB and a message of 64 KiB wait, in a buffer that has doubled. In front of and within h2 are 48 KiB, and the
    // pipe is 16 KiB.
    assert!(slow <= 320 << 10, "{slow}");
    // 64 KiB of pongs wait, then nothing is read, but for 32 KiB ahead. The rest is as above.
    assert!(pings <= 160 << 10, "{pings}");
}
