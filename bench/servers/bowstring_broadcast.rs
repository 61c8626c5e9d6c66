//! bowstring's broadcast: one topic, a `Prepared` message.

mod common;

use bowstring::net::Overflow;
use bowstring::server::Topic;
use bowstring::{Error, Message, Prepared};
use tokio::net::TcpStream;

type Room = Topic<TcpStream>;

fn main() -> std::io::Result<()> {
    let room = Room::new();
    common::serve(move |stream| member(stream, room.clone()))
}

async fn member(stream: TcpStream, room: Room) -> Result<(), Error> {
    let (mut reader, writer) = Box::pin(bowstring::accept(stream)).await?.split();
    let _place = room.subscribe_with(&writer, Overflow::DropNewest);
    while let Some(message) = reader.recv().await? {
        if let Message::Binary(data) = message {
            room.publish(&Prepared::binary(&data));
        }
    }
    Ok(())
}
