//! Over real sockets: a server that is cut, closed and restarted again and again, on another port each time. Its client
//! asks for what follows its position, and gets every number once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowstring::net::{ReconnectEvent, ReconnectingWebSocket};
use bowstring::server::{Accept, Answer, Request, Server, ServerConnection};
use bowstring::{Connector, Message};
use bowstring_testing::io::wait::soon;
use futures_util::FutureExt;
use http::StatusCode;
use tokio::sync::mpsc;

use crate::network::*;

const NUMBERS: u32 = 4000;

/// How a server goes.
enum Going {
    Abort,
    Drain,
}

#[derive(Default)]
struct World {
    address: Mutex<Option<SocketAddr>>,
    connections: AtomicU32,
    /// How often each message of the client has arrived.
    arrived: Mutex<BTreeMap<u32, u32>>,
    /// Nothing is cut any more.
    calm: AtomicBool,
}

/// Sends the numbers that the client wants, takes what it says, and ends after a random while, one way or another.
async fn serve(
    mut connection: ServerConnection,
    world: Arc<World>,
    going: mpsc::UnboundedSender<Going>,
) -> Result<(), bowstring::Error> {
    let mut random = Random::new(world.connections.fetch_add(1, SeqCst).into());
    let Some(Message::Text(position)) = connection.recv().await? else { return Ok(()) };
    let mut next = position.parse::<u32>().unwrap() + 1;
    for _ in 0..random.below(100) {
        while let Some(said) = connection.recv().now_or_never() {
            let Some(said) = said? else { return Ok(()) };
            note(&world, &said);
        }
        if next <= NUMBERS {
            connection.feed(next.to_string()).await?;
            next += 1;
        }
        if random.below(4) == 0 {
            connection.flush().await?;
            tokio::task::yield_now().await;
        }
    }
    if world.calm.load(SeqCst) || next > NUMBERS {
        while let Some(said) = connection.recv().await? {
            note(&world, &said);
        }
        return Ok(());
    }
    match random.below(5) {
        0 => drop(going.send(Going::Abort)),
        1 => drop(going.send(Going::Drain)),
        way => connection.close([1001, 1011, 1012][way - 2], "").await?,
    }
    // It is being cut, or has been closed.
    while connection.recv().await?.is_some() {}
    Ok(())
}

fn note(world: &World, said: &Message) {
    if let Message::Text(number) = said {
        *world.arrived.lock().unwrap().entry(number.parse().unwrap()).or_default() += 1;
    }
}

/// One server after another, each on a port of its own.
async fn servers(world: Arc<World>) {
    loop {
        let refused = AtomicU32::new(0);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let server = server.on_request(move |_: Request| {
            // Each third request is refused at first.
            let refused = refused.fetch_add(1, SeqCst) % 3 == 1;
            async move {
                match refused {
                    true => Err(Answer::from(StatusCode::SERVICE_UNAVAILABLE)),
                    false => Ok(Accept::default()),
                }
            }
        });
        *world.address.lock().unwrap() = server.local_addrs().next();
        let handle = server.handle();
        let (give, mut going) = mpsc::unbounded_channel();
        let serving = {
            let world = Arc::clone(&world);
            tokio::spawn(
                server.serve(move |connection| serve(connection, Arc::clone(&world), give.clone())),
            )
        };
        match going.recv().await {
            Some(Going::Drain) => handle.drain(),
            _ => handle.abort(),
        }
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn every_number_comes_once_however_often_the_server_goes() {
    let world = Arc::new(World::default());
    let serving = tokio::spawn(servers(Arc::clone(&world)));
    let position = Arc::new(AtomicU32::new(0));
    let (connector, reached) = (Connector::new(), Arc::clone(&position));
    let addresses = Arc::clone(&world);
    let mut client = ReconnectingWebSocket::from_fn(move |_| {
        let connector = connector.clone();
        let address = *addresses.address.lock().unwrap();
        async move {
            let address = address.unwrap_or_else(|| ([127, 0, 0, 1], 1).into());
            Ok(connector.connect(format!("ws://{address}/")).await?.0)
        }
    })
    .on_connect(move |mut ws| {
        let position = reached.load(SeqCst);
        async move {
            ws.send(position.to_string()).await?;
            Ok(ws)
        }
    })
    .config(settings(|config| {
        config.base = Duration::from_millis(1);
        config.cap = Duration::from_millis(10);
        config.restart_pause = (Duration::ZERO, Duration::from_millis(5));
        config.max_kept_messages = 50;
    }));

    let (mut said, mut again) = (0, BTreeMap::<u32, u32>::new());
    let mut disconnected = 0;
    let following = async {
        while position.load(SeqCst) < NUMBERS {
            match client.event().await.unwrap().unwrap() {
                ReconnectEvent::Message(message) => {
                    let number = position.fetch_add(1, SeqCst) + 1;
                    assert_eq!(message, Message::from(number.to_string()));
                    if number.is_multiple_of(3) {
                        said += 1;
                        client.send(said.to_string()).await.unwrap();
                    }
                }
                ReconnectEvent::Disconnected { in_doubt, .. } => {
                    disconnected += 1;
                    for message in in_doubt {
                        let number = message.as_text().unwrap().parse().unwrap();
                        *again.entry(number).or_default() += 1;
                        client.send(message).await.unwrap();
                    }
                }
                _ => {}
            }
        }
        world.calm.store(true, SeqCst);
        client.close(1000, "").await.unwrap()
    };
    let undelivered = soon("all numbers", following).await;
    assert!(disconnected > 30, "{disconnected}");
    let arrived = world.arrived.lock().unwrap();
    let never: Vec<_> = undelivered.in_doubt.iter().chain(&undelivered.unsent).collect();
    for number in 1..=said {
        let times = arrived.get(&number).copied().unwrap_or_default();
        let sent = 1 + again.get(&number).copied().unwrap_or_default();
        let undelivered =
            never.iter().any(|message| **message == Message::from(number.to_string()));
        assert!(times <= sent, "{number} was sent {sent} times and arrived {times} times");
        assert!(times > 0 || undelivered, "{number} is lost, and nobody was told");
    }
    serving.abort();
}
