//! A handler that writes down what its socket gives, until it has given the end twice.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};

type Diary = mpsc::UnboundedSender<String>;

/// The handlers, and what they write.
pub(crate) fn app() -> (Router, mpsc::UnboundedReceiver<String>) {
    let (diary, written) = mpsc::unbounded_channel();
    let app = Router::new()
        .route("/recv", any(recv))
        .route("/stream", any(stream))
        .route("/close", any(close))
        .route("/answer", any(answer))
        .with_state(diary);
    (app, written)
}

fn show(received: Option<Result<Message, axum::Error>>) -> String {
    match received {
        Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
            format!("close {code} {reason}")
        }
        Some(Ok(Message::Close(None))) => "close".into(),
        Some(Ok(Message::Text(text))) => format!("text {text}"),
        Some(Ok(Message::Binary(data))) => format!("binary {}", data.len()),
        Some(Ok(Message::Ping(payload))) => format!("ping {}", payload.len()),
        Some(Ok(Message::Pong(payload))) => format!("pong {}", payload.len()),
        Some(Err(_)) => "error".into(),
        None => "end".into(),
    }
}

async fn note(mut socket: WebSocket, diary: &Diary) -> WebSocket {
    loop {
        let got = show(socket.recv().await);
        let is_over = got == "end";
        diary.send(got).unwrap();
        if is_over {
            return socket;
        }
    }
}

async fn recv(ws: WebSocketUpgrade, State(diary): State<Diary>) -> Response {
    ws.max_message_size(1000).on_upgrade(async move |socket| {
        let mut socket = note(socket, &diary).await;
        diary.send(show(socket.recv().await)).unwrap();
        let sent = socket.send(Message::text("late")).await;
        diary.send(if sent.is_ok() { "sent" } else { "not sent" }.into()).unwrap();
    })
}

async fn stream(ws: WebSocketUpgrade, State(diary): State<Diary>) -> Response {
    ws.max_message_size(1000).on_upgrade(async move |mut socket| {
        loop {
            let got = show(socket.next().await);
            let is_over = got == "end";
            diary.send(got).unwrap();
            if is_over {
                break;
            }
        }
        diary.send(show(socket.next().await)).unwrap();
        let sent = socket.send(Message::text("late")).await;
        diary.send(if sent.is_ok() { "sent" } else { "not sent" }.into()).unwrap();
    })
}

/// It closes first, and goes on receiving.
async fn close(ws: WebSocketUpgrade, State(diary): State<Diary>) -> Response {
    ws.on_upgrade(async move |mut socket| {
        let close = CloseFrame { code: close_code::RESTART, reason: "again".into() };
        socket.send(Message::Close(Some(close))).await.unwrap();
        let late = socket.send(Message::text("late")).await;
        diary.send(if late.is_ok() { "sent" } else { "not sent" }.into()).unwrap();
        note(socket, &diary).await;
    })
}

/// It answers each message with the same, close frames too.
async fn answer(ws: WebSocketUpgrade, State(diary): State<Diary>) -> Response {
    ws.on_upgrade(async move |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            let got = show(Some(Ok(message.clone())));
            let sent = socket.send(message).await;
            let how = if sent.is_ok() { "sent" } else { "not sent" };
            diary.send(format!("{got}, {how}")).unwrap();
        }
        diary.send("end".into()).unwrap();
    })
}
