//! A client that stays connected: `cargo run --example follow ws://127.0.0.1:9001/` prints what it is told
//! and says what is typed, and comes back when the connection is lost, or the server is away.
//!
//! It pauses before it does, at first for up to a second, then for up to twice as long each time (§7.2.3):
//! when a server has fallen, its clients must not come back all at once. A connection that has lasted makes
//! it begin anew. Whatever another try cannot mend, such as a 401, is the end.

use std::time::Duration;

use bowstring::net::Transport;
use bowstring::{CloseCode, Error, Message, WebSocket, connect};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The first pause, at most; so long a connection must last to count.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut typed = typed();
    let mut pause = SHORTEST;
    loop {
        let came = Instant::now();
        let ended = match connect(&uri).await {
            Ok((ws, _)) => follow(ws, &mut typed).await,
            Err(error) => Err(error),
        };
        if came.elapsed() > pause {
            pause = SHORTEST;
        }
        match ended {
            Ok(CloseCode::NORMAL | CloseCode::NO_STATUS) => return Ok(()),
            Ok(
                code @ (CloseCode::GOING_AWAY
                | CloseCode::SERVICE_RESTART
                | CloseCode::TRY_AGAIN_LATER),
            ) => eprintln!("closed with {code}"),
            Ok(code) => return Err(format!("closed with {code}").into()),
            Err(error) if error.is_transient() => eprintln!("{error}"),
            Err(error) => return Err(error.into()),
        }
        sleep(pause.mul_f64(rand::random())).await;
        pause = LONGEST.min(pause * 2);
    }
}

/// One connection: the code it was closed with, by whom ever.
async fn follow(
    ws: WebSocket<Transport>,
    typed: &mut mpsc::Receiver<String>,
) -> Result<CloseCode, Error> {
    // Two halves, so that a server that does not read for a while is heard nevertheless.
    let (mut reader, writer) = ws.split();
    let hearing = async {
        let mut code = CloseCode::NO_STATUS;
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
        while let Some(line) = typed.recv().await {
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

/// The lines that are typed. A thread waits for them: nothing else ends when we do.
fn typed() -> mpsc::Receiver<String> {
    let (give, take) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if give.blocking_send(line).is_err() {
                break;
            }
        }
    });
    take
}
