//! A chat with rooms: what one member of a room says, all of them hear.
//!
//! `cargo run --example chat`, then open http://127.0.0.1:9001/#tea in two browser windows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bowstring::net::{Overflow, Transport, Writer};
use bowstring::server::{Accept, Answer, Request, Server, ServerConnection, Subscription, Topic};
use bowstring::{Config, Error, Message, Prepared};
use http::StatusCode;

/// The rooms that have members.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<HashMap<String, Topic>>>);

impl Rooms {
    fn enter(&self, name: &str, writer: &Writer<Transport>) -> (Topic, Subscription) {
        let mut rooms = self.0.lock().unwrap();
        rooms.retain(|_, room| !room.is_empty());
        let room = rooms.entry(name.to_owned()).or_default();
        (room.clone(), room.subscribe(writer))
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let mut config = Config::default();
    config.limits.max_message_size = 4096;
    // A member who reads too slowly is disconnected, and may come back.
    config.overflow = Overflow::Close(bowstring::CloseCode::TRY_AGAIN_LATER);
    let server = Server::bind(address).await?.config(config).on_request(page_or_room);
    for address in server.local_addrs() {
        println!("listening on http://{address}/");
    }
    let rooms = Rooms::default();
    server.drain_on(stopped()).serve(move |connection| member(connection, rooms.clone())).await;
    Ok(())
}

/// Ctrl-C, or the SIGTERM of what runs it as a service.
async fn stopped() {
    let interrupt = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}

/// `/rooms/NAME` is a room; anything else a page.
async fn page_or_room(request: Request) -> Result<Accept<String>, Answer> {
    if !request.wants_upgrade() {
        return Err(Answer::new(StatusCode::OK).html(PAGE));
    }
    match request.path().strip_prefix("/rooms/") {
        Some(name) if !name.is_empty() => Ok(Accept::new(name.to_owned())),
        _ => Err(Answer::new(StatusCode::NOT_FOUND).text("rooms are at /rooms/NAME\n")),
    }
}

async fn member(connection: ServerConnection<String>, rooms: Rooms) -> Result<(), Error> {
    let number = connection.id();
    let (mut reader, writer, name) = connection.split();
    let (room, _place) = rooms.enter(&name, &writer);
    let say = |what: &str| room.publish(&Prepared::text(&format!("{number} {what}")));
    say("has come");
    let ended = loop {
        match reader.recv().await {
            Ok(Some(Message::Text(text))) => say(&format!("says {text}")),
            Ok(Some(_)) => continue,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
    };
    say("has gone");
    ended
}

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>chat</title>
<form><input autofocus placeholder="say something"></form>
<ul></ul>
<script>
  const room = location.hash.slice(1) || "hall"
  const ws = new WebSocket(`ws://${location.host}/rooms/${room}`)
  const show = (text) => document.querySelector("ul").appendChild(document.createElement("li")).textContent = text
  ws.onmessage = (event) => show(event.data)
  ws.onclose = (event) => show(`closed: ${event.code} ${event.reason}`)
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault()
    ws.send(event.target[0].value)
    event.target.reset()
  }
</script>
"#;
