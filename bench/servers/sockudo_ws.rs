//! sockudo-ws: its stream, corked; with `deflate`, its shared policy, each message alone.

mod common;

use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::deflate::negotiate_server_deflate;
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::{CompressedWebSocketStream, Config, Message, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn main() -> std::io::Result<()> {
    common::serve(connection)
}

async fn connection(mut stream: TcpStream) -> Option<()> {
    let mut head = Vec::with_capacity(1024);
    let deflate = loop {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
        let Some((request, _)) = parse_request(&head).ok()? else { continue };
        let policy = DeflateConfig::default();
        let offers = request.extensions.filter(|_| common::task() == "deflate");
        let agreed = offers.and_then(|offers| negotiate_server_deflate(offers, &policy));
        let extensions = agreed.as_ref().map(|agreed| agreed.to_response_header());
        let key = generate_accept_key(request.key);
        let response = build_response(&key, None, extensions.as_deref());
        stream.write_all(&response).await.ok()?;
        break agreed.map(|agreed| agreed.config);
    };
    drop(head);
    let config = Config::builder().max_payload_length(16 << 20).build();
    let data = |message| match message {
        Message::Text(_) | Message::Binary(_) => Some(message),
        _ => None,
    };
    match deflate {
        Some(deflate) => {
            common::echo(CompressedWebSocketStream::server(stream, config, deflate), data).await
        }
        None => common::echo(WebSocketStream::server(stream, config), data).await,
    }
}
