//! What is agreed on, in every combination: compression, a subprotocol, the version of HTTP.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use bowstring::net::{Deflate, Memory, connect_with};
use bowstring::{Config, Message, WebSocket};
use bowstring_axum::WebSocketUpgrade;
use bowstring_testing::io::wait::soon;
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};

use super::support::{request, serve, session};

/// Each side compresses in one of these ways, or not at all.
fn ways() -> [(&'static str, Option<Deflate>); 4] {
    let with = |memory| {
        let mut deflate = Deflate::default();
        deflate.memory = memory;
        deflate.threshold = 0;
        Some(deflate)
    };
    [
        ("none", None),
        ("shared", with(Memory::Shared)),
        ("window", with(Memory::Window(10))),
        ("full", with(Memory::Full)),
    ]
}

#[tokio::test]
async fn deflate_by_subprotocol_by_version() {
    let handler = async |ws: WebSocketUpgrade, Path(way): Path<String>| {
        let deflate = ways().into_iter().find(|(name, _)| *name == way).unwrap().1;
        ws.protocols(["v2", "v1"]).deflate(deflate).on_upgrade(async |mut socket| {
            while let Some(Ok(message)) = socket.recv().await {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
        })
    };
    let address = serve(Router::new().route("/{way}", any(handler))).await;
    let session = session(address).await;
    for (server, theirs) in ways() {
        for (client, ours) in ways() {
            for (offered, chosen) in [
                (&[][..], None),
                (&["v1"], Some("v1")),
                (&["v1", "v2"], Some("v2")),
                (&["v3"], None),
            ] {
                let mut config = Config::default();
                config.deflate = ours;
                let request = request(address, &format!("/{server}"), offered);
                let what = format!("server {server}, client {client}, {offered:?}");
                let compressed = theirs.is_some() && ours.is_some();
                let (ws, response) = soon(&what, connect_with(&request, &config)).await.unwrap();
                assert_eq!(response.status(), 101, "{what}");
                check(ws, response.map(drop), chosen, compressed, &what).await;
                let (ws, response) = soon(&what, session.open(&request, &config)).await.unwrap();
                assert_eq!(response.status(), 200, "{what}");
                check(ws, response, chosen, compressed, &what).await;
            }
        }
    }
}

async fn check<S: AsyncRead + AsyncWrite + Unpin>(
    mut ws: WebSocket<S>,
    response: Response<()>,
    protocol: Option<&str>,
    compressed: bool,
    what: &str,
) {
    assert_eq!(ws.protocol(), protocol, "{what}");
    let field = response.headers().get("sec-websocket-protocol");
    assert_eq!(field.map(|value| value.to_str().unwrap()), protocol, "{what}");
    let extensions = response.headers().get("sec-websocket-extensions");
    assert_eq!(extensions.is_some(), compressed, "{what}");
    // Twice: the second may refer back to the first.
    for _ in 0..2 {
        let text = "all work and no play ".repeat(100);
        ws.send(&*text).await.unwrap();
        assert_eq!(soon(what, ws.recv()).await.unwrap(), Some(Message::text(text)), "{what}");
    }
    let (sent, received) = ws.ratios();
    for ratio in [sent, received] {
        assert_eq!(ratio.wire < ratio.plain, compressed, "{what}: {ratio:?}");
    }
    soon(what, ws.close(1000, "")).await.unwrap();
}
