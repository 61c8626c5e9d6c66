//! A client that stays connected: `cargo run --example follow ws://127.0.0.1:9001/` prints what it is told
//! and says what is typed, and comes back when the connection is lost.
//!
//! It pauses before it does, at first for up to a second, then for up to twice as long each time (§7.2.3):
//! when a server has fallen, its clients must not come back all at once. A close with 1000 is the end, and
//! so is whatever another try cannot mend, such as a 401.

use std::time::Duration;

use bowstring::net::Transport;
use bowstring::{CloseCode, Error, Message, WebSocket, connect};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

const LONGEST: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut typed = BufReader::new(tokio::io::stdin()).lines();
    let mut pause = Duration::from_secs(1);
    loop {
        let ended = match connect(&uri).await {
            Ok((ws, _)) => {
                eprintln!("connected");
                pause = Duration::from_secs(1);
                follow(ws, &mut typed).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(CloseCode::NORMAL) => return Ok(()),
            Ok(code) => eprintln!("closed with {code}"),
            Err(error) if error.is_transient() => eprintln!("{error}"),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause.mul_f64(rand::random())).await;
        pause = LONGEST.min(pause * 2);
    }
}

/// One connection: the code it was closed with, by whom ever.
async fn follow(
    ws: WebSocket<Transport>,
    typed: &mut Lines<BufReader<Stdin>>,
) -> Result<CloseCode, Error> {
    // Two halves, so that a server that does not read for a while is heard nevertheless.
    let (mut reader, writer) = ws.split();
    let hearing = async {
        let mut code = CloseCode::NORMAL;
        while let Some(message) = reader.recv().await? {
            match message {
                Message::Text(text) => println!("{text}"),
                Message::Close(Some(close)) => code = close.code,
                _ => {}
            }
        }
        Ok(code)
    };
    let saying = async {
        while let Some(line) = typed.next_line().await? {
            writer.send(line).await?;
        }
        writer.close(CloseCode::NORMAL, "").await
    };
    // Both until the connection ends, of which the reader knows most.
    tokio::pin!(hearing);
    tokio::select! {
        ended = &mut hearing => ended,
        said = saying => {
            if let Err(error) = said {
                eprintln!("not said: {error}");
            }
            hearing.await
        }
    }
}
