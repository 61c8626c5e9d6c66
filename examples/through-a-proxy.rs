//! Connects to an echo server through the proxy that the environment names, and has messages come back:
//!
//! ```sh
//! HTTPS_PROXY=http://ann:secret@127.0.0.1:3128 \
//!     cargo run --features rustls-tls-native-roots --example through-a-proxy wss://echo.example/
//! ```
//!
//! `tests/proxies/forward.sh` runs it against squid, tinyproxy, dante and microsocks.

use std::process::ExitCode;

use bowstring::net::Proxies;
use bowstring::{Connector, Error, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(uri) = std::env::args().nth(1) else {
        eprintln!("usage: through-a-proxy ws://HOST:PORT/");
        return ExitCode::FAILURE;
    };
    match run(&uri).await {
        Ok(messages) => {
            println!("{messages} messages came back as they went");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // For people, and for the script.
            eprintln!("{error}\n{error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn run(uri: &str) -> Result<usize, Error> {
    let connector = Connector::new().proxies(Proxies::from_environment());
    let (mut ws, _response) = connector.connect(uri).await?;
    let messages = [Message::text("through"), Message::binary(vec![7; 70_000])];
    for message in &messages {
        ws.send(message.clone()).await?;
        assert_eq!(ws.recv().await?.as_ref(), Some(message));
    }
    ws.close(1000, "").await?;
    Ok(messages.len())
}
