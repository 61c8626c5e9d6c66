//! A conversation in which nothing can go wrong unnoticed: every message has its number, and a
//! checksum of all of it. The client says them by one door of the API, the server echoes them by the
//! same, both check what arrives, and the client closes when it has all.

use std::net::SocketAddr;
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::{Deflate, Incoming, Memory, Reader, Transport, Writer, connect_with};
use bowstring::proto::{AsEvent, Expired, Misuse};
use bowstring::{CloseCode, Config, Error, Event, Message, WebSocket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::proxy::{Fault, Proxy};
use crate::support::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `recv` and `send`.
    Send,
    /// `recv` and `feed`.
    Feed,
    /// `batch`.
    Batch,
    /// A `Reader` and a `Writer`, in tasks of their own.
    Split,
}

pub const DOORS: [Door; 4] = [Door::Send, Door::Feed, Door::Batch, Door::Split];

/// How long messages are.
#[derive(Clone, Copy, Debug)]
pub enum Sizes {
    /// Up to 24 bytes.
    Small,
    /// Mostly small; one in 64 up to 2,000 bytes, one in 1,024 up to 70,000.
    Mixed,
}

/// Who echoes.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Our library's server in this process.
    Library,
    /// A process.
    Process(u16),
}

#[derive(Clone, Debug)]
pub struct Case {
    pub door: Door,
    pub target: Target,
    pub count: u32,
    pub sizes: Sizes,
    pub up: Fault,
    pub down: Fault,
    pub seed: u64,
    /// The client's, and the library's server's.
    pub config: Config,
}

/// How one side fared.
#[derive(Debug)]
pub struct Side {
    /// How many messages it had, all as they should be and in order.
    pub had: u32,
    /// The code in the peer's close frame.
    pub told: Option<CloseCode>,
    pub end: Result<(), Error>,
}

#[derive(Debug)]
pub struct Outcome {
    pub client: Side,
    /// Not known of a process.
    pub server: Option<Side>,
    /// How many bytes went up and down.
    pub passed: [usize; 2],
}

/// What both sides allow, with messages compressed or not. Where they are, each refers to those
/// before it: one that was lost or doubled would spoil the rest.
pub fn config(compressed: bool) -> Config {
    let mut config = Config::default();
    let mut deflate = Deflate::default();
    deflate.memory = Memory::Full;
    deflate.threshold = 16;
    config.deflate = compressed.then_some(deflate);
    config
}

impl Case {
    /// Has the conversation through a proxy of its own. A message that is not what it should be is a
    /// panic, an end before its time an outcome.
    pub async fn run(&self) -> Outcome {
        let (server, address) = match self.target {
            Target::Library => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let (door, config) = (self.door, self.config.clone());
                let task = tokio::spawn(async move {
                    let (stream, _) = listener.accept().await.unwrap();
                    let mut had = Ledger::default();
                    let end = serve(stream, door, &config, &mut had).await;
                    Side { had: had.next, told: had.told, end }
                });
                (Some(task), address)
            }
            Target::Process(port) => (None, SocketAddr::from(([127, 0, 0, 1], port))),
        };
        let proxy = Proxy::open(address, self.up, self.down, self.seed).await;
        let mut had = Ledger::default();
        let end = self.converse(proxy.address, &mut had).await;
        let client = Side { had: had.next, told: had.told, end };
        let server = match server {
            Some(server) => Some(server.await.expect("the server's side holds")),
            None => None,
        };
        Outcome { client, server, passed: proxy.passed() }
    }

    async fn converse(&self, address: SocketAddr, had: &mut Ledger) -> Result<(), Error> {
        let request = ClientRequest::new(format!("ws://{address}/").parse().unwrap());
        let (ws, _) = connect_with(&request, &self.config).await?;
        let mut speaker = Speaker { sent: 0, under_way: Default::default(), case: self };
        match self.door {
            Door::Send | Door::Feed => speaker.one_at_a_time(ws, had).await,
            Door::Batch => speaker.in_batches(ws, had).await,
            Door::Split => self.in_two_tasks(ws.split(), had).await,
        }
    }

    async fn in_two_tasks(
        &self,
        (mut reader, writer): (Reader<Transport>, Writer<Transport>),
        had: &mut Ledger,
    ) -> Result<(), Error> {
        let (sending, &Self { count, sizes, .. }) = (writer.clone(), self);
        let said = tokio::spawn(async move {
            for number in 0..count {
                sending.feed(message(number, sizes)).await?;
            }
            sending.flush().await
        });
        let mut closed = Ok(());
        let heard = loop {
            match reader.recv().await {
                Ok(Some(message)) => had.note(message.as_event()),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if had.next == count && closed.is_ok() {
                closed = writer.close(1000, "all had").await;
            }
        };
        let said = said.await.unwrap();
        // The reader knows why; a writer may only learn that it is over.
        match (heard, said) {
            (Ok(()), Ok(())) => closed,
            // The server gave us up.
            (Ok(()), Err(_)) if had.next < count => Ok(()),
            (Ok(()), Err(error)) => panic!("a clean end, but not for the writer: {error}"),
            (Err(error), said) => {
                if let Err(told) = said {
                    assert!(is_over(&told), "{told}: {error}");
                }
                Err(error)
            }
        }
    }
}

/// Says messages, a few ahead of their echoes: one task that only sent would wait for a peer that
/// waits for it.
struct Speaker<'a> {
    sent: u32,
    /// How long each is that was not heard yet.
    under_way: std::collections::VecDeque<usize>,
    case: &'a Case,
}

impl Speaker<'_> {
    /// The next message, if it may be said now.
    fn next(&mut self) -> Option<Message> {
        if self.sent == self.case.count || self.under_way.len() == 256 {
            return None;
        }
        let len = len(self.sent, self.case.sizes);
        if !self.under_way.is_empty() && self.under_way.iter().sum::<usize>() + len > 32 << 10 {
            return None;
        }
        self.under_way.push_back(len);
        self.sent += 1;
        Some(message(self.sent - 1, self.case.sizes))
    }

    fn heard(&mut self, had: &mut Ledger, event: Event<'_>) {
        had.note(event);
        if had.told.is_none() {
            self.under_way.pop_front().expect("no more is echoed than was said");
        }
    }

    async fn one_at_a_time(
        &mut self,
        mut ws: WebSocket<Transport>,
        had: &mut Ledger,
    ) -> Result<(), Error> {
        while had.next < self.case.count {
            while let Some(message) = self.next() {
                match self.case.door {
                    _ if had.told.is_some() => {}
                    Door::Send => ws.send(message).await?,
                    _ => ws.feed(message).await?,
                }
            }
            // The server gave us up.
            let Some(message) = ws.recv().await? else { return Ok(()) };
            self.heard(had, message.as_event());
        }
        ws.close(1000, "all had").await
    }

    async fn in_batches(
        &mut self,
        mut ws: WebSocket<Transport>,
        had: &mut Ledger,
    ) -> Result<(), Error> {
        while let Some(message) = self.next() {
            ws.feed(message).await?;
        }
        while had.next < self.case.count {
            let Some((mut events, mut outgoing)) = ws.batch().await? else { return Ok(()) };
            while let Some(event) = events.next() {
                self.heard(had, event);
                while had.told.is_none()
                    && let Some(message) = self.next()
                {
                    outgoing.feed(message)?;
                }
            }
        }
        ws.close(1000, "all had").await
    }
}

async fn serve(
    stream: TcpStream,
    door: Door,
    config: &Config,
    had: &mut Ledger,
) -> Result<(), Error> {
    let mut ws = Incoming::read(stream, config).await?.accept().await?;
    match door {
        Door::Send | Door::Feed => {
            while let Some(message) = ws.recv().await? {
                had.note(message.as_event());
                match door {
                    _ if message.is_close() => {}
                    Door::Send => ws.send(message).await?,
                    _ => ws.feed(message).await?,
                }
            }
            Ok(())
        }
        Door::Batch => {
            while let Some((mut events, mut outgoing)) = ws.batch().await? {
                while let Some(event) = events.next() {
                    had.note(event);
                    outgoing.feed(event)?;
                }
            }
            Ok(())
        }
        Door::Split => {
            let (mut reader, writer) = ws.split();
            // Unbounded: a reader that waits for the writer is not polled, and so keeps no deadline
            // for a peer that takes nothing.
            let (give, mut take) = mpsc::unbounded_channel::<Message>();
            let answering = tokio::spawn(async move {
                while let Some(message) = take.recv().await {
                    writer.feed(message).await?;
                    if take.is_empty() {
                        writer.flush().await?;
                    }
                }
                Ok::<_, Error>(())
            });
            let heard = loop {
                match reader.recv().await {
                    Ok(Some(message)) => {
                        had.note(message.as_event());
                        // It is gone only if it has failed: the reader will learn that too.
                        if !message.is_close() {
                            let _ = give.send(message);
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            drop(give);
            if let Err(told) = answering.await.unwrap() {
                assert!(is_over(&told), "{told}: {heard:?}");
            }
            heard
        }
    }
}

/// Whether this is what a writer learns of an end that its reader knows: that it has come; that the
/// close frame went before which says so; or that nothing was taken of what it waited with.
fn is_over(told: &Error) -> bool {
    matches!(
        told,
        Error::Closed(_)
            | Error::Lost
            | Error::Misuse(Misuse::Closed)
            | Error::Timeout(Expired::Pong | Expired::Write)
    )
}

/// What one side has received: all messages up to this one, each once, whole and in order.
#[derive(Debug, Default)]
pub struct Ledger {
    next: u32,
    /// The code in the close frame behind them.
    told: Option<CloseCode>,
}

impl Ledger {
    fn note(&mut self, event: Event<'_>) {
        let (text, is_text) = match event {
            Event::Text(text) => (text, true),
            Event::Binary(bytes) => (std::str::from_utf8(bytes).expect("as it was sent"), false),
            Event::Close(close) => {
                self.told = close.map(|close| close.code);
                return;
            }
            other => panic!("nobody says {other:?}"),
        };
        let (number, sum) = text
            .get(..8)
            .zip(text.len().checked_sub(8).and_then(|from| text.get(from..)))
            .unwrap_or_else(|| panic!("halved: {text:?}"));
        let [number, sum] = [number, sum].map(|hex| u32::from_str_radix(hex, 16).expect("hex"));
        assert_eq!(number, self.next, "lost, doubled or out of order");
        assert_eq!(sum, checksum(&text[..text.len() - 8]), "number {number} is spoilt");
        assert_eq!(is_text, number.is_multiple_of(2), "number {number} changed its type");
        self.next += 1;
    }
}

/// Message `number`: `number | words | checksum`. Every other is text.
fn message(number: u32, sizes: Sizes) -> Message {
    const WORDS: [&str; 8] = ["a", "ab ", "é", "漢", "0", "한글 ", "🙂", "and "];
    let len = len(number, sizes);
    let mut random = Random::new(number.into());
    let mut text = format!("{number:08x}");
    while text.len() + 8 < len {
        let word = WORDS[random.below(WORDS.len())];
        text.push_str(if text.len() + word.len() + 8 > len { "." } else { word });
    }
    text.push_str(&format!("{:08x}", checksum(&text)));
    debug_assert_eq!(text.len(), len);
    if number.is_multiple_of(2) { Message::text(text) } else { Message::binary(text) }
}

/// How long message `number` is.
fn len(number: u32, sizes: Sizes) -> usize {
    let mut random = Random::new(u64::from(number) << 20);
    let small = 16 + random.below(8);
    match sizes {
        Sizes::Small => small,
        Sizes::Mixed => match (number % 1024, number % 64) {
            (150, _) => small + random.below(70_000),
            (_, 5) => small + random.below(2000),
            _ => small + random.below(40),
        },
    }
}

/// FNV-1a.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Deadlines that a test can wait for.
pub fn short(mut config: Config) -> Config {
    let half = Duration::from_millis(500);
    config.handshake_timeout = 2 * half;
    config.timeouts.keep_alive = Some(half);
    config.timeouts.pong = half;
    config.timeouts.close = half;
    config
}
