//! A clock that ends gracefully: `cargo run --example drain`, connect some clients, then press Ctrl-C or send
//! SIGTERM.
//!
//! Then no new client is accepted. Every client gets the ticks that were sent to it, and a close frame with
//! 1012. Clients that do not leave within five seconds are cut off. The report says how many did what.

use std::time::Duration;

use bowstring::server::{Server, ServerConnection};
use bowstring::{Error, Event};
use tokio::time::interval;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let server = Server::bind(address).await?;
    for address in server.local_addrs() {
        println!("listening on ws://{address}/");
    }
    let report = server
        .drain_on(stopped())
        .drain_within(Duration::from_secs(5))
        .drain_close(1012, "back in a moment")?
        .serve(clock)
        .await;
    println!("{report:?}");
    Ok(())
}

/// Ctrl-C, or the SIGTERM of what runs it as a service.
async fn stopped() {
    let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}

/// Ticks until the client closes, or the server does.
async fn clock(mut connection: ServerConnection) -> Result<(), Error> {
    let mut ticks = interval(Duration::from_secs(1));
    let mut number = 0_u64;
    loop {
        tokio::select! {
            // Receiving answers pings, and tells when the connection ends. It may be cancelled at any
            // time: no message is lost.
            message = connection.recv() => {
                if message?.is_none() {
                    return Ok(());
                }
            }
            _ = ticks.tick() => {
                number += 1;
                // While the connection closes there is nothing more to say.
                if connection.send(Event::Text(&number.to_string())).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
