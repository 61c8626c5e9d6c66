//! bowstring's owned loop with `send`, which writes each message at once.

mod common;

use bowstring::Error;
use tokio::net::TcpStream;

fn main() -> std::io::Result<()> {
    common::serve(echo)
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut ws = Box::pin(bowstring::accept(stream)).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
