//! bowstring in axum: the router and hyper as in `axum.rs`, then the batches of bowstring, as the echo server has them.

mod common;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use bowstring_axum::{WebSocket, WebSocketUpgrade};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;

fn main() -> std::io::Result<()> {
    let service = TowerToHyperService::new(Router::new().route("/", any(admit)));
    common::serve(move |stream| {
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service.clone())
            .with_upgrades()
    })
}

async fn admit(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |socket| drop(echo(socket).await))
}

/// The loop of the echo server.
async fn echo(mut socket: WebSocket) -> Result<(), bowstring::Error> {
    while let Some((mut events, mut outgoing)) = socket.get_mut().batch().await? {
        while let Some(event) = events.next() {
            // axum's sockets report pings, and they are no answers.
            if !event.is_ping_or_pong() {
                outgoing.feed(event)?;
            }
        }
    }
    Ok(())
}
