//! What the documentation of axum's `ws` shows, in programs of our own: an echo, a handler with state, two tasks on
//! one socket, subprotocols, a failed upgrade.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use super::ws::{
    self, DefaultOnFailedUpgrade, Message, OnFailedUpgrade, WebSocket, WebSocketUpgrade, rejection,
};

type Count = Arc<AtomicUsize>;

pub(crate) fn app() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/count", any(count))
        .route("/halves", any(halves))
        .route("/protocols", any(protocols))
        .route("/chosen", any(chosen))
        .route("/either", any(either))
        .with_state(Count::default())
}

async fn echo(ws: WebSocketUpgrade) -> Response {
    ws.on_upgrade(async |mut socket: WebSocket| {
        while let Some(message) = socket.recv().await {
            let Ok(message) = message else { return };
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

/// State goes into the callback.
async fn count(ws: WebSocketUpgrade, State(count): State<Count>) -> Response {
    ws.on_upgrade(|socket| tell(socket, count))
}

async fn tell(mut socket: WebSocket, count: Count) {
    let guest = count.fetch_add(1, Ordering::Relaxed) + 1;
    if socket.send(Message::text(format!("you are number {guest}"))).await.is_err() {
        return;
    }
    let _ = socket.close().await;
    while socket.next().await.is_some() {}
}

/// One task receives, another sends.
async fn halves(ws: WebSocketUpgrade) -> Response {
    ws.on_upgrade(async |socket| {
        let (sender, receiver) = socket.split();
        let (tell, told) = mpsc::channel(8);
        let writing = tokio::spawn(write(sender, told));
        read(receiver, tell).await;
        let _ = writing.await;
    })
}

async fn read(mut receiver: SplitStream<WebSocket>, tell: mpsc::Sender<String>) {
    while let Some(Ok(message)) = receiver.next().await {
        let Ok(text) = message.into_text() else { continue };
        if tell.send(text.to_uppercase()).await.is_err() {
            return;
        }
    }
}

async fn write(mut sender: SplitSink<WebSocket, Message>, mut told: mpsc::Receiver<String>) {
    while let Some(text) = told.recv().await {
        if sender.send(text.into()).await.is_err() {
            return;
        }
    }
}

async fn protocols(ws: WebSocketUpgrade) -> Response {
    ws.protocols(["soap", "wamp"]).on_upgrade(say_protocol)
}

/// The last that the client offers.
async fn chosen(mut ws: WebSocketUpgrade) -> Response {
    let offered: Vec<_> = ws.requested_protocols().cloned().collect();
    if let Some(last) = offered.into_iter().max() {
        ws.set_selected_protocol(last);
    }
    ws.on_upgrade(say_protocol)
}

async fn say_protocol(mut socket: WebSocket) {
    let protocol = socket.protocol().map(|name| name.to_str().unwrap().to_owned());
    let _ = socket.send(protocol.unwrap_or_else(|| "none".to_owned()).into()).await;
}

/// A page for those who do not want a WebSocket.
async fn either(ws: Result<WebSocketUpgrade, rejection::WebSocketUpgradeRejection>) -> Response {
    use axum::response::IntoResponse;
    match ws {
        Ok(ws) => with(ws.on_failed_upgrade(report)),
        Err(rejection::WebSocketUpgradeRejection::InvalidConnectionHeader(_)) => {
            "a page".into_response()
        }
        Err(rejection) => rejection.into_response(),
    }
}

fn report(error: axum::Error) {
    eprintln!("it failed: {error}");
}

/// Types by name.
fn with<F: OnFailedUpgrade>(ws: WebSocketUpgrade<F>) -> Response {
    ws.on_upgrade(async |socket: ws::WebSocket| drop(socket))
}

#[expect(dead_code, reason = "it shall compile")]
fn ignored(ws: WebSocketUpgrade<DefaultOnFailedUpgrade>) -> Response {
    with(ws)
}
