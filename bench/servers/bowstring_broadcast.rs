//! bowstring's broadcast: one room, a `Prepared` message, a `send` to each subscriber.

mod common;

use std::cell::RefCell;
use std::rc::Rc;

use bowstring::net::Writer;
use bowstring::{Error, Message, Prepared};
use tokio::net::TcpStream;

type Room = Rc<RefCell<Vec<(u64, Writer<TcpStream>)>>>;

fn main() -> std::io::Result<()> {
    let room = Room::default();
    let next = RefCell::new(0);
    common::serve(move |stream| {
        *next.borrow_mut() += 1;
        let number = *next.borrow();
        let room = Rc::clone(&room);
        async move {
            let ended = member(stream, number, &room).await;
            room.borrow_mut().retain(|(other, _)| *other != number);
            ended
        }
    })
}

async fn member(stream: TcpStream, number: u64, room: &Room) -> Result<(), Error> {
    let (mut reader, writer) = Box::pin(bowstring::accept(stream)).await?.split();
    room.borrow_mut().push((number, writer));
    while let Some(message) = reader.recv().await? {
        if let Message::Binary(data) = message {
            let news = Prepared::binary(&data);
            let members = room.borrow().clone();
            for (_, writer) in &members {
                // Who is gone is gone.
                let _ = writer.send(&news).await;
            }
        }
    }
    Ok(())
}
