//! soketto, with the buffered reader and writer that its examples put round a socket. Its futures
//! must not be dropped, so there is no looking whether more has come: each message is flushed.

mod common;

use futures_util::io::{BufReader, BufWriter};
use soketto::handshake::Server;
use soketto::handshake::server::Response;
use soketto::{BoxedError, Data};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncReadCompatExt;

fn main() -> std::io::Result<()> {
    common::serve(echo)
}

async fn echo(stream: TcpStream) -> Result<(), BoxedError> {
    let mut server = Server::new(BufReader::new(BufWriter::new(stream.compat())));
    let key = server.receive_request().await?.key();
    server.send_response(&Response::Accept { key, protocol: None }).await?;
    let (mut sender, mut receiver) = server.into_builder().finish();
    let mut message = Vec::new();
    loop {
        message.clear();
        match receiver.receive_data(&mut message).await? {
            Data::Text(_) => sender.send_text(std::str::from_utf8(&message)?).await?,
            Data::Binary(_) => sender.send_binary_mut(&mut message).await?,
        }
        sender.flush().await?;
    }
}
