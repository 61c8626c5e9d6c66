//! The client that the Autobahn test suite examines: `autobahn-client ws://HOST:PORT`.
//!
//! It asks the fuzzing server how many cases there are, echoes through each of them, and has the
//! reports written. How a case ends is for the suite to judge: many are meant to fail.

use std::process::ExitCode;

use bowstring::net::{Transport, connect};
use bowstring::{Error, Message};

const AGENT: &str = "bowstring";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(server) = std::env::args().nth(1) else {
        eprintln!("usage: autobahn-client ws://HOST:PORT");
        return ExitCode::from(2);
    };
    match run(server.trim_end_matches('/')).await {
        Ok(cases) => {
            println!("{cases} cases run");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("autobahn-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(server: &str) -> Result<u32, Error> {
    let (mut ws, _) = connect(&format!("{server}/getCaseCount")).await?;
    let count = match ws.recv().await? {
        Some(Message::Text(count)) => count.trim().parse().unwrap_or(0),
        _ => 0,
    };
    ws.close(1000, "").await?;
    for case in 1..=count {
        let (mut ws, _) = connect(&format!("{server}/runCase?case={case}&agent={AGENT}")).await?;
        if let Err(error) = echo(&mut ws).await {
            println!("case {case}: {error}");
            // The peer is told which rule it broke: wait until it has gone.
            let _ = ws.close(1000, "").await;
        }
    }
    // The server goes away once the reports are written, at whatever point of this connection.
    let end = format!("{server}/updateReports?agent={AGENT}&shutdownOnComplete=true");
    if let Ok((mut ws, _)) = connect(&end).await {
        let _ = ws.recv().await;
    }
    Ok(count)
}

async fn echo(ws: &mut bowstring::WebSocket<Transport>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}
