//! A network of the test's own: each attempt is answered as the script says, and leads to a server in memory.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowstring::net::{
    Attempt, AttemptError, Disconnect, ReconnectConfig, ReconnectEvent, ReconnectingWebSocket,
    Transport, masking_key,
};
use bowstring::proto::Role;
use bowstring::{Config, Message, WebSocket};
pub use bowstring_testing::io::poll::not_yet;
pub use bowstring_testing::io::wait::in_time;
pub use bowstring_testing::random::Random;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The server's end of a connection.
pub type Served = WebSocket<DuplexStream>;

/// What an attempt comes to.
pub enum Answer {
    Accept,
    Fail(AttemptError),
    /// Nothing ever comes of it.
    Silence,
}

/// The servers that clients reach, and the attempts that they make.
pub struct Network {
    servers: mpsc::UnboundedReceiver<Served>,
    attempts: Arc<Mutex<Vec<(Duration, Attempt)>>>,
}

impl Network {
    /// A client, and the network it connects to. Every pause is as long as it may be.
    pub fn new(
        answer: impl FnMut(&Attempt) -> Answer + Send + 'static,
    ) -> (ReconnectingWebSocket, Self) {
        Self::with_room(256 << 10, &Config::default(), answer)
    }

    /// The same, with so many bytes under way at most.
    pub fn with_room(
        room: usize,
        config: &Config,
        mut answer: impl FnMut(&Attempt) -> Answer + Send + 'static,
    ) -> (ReconnectingWebSocket, Self) {
        let (give, servers) = mpsc::unbounded_channel();
        let attempts = Arc::<Mutex<Vec<_>>>::default();
        let (noted, config, start) = (Arc::clone(&attempts), config.clone(), Instant::now());
        let client = ReconnectingWebSocket::from_fn(move |attempt| {
            let answer = answer(&attempt);
            noted.lock().unwrap().push((start.elapsed(), attempt));
            let (give, config) = (give.clone(), config.clone());
            async move {
                match answer {
                    Answer::Accept => {}
                    Answer::Fail(error) => return Err(error),
                    Answer::Silence => std::future::pending().await,
                }
                let (near, far) = tokio::io::duplex(room);
                let quiet = {
                    let mut quiet = Config::default();
                    quiet.timeouts.keep_alive = None;
                    quiet
                };
                let _ = give.send(WebSocket::from_raw(far, Role::Server, [], &quiet));
                let near = Transport::from(near);
                Ok(WebSocket::from_raw(near, Role::Client(masking_key), [], &config))
            }
        });
        (client.jitter(|| 1.0), Self { servers, attempts })
    }

    /// A network in which every attempt succeeds.
    pub fn open() -> (ReconnectingWebSocket, Self) {
        Self::new(|_| Answer::Accept)
    }

    /// The server's end of the next connection.
    pub async fn server(&mut self) -> Served {
        in_time(self.servers.recv()).await.unwrap()
    }

    /// When the attempts were made, in milliseconds since the beginning.
    pub fn attempted(&self) -> Vec<u128> {
        self.attempts.lock().unwrap().iter().map(|(at, _)| at.as_millis()).collect()
    }

    /// The numbers that the attempts had.
    pub fn numbers(&self) -> Vec<u32> {
        self.attempts.lock().unwrap().iter().map(|(_, attempt)| attempt.number).collect()
    }
}

/// Runs both, until the first has ended; the second must not.
pub async fn beside<T>(work: impl Future<Output = T>, other: impl Future<Output = ()>) -> T {
    let both = async {
        tokio::select! {
            output = work => output,
            () = async { other.await; std::future::pending().await } => unreachable!(),
        }
    };
    in_time(both).await
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub fn settings(change: impl FnOnce(&mut ReconnectConfig)) -> ReconnectConfig {
    let mut config = ReconnectConfig::default();
    change(&mut config);
    config
}

pub fn text(text: &str) -> Message {
    Message::from(text)
}

pub fn texts(of: &[&str]) -> Vec<Message> {
    of.iter().map(|of| text(of)).collect()
}

/// The next text that the server receives.
pub async fn received(server: &mut Served) -> String {
    loop {
        match in_time(server.recv()).await.unwrap() {
            Some(Message::Text(text)) => return text.to_string(),
            Some(Message::Ping(_) | Message::Pong(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Waits until the client is connected.
pub async fn connected(client: &mut ReconnectingWebSocket) {
    match in_time(client.event()).await.unwrap() {
        Some(ReconnectEvent::Connected) => {}
        other => panic!("{other:?}"),
    }
}

/// Waits until the connection has ended: what is in doubt, and why.
pub async fn disconnected(client: &mut ReconnectingWebSocket) -> (Vec<Message>, Arc<Disconnect>) {
    match in_time(client.event()).await.unwrap() {
        Some(ReconnectEvent::Disconnected { cause, in_doubt, .. }) => (in_doubt, cause),
        other => panic!("{other:?}"),
    }
}
