//! bowstring's owned loop: `recv`, then `feed`, which is written when `recv` next has to wait.

mod common;

use bowstring::Error;
use tokio::net::TcpStream;

fn main() -> std::io::Result<()> {
    common::serve(echo)
}

async fn echo(stream: TcpStream) -> Result<(), Error> {
    let mut ws = Box::pin(bowstring::accept(stream)).await?;
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}
