//! The server of `axum.rs` with its import changed: what a program has that moves and is not touched otherwise.

mod common;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use bowstring_axum::{Message, WebSocketUpgrade};
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
