//! Connections that come and go, 50,000 that echo and close and 50,000 that are reset: afterwards the
//! server is what it was before.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::harness::*;
use crate::{alone, fds_at_rest, run};

/// How many there are at a time.
const AT_ONCE: usize = 64;

/// From one of several addresses, so that no port is wanted again while the kernel remembers it.
pub async fn connect(port: u16, number: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 1, 1 + (number % 16) as u8], 0))).unwrap();
    let stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("connects");
    stream.set_nodelay(true).unwrap();
    stream
}

pub async fn upgrade(stream: &mut TcpStream) {
    stream.write_all(&request("")).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.unwrap() > 0, "an end within the head");
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
}

async fn echo_and_close(port: u16, number: usize) {
    let mut stream = connect(port, number).await;
    upgrade(&mut stream).await;
    let text = format!("visitor {number}, with something to echo: {}", "x".repeat(number % 300));
    stream.write_all(&client_frame(FIN | TEXT, &text)).await.unwrap();
    let mut echo = vec![0; server_frame(FIN | TEXT, &text).len()];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, server_frame(FIN | TEXT, &text));
    stream.write_all(&client_close(1000, "")).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("a clean end");
    assert_eq!(rest, server_frame(FIN | CLOSE, 1000u16.to_be_bytes()));
}

/// Reset in one state or another.
async fn reset(port: u16, number: usize) {
    let mut stream = connect(port, number).await;
    stream.set_zero_linger().unwrap();
    let request = request("");
    match number % 6 {
        0 => {}
        1 => stream.write_all(&request[..number % request.len()]).await.unwrap(),
        2 => stream.write_all(&request).await.unwrap(),
        3 => upgrade(&mut stream).await,
        4 => {
            upgrade(&mut stream).await;
            stream.write_all(&client_frame(FIN | BINARY, [7; 500])[..number % 500]).await.unwrap();
        }
        _ => {
            upgrade(&mut stream).await;
            // Its echo is on the way.
            stream.write_all(&client_frame(FIN | BINARY, [7; 500])).await.unwrap();
        }
    }
}

/// So many of each, and how many a second that were.
fn come_and_go(port: u16, count: usize) -> [f64; 2] {
    [true, false].map(|polite| {
        let start = Instant::now();
        run(async {
            let mut visitors = JoinSet::new();
            for first in 0..AT_ONCE {
                visitors.spawn(async move {
                    for number in (first..count).step_by(AT_ONCE) {
                        if polite {
                            echo_and_close(port, number).await;
                        } else {
                            reset(port, number).await;
                        }
                    }
                });
            }
            while let Some(done) = visitors.join_next().await {
                done.unwrap();
            }
        });
        count as f64 / start.elapsed().as_secs_f64()
    })
}

#[test]
fn s28_s36_connections_that_come_and_go() {
    let _alone = alone();
    let mut server = echo_server(2);
    let tasks = || std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap().count();
    let (fds, count) = (fds_at_rest(&server), scale(50_000, 1000));
    let mut bystander = Client::open(server.port);
    // Warm: what so many at a time need in any case is there.
    come_and_go(server.port, scale(count / 10, count));
    server.await_fds(fds + 1);
    let threads = tasks();
    // What leaks does so each time; an allocator is noisy, so it has three tries.
    let grew = (0..3).all(|_| {
        let warm = server.rss();
        let rates = come_and_go(server.port, count);
        let took = server.await_fds(fds + 1);
        let after = server.rss();
        println!(
            "churn: {count} of each, {:.0} and {:.0} a second; descriptors back after {took:.1?}; {} KiB \
             before, {} KiB after",
            rates[0],
            rates[1],
            warm / KIB,
            after / KIB
        );
        after * 100 > warm * 105
    });
    assert!(!grew, "its memory grows by more than 5 %");
    assert_eq!(tasks(), threads);
    // No task was left that still does something, or that it would wait for at its end.
    let cpu = server.cpu();
    std::thread::sleep(Duration::from_millis(500));
    let idle = server.cpu() - cpu;
    assert!(
        idle < Duration::from_millis(10),
        "{idle:?} of processor time in 0.5 s with nobody there"
    );
    bystander.echo("all the time");
    bystander.send(&client_close(1000, ""));
    bystander.closed_with(1000);
    server.signal("TERM");
    let start = Instant::now();
    assert_eq!(server.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
