//! A chat as people write it: state that is shared, a subprotocol, two tasks on a socket, pings, and a goodbye. It
//! is compiled with `axum::extract::ws` and with `bowstring_axum`: the import is all that differs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::broadcast;

use super::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};

#[derive(Clone)]
struct Room {
    members: Arc<Mutex<BTreeSet<String>>>,
    lines: broadcast::Sender<Utf8Bytes>,
}

impl Room {
    fn say(&self, line: String) {
        // Nobody may be there to hear it.
        let _ = self.lines.send(line.into());
    }

    fn enter(&self, name: &str) -> bool {
        self.members.lock().unwrap().insert(name.to_owned())
    }

    fn leave(&self, name: &str) {
        self.members.lock().unwrap().remove(name);
    }
}

pub(crate) fn app() -> Router {
    let room = Room { members: Arc::default(), lines: broadcast::channel(64).0 };
    Router::new().route("/rooms/{name}", any(join)).with_state(room)
}

async fn join(
    ws: WebSocketUpgrade,
    Path(name): Path<String>,
    State(room): State<Room>,
) -> Response {
    let ws = ws
        .protocols(["chat.v2", "chat.v1"])
        .max_message_size(4096)
        .max_frame_size(4096)
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1024 * 1024)
        .accept_unmasked_frames(false);
    if ws.selected_protocol().is_none() {
        let offered: Vec<_> = ws.requested_protocols().collect();
        return (StatusCode::BAD_REQUEST, format!("no chat among {offered:?}")).into_response();
    }
    ws.on_failed_upgrade(|error| eprintln!("a guest that never came: {error}"))
        .on_upgrade(move |socket| talk(socket, name, room))
}

async fn talk(mut socket: WebSocket, name: String, room: Room) {
    if !room.enter(&name) {
        let reason = Utf8Bytes::from_static("the name is taken");
        let close = CloseFrame { code: close_code::POLICY, reason };
        let _ = socket.send(Message::Close(Some(close))).await;
        return;
    }
    if socket.send(Message::Ping(Bytes::from_static(b"welcome"))).await.is_err() {
        room.leave(&name);
        return;
    }
    let greeting = match socket.protocol() {
        Some(protocol) if protocol == "chat.v2" => format!("* {name} is here\n"),
        _ => format!("{name} joined"),
    };

    let mut heard = room.lines.subscribe();
    room.say(greeting);
    let (mut sender, mut receiver) = socket.split();
    let mut hearing = tokio::spawn(async move {
        while let Ok(line) = heard.recv().await {
            if sender.send(Message::Text(line)).await.is_err() {
                break;
            }
        }
    });
    let talking = async {
        while let Some(Ok(message)) = receiver.next().await {
            match message {
                Message::Text(text) => room.say(format!("{name}: {text}")),
                Message::Binary(data) => room.say(format!("{name} shows {} bytes", data.len())),
                Message::Ping(payload) => room.say(format!("{name} pings {payload:?}")),
                Message::Pong(payload) => room.say(format!("{name} got {payload:?}")),
                Message::Close(Some(CloseFrame { code, reason })) => {
                    room.say(format!("{name} leaves: {code} {reason}"));
                    return;
                }
                Message::Close(None) => {
                    room.say(format!("{name} leaves"));
                    return;
                }
            }
        }
        room.say(format!("{name} is gone"));
    };
    tokio::select! {
        () = talking => {}
        _ = &mut hearing => {}
    }
    hearing.abort();
    room.leave(&name);
}
