//! The server layer, over real sockets: what its hook may say, whom it lets in, how it closes, drains
//! and fans out.

mod adopt;
mod beside;
mod blame;
mod connections;
mod drain;
mod handlers;
mod hook;
mod in_memory;
mod limits;
mod running;
mod slow;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use bowstring::net::Transport;
use bowstring::server::{Accept, Report, Server, ServerConnection, ServerHandle};
use bowstring::{Config, Error, Message, WebSocket};
use bowstring_testing::io::wait::{LIMIT as PATIENCE, soon};
use running::{Running, local, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

impl Running {
    async fn connect(&self) -> WebSocket<Transport> {
        self.try_connect("/").await.unwrap()
    }

    async fn try_connect(&self, path: &str) -> Result<WebSocket<Transport>, Error> {
        let uri = format!("ws://{}{path}", self.address);
        soon("the handshake", bowstring::connect(&uri)).await.map(|(ws, _)| ws)
    }

    /// Sends a request.
    async fn asking(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Sends a request and reads the answer to its end.
    async fn ask(&self, head: &str) -> String {
        let mut stream = self.asking(head).await;
        let mut answer = String::new();
        soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    /// Drains and gives the report.
    async fn end(self) -> Report {
        self.handle.drain();
        soon("the end", self.task).await.unwrap()
    }

    /// Until so many connections are open.
    async fn open(&self, count: u64) {
        soon("connections", async {
            while self.handle.report().open != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// A hook that says when it is asked, and accepts when it is told to go.
#[derive(Clone)]
struct Hesitant {
    asked: Arc<Semaphore>,
    go: Arc<Semaphore>,
}

impl Hesitant {
    fn of(server: Server) -> (Server, Self) {
        let hook = Self { asked: Arc::new(Semaphore::new(0)), go: Arc::new(Semaphore::new(0)) };
        let of_server = hook.clone();
        let server = server.on_request(move |request| {
            of_server.asked.add_permits(1);
            let go = Arc::clone(&of_server.go);
            async move {
                // Given back at once, for the next.
                drop(go.acquire().await.unwrap());
                drop(request);
                Ok(Accept::default())
            }
        });
        (server, hook)
    }

    /// Until it was asked so many times more.
    async fn asked(&self, times: u32) {
        soon("the hook", self.asked.acquire_many(times)).await.unwrap().forget();
    }

    fn go(&self) {
        self.go.add_permits(1);
    }
}

/// An opening handshake with further lines.
fn upgrade(lines: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n"
    )
}

/// The status of the answer that comes next.
async fn status(stream: &mut TcpStream) -> String {
    let mut line = [0; 12];
    soon("the answer", stream.read_exact(&mut line)).await.unwrap();
    String::from_utf8_lossy(&line[9..]).into_owned()
}

/// Handshakes that are waited for longer than any test takes.
fn patient() -> Config {
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_secs(3600);
    config
}

async fn echo(mut connection: ServerConnection) -> Result<(), Error> {
    while let Some(message) = connection.recv().await? {
        if !message.is_close() {
            connection.send(message).await?;
        }
    }
    Ok(())
}

/// The code and reason of the close frame that comes next.
async fn close_of(ws: &mut WebSocket<Transport>) -> (u16, String) {
    match soon("a close frame", ws.recv()).await {
        Ok(Some(Message::Close(Some(close)))) => (close.code.get(), close.reason.to_string()),
        other => panic!("{other:?}"),
    }
}

/// Drains a server that nobody serves.
async fn drained(server: &ServerHandle) -> Report {
    server.drain();
    soon("the end", server.drained()).await
}
