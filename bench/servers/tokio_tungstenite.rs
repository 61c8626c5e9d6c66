//! tokio-tungstenite: fed until nothing more is there, then flushed. Its read buffer is zeroed for each
//! read, so that its default of 128 KiB costs small messages dear: 16 KiB is a middle way. For a broadcast each connection
//! has a channel, and the message is cloned by its reference count.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

type Room = Rc<RefCell<Vec<UnboundedSender<Message>>>>;

fn main() -> std::io::Result<()> {
    if common::task() == "broadcast" {
        let room = Room::default();
        return common::serve(move |stream| member(stream, room.clone()));
    }
    common::serve(async |stream| {
        let ws = Box::pin(accept(stream)).await?;
        common::echo(ws, |message| (message.is_text() || message.is_binary()).then_some(message))
            .await
    })
}

async fn accept(stream: TcpStream) -> Option<WebSocketStream<TcpStream>> {
    let config = WebSocketConfig::default().read_buffer_size(16 << 10);
    accept_async_with_config(stream, Some(config)).await.ok()
}

async fn member(stream: TcpStream, room: Room) -> Option<()> {
    let mut ws = Box::pin(accept(stream)).await?;
    let (sender, mut told) = unbounded_channel();
    room.borrow_mut().push(sender);
    loop {
        tokio::select! {
            message = told.recv() => {
                ws.feed(message?).await.ok()?;
                while let Ok(message) = told.try_recv() {
                    ws.feed(message).await.ok()?;
                }
                ws.flush().await.ok()?;
            }
            message = ws.next() => {
                let message = message?.ok()?;
                room.borrow_mut().retain(|member| member.send(message.clone()).is_ok());
            }
        }
    }
}
