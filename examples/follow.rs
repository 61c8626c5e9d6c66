//! A client that stays connected: `cargo run --example follow ws://127.0.0.1:9001/`. It prints what it
//! receives and sends what is typed. It comes back when the connection is lost, or the server is away.
//!
//! It pauses before it does, at first for up to a second, then for up to twice as long each time (§7.2.3):
//! when a server has failed, its clients must not come back all at once. After a connection that has
//! lasted, the pauses begin anew. A server that asks for a longer pause (`Retry-After`) gets it.
//!
//! What another try cannot mend ends it: a 401, a host that does not exist, a close with 1002.

use std::time::Duration;

use bowstring::net::Transport;
use bowstring::{CloseCode, Error, Message, WebSocket, connect};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The first pause, at most; so long a connection must last to count.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// No server is obeyed that asks to be left alone for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

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
        let mut asked = Duration::ZERO;
        match ended {
            Ok(CloseCode::NORMAL | CloseCode::NO_STATUS) => return Ok(()),
            Ok(code) if code.is_transient() => eprintln!("closed with {code}"),
            Ok(code) => return Err(format!("closed with {code}").into()),
            Err(error) if error.is_transient() => {
                eprintln!("{error}");
                asked = error.retry_after().unwrap_or_default().min(LONGEST_ASKED);
            }
            Err(error) => return Err(error.into()),
        }
        // All clients may be asked for the same pause: they still come back one after another.
        let pause_now = asked + pause.mul_f64(rand::random());
        eprintln!("again in {} ms", pause_now.as_millis());
        sleep(pause_now).await;
        pause = LONGEST.min(pause * 2);
    }
}

/// One connection. Gives the code that it was closed with.
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
