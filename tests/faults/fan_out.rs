//! S41: what is published to 10,000 reaches them all, while one of them takes nothing; and lies in
//! memory once, even while nobody takes it.

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use bowstring::net::Overflow;
use bowstring::server::{Accept, Answer, Request, Server as Library, ServerConnection, Topic};
use bowstring::{Config, Error, Message, Prepared};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::churn::{connect, upgrade};
use crate::harness::*;
use crate::{allow_descriptors, alone, run};

/// What tells the one who publishes from those who subscribe.
const PUBLISHES: &str = "X-Publishes: yes\r\n";

/// A process of its own, whose memory is nobody else's: the test below starts it.
#[test]
#[ignore = "a server that the test below starts, and kills"]
fn publisher() {
    let mut config = Config::default();
    config.overflow = Overflow::DropNewest;
    config.deflate = None;
    run(async {
        // The kernel takes little, so that what waits does so here.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(16 << 10).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let server = Library::new().listen(socket.listen(1024).unwrap());
        for address in server.local_addrs() {
            writeln!(std::io::stdout(), "listening on ws://{address}/").unwrap();
        }
        let topic = Topic::new();
        let server = server.config(config).on_request(async |request: Request| {
            Ok::<_, Answer>(Accept::new(request.headers().contains_key("x-publishes")))
        });
        server.serve(move |connection| member(connection, topic.clone())).await
    });
}

async fn member(connection: ServerConnection<bool>, topic: Topic) -> Result<(), Error> {
    let (mut reader, writer, publishes) = connection.split();
    let _subscription = if publishes { None } else { Some(topic.subscribe(&writer)) };
    while let Some(message) = reader.recv().await? {
        if let Message::Binary(data) = message {
            let count = topic.publish(&Prepared::binary(&data));
            writer.send(count.to_string()).await?;
        }
    }
    Ok(())
}

/// Messages of one length, each with its number in front.
#[derive(Clone, Copy)]
struct Series {
    numbers: (u32, u32),
    len: usize,
}

impl Series {
    fn message(self, number: u32) -> Vec<u8> {
        let mut data = vec![number as u8; self.len];
        data[..4].copy_from_slice(&number.to_be_bytes());
        data
    }

    /// How long it takes until the last is framed for all, of whom there are so many.
    fn publish(self, publisher: &mut Client, subscribers: usize) -> Duration {
        let start = Instant::now();
        for number in self.numbers.0..self.numbers.1 {
            publisher.send(&client_frame(FIN | BINARY, self.message(number)));
            assert_eq!(publisher.frame().unwrap().payload, subscribers.to_string().as_bytes());
        }
        start.elapsed()
    }

    async fn heard(self, mut stream: TcpStream) -> TcpStream {
        for number in self.numbers.0..self.numbers.1 {
            let expected = server_frame(FIN | BINARY, self.message(number));
            let mut heard = vec![0; expected.len()];
            stream.read_exact(&mut heard).await.unwrap();
            assert!(heard == expected, "message {number}: {}", heard[..9].escape_ascii());
        }
        stream
    }

    async fn heard_by_all(self, subscribers: Vec<TcpStream>) -> Vec<TcpStream> {
        let mut hearing: JoinSet<_> =
            subscribers.into_iter().map(|stream| self.heard(stream)).collect();
        let mut subscribers = Vec::new();
        while let Some(heard) = hearing.join_next().await {
            subscribers.push(heard.unwrap());
        }
        subscribers
    }
}

#[test]
fn s41_ten_thousand_hear_what_one_does_not_take() {
    let _alone = alone();
    let count = scale(10_000, 300);
    allow_descriptors(count + 1000);
    let mut server = Server::spawn(Command::new(std::env::current_exe().unwrap()).args([
        "--exact",
        "fan_out::publisher",
        "--ignored",
        "--nocapture",
    ]));
    let mut publisher = Client::tcp(server.port);
    publisher.upgrade(PUBLISHES);

    // One takes nothing: after 8 MiB all that may wait for it does.
    let mut stalled = Client::narrow(server.port).upgraded();
    let before = Series { numbers: (0, 8), len: 1 << 20 };
    before.publish(&mut publisher, 1);
    let small = Series { numbers: (100, 120), len: 100 };
    let large = Series { numbers: (200, 201), len: 256 << 10 };
    run(async {
        let mut subscribers = Vec::new();
        for number in 0..count {
            let mut stream = connect(server.port, number).await;
            upgrade(&mut stream).await;
            subscribers.push(stream);
        }
        let start = Instant::now();
        let hearing = tokio::spawn(small.heard_by_all(subscribers));
        let (mut publisher, framed) = tokio::task::spawn_blocking(move || {
            let framed = small.publish(&mut publisher, count + 1);
            (publisher, framed)
        })
        .await
        .unwrap();
        let mut subscribers = hearing.await.unwrap();
        println!(
            "S41: {} messages to {count} beside one that takes nothing: framed in {framed:.1?}, heard in {:.1?}",
            small.numbers.1 - small.numbers.0,
            start.elapsed()
        );

        // Nobody reads while it is published, so that most of it waits for each.
        let rss = server.rss();
        server.forget_peak();
        let mut publisher = tokio::task::spawn_blocking(move || {
            large.publish(&mut publisher, count + 1);
            publisher
        })
        .await
        .unwrap();
        let grown = server.peak() - rss;
        println!("S41: {} KiB that {count} do not take yet: {} KiB", large.len >> 10, grown / KIB);
        // A message, what reading and framing it costs, and a handle to it for each.
        let bound = 3 * large.len as i64 + 64 * KIB + count as i64 * 256 + MIB;
        assert!(grown < bound, "{} KiB of at most {} KiB", grown / KIB, bound / KIB);
        subscribers = large.heard_by_all(subscribers).await;

        // The one that took nothing has what came first, and is told no more than it may be.
        let first = stalled.frame().unwrap();
        assert!(first.payload == before.message(0));
        drop(subscribers);
        publisher.send(&client_close(1000, ""));
        publisher.closed_with(1000);
    });
    server.assert_alive();
}
