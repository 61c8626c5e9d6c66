//! axum, as its WebSocket examples: an upgrade in a handler, then a `Stream` and a `Sink`. The loop is
//! that of tokio-tungstenite, on which axum's `ws` stands, with the same read buffer. Every connection
//! goes through the router, as a user's would; hyper serves it without axum's own accept loop, so that
//! all servers here accept in one way.

mod common;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;

fn main() -> std::io::Result<()> {
    let service = TowerToHyperService::new(Router::new().route("/", get(admit)));
    common::serve(move |stream| {
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service.clone())
            .with_upgrades()
    })
}

async fn admit(upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(16 << 10).on_upgrade(async |ws| {
        let data =
            |message| matches!(message, Message::Text(_) | Message::Binary(_)).then_some(message);
        common::echo(ws, data).await;
    })
}
