//! Exercises a foreign echo server: `interop-client ws://HOST:PORT/`.
//!
//! Sends text and binary of every length form, whole and in parts, checks that each comes back the
//! same, pings, and closes with 1000. Exits 0 if all of it held.

use std::process::ExitCode;

use bowstring::handshake::ClientRequest;
use bowstring::net::connect_with;
use bowstring::{Config, Event, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(server) = std::env::args().nth(1) else {
        eprintln!("usage: interop-client ws://HOST:PORT/");
        return ExitCode::from(2);
    };
    match run(&server).await {
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

async fn run(server: &str) -> Result<u32, Box<dyn std::error::Error>> {
    let mut config = Config::default();
    config.report_pings = true;
    let (mut ws, response) = connect_with(&ClientRequest::new(server.parse()?), &config).await?;
    if response.status() != 101 {
        return Err(format!("the server answered {}", response.status()).into());
    }
    let mut messages = 0;
    for len in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20, 4 << 20] {
        let data: Vec<u8> = (0..len).map(|i: usize| ((i * 31) >> 3) as u8).collect();
        let text: String = "활시위 bowstring ".chars().cycle().take(len / 3).collect();
        for message in [Message::from(data), Message::from(text)] {
            ws.send(&message).await?;
            expect(ws.recv().await?, &message)?;
            messages += 1;
        }
    }

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

fn expect(came: Option<Message>, expected: &Message) -> Result<(), String> {
    if came.as_ref() == Some(expected) {
        return Ok(());
    }
    let show = |message: &Message| format!("{message:.80?}").chars().take(120).collect::<String>();
    let came = came.as_ref().map_or_else(|| "the end".to_owned(), show);
    Err(format!("expected {}, got {came}", show(expected)))
}
