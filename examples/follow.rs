//! A client that stays connected: `cargo run --example follow ws://127.0.0.1:9001/`. It prints what it
//! receives and sends what is typed. It comes back when the connection is lost, or the server is away.
//!
//! What another try cannot mend ends it: a 401, a host that does not exist, a close with 1002.

use std::time::Duration;

use bowstring::net::{ReconnectConfig, ReconnectEvent, ReconnectHandle, ReconnectingWebSocket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut config = ReconnectConfig::default();
    // It serves one person, so it need not spread its return as many clients do.
    config.restart_pause = (Duration::ZERO, Duration::from_secs(1));
    let mut client = ReconnectingWebSocket::new(uri)?.config(config);
    send_what_is_typed(client.handle());
    while let Some(event) = client.event().await? {
        match event {
            ReconnectEvent::Message(message) => println!("{}", message.as_text().unwrap_or("…")),
            ReconnectEvent::Disconnected { cause, in_doubt, pause: Some(pause), .. } => {
                eprintln!("{cause}\nagain in {} ms", pause.as_millis());
                in_doubt.iter().for_each(|message| eprintln!("perhaps not sent: {message:?}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A thread waits for the lines: nothing else ends when we do.
fn send_what_is_typed(handle: ReconnectHandle) {
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if runtime.block_on(handle.send(line)).is_err() {
                return;
            }
        }
        let _ = handle.close(1000, "");
    });
}
