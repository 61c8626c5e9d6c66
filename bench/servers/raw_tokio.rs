//! The limit of an echo on tokio: one read, one write, a buffer that all connections share. It knows
//! no frames, as the C floor (`floors/echo.c`) does not.

mod common;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// The generator sends the key of RFC 6455 §1.3.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 512 << 10]);
}

fn main() -> io::Result<()> {
    common::serve(echo)
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut head = [0; 1024];
    let len = stream.read(&mut head).await?;
    if !head[..len].ends_with(b"\r\n\r\n") {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_all(SWITCHING).await?;
    loop {
        let unsent = poll_fn(|cx| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut room = ReadBuf::new(buffer);
                ready!(Pin::new(&mut stream).poll_read(cx, &mut room))?;
                let bytes = room.filled();
                if bytes.is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                match stream.try_write(bytes) {
                    Ok(len) => Poll::Ready(Ok(bytes[len..].to_vec())),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        Poll::Ready(Ok(bytes.to_vec()))
                    }
                    Err(error) => Poll::Ready(Err(error)),
                }
            })
        })
        .await?;
        stream.write_all(&unsent).await?;
    }
}
