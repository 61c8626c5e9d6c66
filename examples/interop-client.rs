//! Exercises a foreign echo server: `interop-client ws://HOST:PORT/ [MODE [LONGEST]]`.
//!
//! Sends text and binary of every length form, whole and in parts, checks that each comes back the
//! same, pings, and closes with 1000. Exits 0 if all of it held. LONGEST is the length of the longest
//! messages in bytes, 4 MiB unless told.
//!
//! MODE says how messages are compressed, in the words of the echo server: `off`, `shared`,
//! `window=BITS` or `full`. Given one, the client fails if both directions are not what it says.
//! It prints what the server answered to the offer, and what repeating a message costs: this shows
//! whether the other side remembers the last one. Without one, it takes what it gets.

use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;

use bowstring::handshake::ClientRequest;
use bowstring::net::{Deflate, Memory, Transport, connect_with};
use bowstring::proto::Ratio;
use bowstring::{Config, Event, Message, WebSocket};
use http::header::SEC_WEBSOCKET_EXTENSIONS;

/// The lengths at which a header changes its form, and a long one; after them comes the longest.
const LENGTHS: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20];
const LONGEST: usize = 4 << 20;

/// A repeated message fits a window of 9, 12 or 15 bits: so the last does not fit one of 12.
const REPEATED: [usize; 3] = [200, 3_000, 20_000];
const TIMES: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let run = match &args[..] {
        [server] => run(server, None, LONGEST).await,
        [server, word, longest @ ..] if longest.len() < 2 => match (mode(word), longest.first()) {
            (None, _) => Err(format!("no mode {word:?}: off, shared, window=9 to 15, full").into()),
            (deflate, None) => run(server, deflate, LONGEST).await,
            (deflate, Some(longest)) => match longest.parse() {
                Ok(longest) => run(server, deflate, longest).await,
                Err(error) => Err(format!("no length {longest:?}: {error}").into()),
            },
        },
        _ => Err("usage: interop-client ws://HOST:PORT/ [MODE [LONGEST]]".into()),
    };
    match run {
        Ok(messages) => {
            println!("{messages} messages came back as they went");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("interop-client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `off` is `Some(None)`.
fn mode(word: &str) -> Option<Option<Deflate>> {
    let mut deflate = Deflate::default();
    deflate.memory = match word.split_once('=') {
        None if word == "off" => return Some(None),
        None if word == "shared" => Memory::Shared,
        None if word == "full" => Memory::Full,
        Some(("window", bits)) => {
            Memory::Window(bits.parse().ok().filter(|bits| (9..=15).contains(bits))?)
        }
        _ => return None,
    };
    Some(Some(deflate))
}

async fn run(
    server: &str,
    mode: Option<Option<Deflate>>,
    longest: usize,
) -> Result<usize, Box<dyn Error>> {
    let mut config = Config::default();
    config.report_pings = true;
    if let Some(deflate) = mode {
        config.deflate = deflate;
    }
    let (ws, response) = connect_with(&ClientRequest::new(server.parse()?), &config).await?;
    if response.status() != 101 {
        return Err(format!("the server answered {}", response.status()).into());
    }
    if mode.is_some() {
        let answer = response.headers().get(SEC_WEBSOCKET_EXTENSIONS);
        println!("answer: {}", answer.map_or("", |value| value.to_str().unwrap_or("?")));
    }

    let mut echoes = Echoes { ws, messages: 0 };
    let before = echoes.ws.ratios();
    for len in LENGTHS.into_iter().chain([longest]) {
        let mut data: Vec<u8> =
            (0..=len / 8).flat_map(|n| format!("{n:08}").into_bytes()).collect();
        data.truncate(len);
        echoes.comes_back(data.into()).await?;
        let text: String = "활시위 bowstring ".chars().cycle().take(len / 3).collect();
        echoes.comes_back(text.into()).await?;
    }
    if let Some(deflate) = mode {
        let after = echoes.ws.ratios();
        compressed("what was sent", before.0, after.0, deflate.is_some())?;
        compressed("what came back", before.1, after.1, deflate.is_some())?;
    }
    let mut random = Random(0x0062_6f77_7374_7269);
    for len in LENGTHS.into_iter().chain([longest]) {
        let data: Vec<u8> = (0..len).map(|_| random.next()).collect();
        echoes.comes_back(data.into()).await?;
    }
    for len in REPEATED {
        let text: String = (0..len)
            .map(|_| char::from(b"0123456789abcdef"[usize::from(random.next() % 16)]))
            .collect();
        let before = echoes.ws.ratios();
        for _ in 0..TIMES {
            echoes.comes_back(text.clone().into()).await?;
        }
        let after = echoes.ws.ratios();
        let (sent, received) = (after.0.wire - before.0.wire, after.1.wire - before.1.wire);
        if mode.is_some() {
            println!("{TIMES} times {len}: {sent} sent, {received} received");
        }
    }

    let Echoes { mut ws, messages } = echoes;
    for part in ["가", "", "나다"] {
        ws.feed_part(part, false).await?;
    }
    ws.feed_part("라", true).await?;
    ws.flush().await?;
    expect(ws.recv().await?, &Message::from("가나다라"))?;

    ws.send(Event::Ping(b"anyone there?")).await?;
    expect(ws.recv().await?, &Event::Pong(b"anyone there?").into())?;
    ws.close(1000, "all came back").await?;
    Ok(messages + 1)
}

/// A connection, and how many messages came back on it.
struct Echoes {
    ws: WebSocket<Transport>,
    messages: usize,
}

impl Echoes {
    async fn comes_back(&mut self, message: Message) -> Result<(), Box<dyn Error>> {
        self.ws.send(&message).await?;
        expect(self.ws.recv().await?, &message)?;
        self.messages += 1;
        Ok(())
    }
}

fn expect(came: Option<Message>, expected: &Message) -> Result<(), String> {
    if came.as_ref() == Some(expected) {
        return Ok(());
    }
    let show = |message: &Message| format!("{message:.80?}").chars().take(120).collect::<String>();
    let came = came.as_ref().map_or_else(|| "the end".to_owned(), show);
    Err(format!("expected {}, got {came}", show(expected)))
}

/// What was sent or received in between shrank to less than half, or was not compressed at all.
fn compressed(what: impl Display, from: Ratio, to: Ratio, wanted: bool) -> Result<(), String> {
    let (plain, wire) = (to.plain - from.plain, to.wire - from.wire);
    let is = wire * 2 < plain;
    if is == wanted && (is || wire == plain) {
        return Ok(());
    }
    Err(format!("{what} was {}compressed: {plain} bytes took {wire}", if is { "" } else { "not " }))
}

/// Bytes that cannot be compressed, the same each time (xorshift64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u8
    }
}
