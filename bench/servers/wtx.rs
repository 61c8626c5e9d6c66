//! wtx: frames are written back from where they were read. With `deflate`, windows of 15 bits.

mod common;

use tokio::net::TcpStream;
use wtx::collection::Vector;
use wtx::rng::Xorshift64;
use wtx::web_socket::compression::{
    Compression, DeflateConfig, Flate2, NegotiatedCompression, WindowBits,
};
use wtx::web_socket::{
    OpCode, WebSocket, WebSocketAcceptor, WebSocketBuffer, WebSocketPayloadOrigin,
};

fn main() -> std::io::Result<()> {
    if common::task() == "deflate" {
        let config = DeflateConfig {
            client_max_window_bits: WindowBits::Fifteen,
            server_max_window_bits: WindowBits::Fifteen,
            ..DeflateConfig::default()
        };
        return common::serve(move |stream| connection(stream, Flate2::from(config)));
    }
    common::serve(|stream| connection(stream, ()))
}

async fn connection<C: Compression<false>>(stream: TcpStream, compression: C) -> wtx::Result<()> {
    let acceptor = WebSocketAcceptor::default().compression(compression).no_masking(false);
    echo(acceptor.accept(stream).await?).await
}

async fn echo<C: NegotiatedCompression>(
    mut ws: WebSocket<C, Xorshift64, TcpStream, WebSocketBuffer, false>,
) -> wtx::Result<()> {
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        let origin = WebSocketPayloadOrigin::Adaptive;
        let mut frame = reader.read_frame(&mut buffer, &mut common, origin).await?;
        match frame.op_code() {
            OpCode::Text | OpCode::Binary => writer.write_frame(&mut common, &mut frame).await?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
        buffer.clear();
    }
}
