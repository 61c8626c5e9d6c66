//! What this crate adds, and what it refuses.

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use bowstring::hyper::Rejection;
use bowstring::net::{TrySendError, connect_with};
use bowstring::{CloseFrame, Error, Message};
use bowstring_axum::{
    Config, Origins, UnmaskedFramesError, WebSocket, WebSocketUpgrade, default_config,
};
use bowstring_testing::frames::*;
use bowstring_testing::io::wait::soon;
use http::{HeaderValue, StatusCode};
use tokio::sync::{mpsc, oneshot};

use super::support::*;

/// A server whose handler answers an upgrade in this way.
async fn answering<F>(answer: F) -> std::net::SocketAddr
where
    F: Fn(WebSocketUpgrade) -> Response + Clone + Send + Sync + 'static,
{
    serve(Router::new().route("/", any(async move |ws: WebSocketUpgrade| answer(ws)))).await
}

#[track_caller]
fn status(error: Error) -> (u16, String) {
    let Error::Status(response) = error else { panic!("{error:?}") };
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

async fn say_hello(mut socket: WebSocket) {
    let _ = socket.send("hello".into()).await;
}

/// §5.1: what axum allows is refused at the upgrade, and the reason is told to both sides.
#[tokio::test]
async fn unmasked_frames_are_refused_at_the_upgrade() {
    let (failed, mut seen) = mpsc::unbounded_channel();
    let address = answering(move |ws| {
        let failed = failed.clone();
        ws.on_failed_upgrade(move |error| failed.send(error).unwrap())
            .accept_unmasked_frames(true)
            .on_upgrade(say_hello)
    })
    .await;
    for error in [h1(address, "/", &[]).await.err(), h2(address, "/", &[]).await.err()] {
        let (status, text) = status(error.unwrap());
        assert_eq!((status, &*text), (500, &*format!("{UnmaskedFramesError}\n")));
        assert!(text.contains("accept_unmasked_frames") && text.contains("§5.1"));
        let error = seen.try_recv().unwrap().into_inner();
        assert_eq!(error.downcast_ref(), Some(&UnmaskedFramesError));
    }
    let address = answering(|ws| {
        ws.accept_unmasked_frames(true).accept_unmasked_frames(false).on_upgrade(say_hello)
    });
    let (mut ws, _) = h1(address.await, "/", &[]).await.unwrap();
    assert_eq!(text(&mut ws).await, "hello");
}

/// §4.2.2: a client that gets a subprotocol that it has not offered must give up.
#[tokio::test]
async fn a_subprotocol_that_was_not_offered_is_refused() {
    for name in ["b", "caf\u{e9}"] {
        let (failed, mut seen) = mpsc::unbounded_channel();
        let address = answering(move |mut ws| {
            let failed = failed.clone();
            ws.set_selected_protocol(HeaderValue::from_bytes(name.as_bytes()).unwrap());
            assert_eq!(ws.selected_protocol().unwrap().as_bytes(), name.as_bytes());
            ws.on_failed_upgrade(move |error| failed.send(error).unwrap()).on_upgrade(say_hello)
        });
        let (status, text) = status(h1(address.await, "/", &["a"]).await.unwrap_err());
        assert_eq!(status, 500);
        assert!(text.contains("was not offered"), "{text}");
        let error = seen.try_recv().unwrap().into_inner();
        assert!(matches!(error.downcast_ref(), Some(Rejection::Build(_))), "{error}");
    }
}

/// `protocols` after another choice, and none that fits, leaves none: as in axum.
#[tokio::test]
async fn the_last_choice_of_a_subprotocol_counts() {
    let address = answering(|mut ws| {
        let offered: Vec<_> = ws.requested_protocols().cloned().collect();
        assert_eq!(offered, ["z", "a", "m"], "in the client's order");
        ws.set_selected_protocol("z".parse().unwrap());
        let ws = ws.protocols(["x"]);
        assert_eq!(ws.selected_protocol(), None);
        let ws = ws.protocols(vec![String::from("m"), String::from("a")]);
        assert_eq!(ws.selected_protocol().unwrap(), "m");
        assert!(format!("{ws:?}").contains("\"m\""));
        ws.on_upgrade(async |socket| {
            assert_eq!(socket.protocol().unwrap(), "m");
            assert_eq!(socket.get_ref().protocol(), Some("m"));
            say_hello(socket).await;
        })
    })
    .await;
    let (mut ws, _) = h1(address, "/", &["z", "a", "m"]).await.unwrap();
    assert_eq!((&*text(&mut ws).await, ws.protocol()), ("hello", Some("m")));
}

/// A handler that makes the answer and then gives another. Over HTTP/1.1 hyper gives the connection away all the same,
/// once the client has ended it.
#[tokio::test]
async fn an_upgrade_that_is_not_answered_fails() {
    let (failed, mut seen) = mpsc::unbounded_channel();
    let address = answering(move |ws| {
        let failed = failed.clone();
        let ws = ws.on_failed_upgrade(move |error| failed.send(error).unwrap());
        drop(ws.on_upgrade(async |_| panic!("there is no socket")));
        axum::response::IntoResponse::into_response(StatusCode::IM_A_TEAPOT)
    })
    .await;
    assert_eq!(status(h2(address, "/", &[]).await.unwrap_err()).0, 418);
    let error = soon("the callback", seen.recv()).await.unwrap().into_inner();
    assert!(matches!(error.downcast_ref(), Some(Error::Lost)), "{error}");
}

/// §10.2: as in axum nobody is refused by default. Over HTTP/2 the host is in `:authority`.
#[tokio::test]
async fn origins_count_if_they_are_asked_for() {
    let app = Router::new()
        .route("/all", any(async |ws: WebSocketUpgrade| ws.on_upgrade(say_hello)))
        .route(
            "/same",
            any(async |ws: WebSocketUpgrade| {
                ws.origins(Origins::same_host()).on_upgrade(say_hello)
            }),
        )
        .route(
            "/tls",
            any(async |ws: WebSocketUpgrade| {
                ws.over_tls(true).origins(Origins::same_host()).on_upgrade(say_hello)
            }),
        );
    let address = serve(app).await;
    let same = format!("http://{address}");
    let cases = [
        ("/all", "https://evil.example", 0),
        ("/same", "https://evil.example", 403),
        ("/same", &*same, 0),
        // Behind TLS a page that came in the clear is another origin.
        ("/tls", &*same, 403),
    ];
    let session = session(address).await;
    for (path, origin, refused) in cases {
        let request = request(address, path, &[]).header("Origin", origin);
        let h1 = soon("h1", connect_with(&request, &seeing())).await.err();
        let h2 = soon("h2", session.open(&request, &seeing())).await.err();
        for error in [h1, h2] {
            assert_eq!(error.map_or(0, |error| status(error).0), refused, "{path} {origin}");
        }
    }
}

#[test]
fn the_defaults_are_axums_where_programs_see_them() {
    let (ours, core) = (default_config(), Config::default());
    assert_eq!(ours.limits.max_message_size, 64 << 20);
    assert_eq!(ours.limits.max_frame_size, Some(16 << 20));
    assert!(ours.report_pings && !core.report_pings);
    assert_eq!(ours.timeouts, core.timeouts);
    assert_eq!(ours.deflate, core.deflate);
}

/// What was set by its own method counts more than the configuration, in any order.
#[tokio::test]
async fn settings_in_any_order() {
    let mut config = Config::default();
    config.limits.max_message_size = 1000;
    let first = config.clone();
    let app = Router::new()
        .route(
            "/first",
            any(async move |ws: WebSocketUpgrade| {
                ws.config(first.clone()).max_message_size(10).on_upgrade(hear)
            }),
        )
        .route(
            "/last",
            any(async move |ws: WebSocketUpgrade| {
                ws.max_message_size(10).config(config.clone()).on_upgrade(hear)
            }),
        )
        .route("/frame", any(async |ws: WebSocketUpgrade| ws.max_frame_size(10).on_upgrade(hear)));
    let address = serve(app).await;
    for path in ["/first", "/last", "/frame"] {
        let (mut ws, _) = h1(address, path, &[]).await.unwrap();
        ws.send("0123456789").await.unwrap();
        assert_eq!(text(&mut ws).await, "0123456789");
        ws.send("0123456789x").await.unwrap();
        let Message::Close(Some(close)) = next(&mut ws).await else { panic!("{path}") };
        assert_eq!(close.code, 1009, "{path}");
    }
}

async fn hear(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A configuration of the core's reports no pings.
#[tokio::test]
async fn pings_are_for_those_who_ask() {
    let address = answering(|ws| ws.config(Config::default()).on_upgrade(hear)).await;
    let mut client = Raw::open(address, "/").await;
    client.send([client_frame(FIN | PING, "p"), client_frame(FIN | TEXT, "t")].concat()).await;
    client.send(client_close(1000, "")).await;
    let (sent, reset) = client.rest().await;
    assert!(!reset);
    let expected = [server_frame(FIN | PONG, "p"), server_frame(FIN | TEXT, "t")].concat();
    assert!(sent.starts_with(&expected), "{}", sent.escape_ascii());
}

/// The write buffer's limit is `high_water`.
#[tokio::test]
async fn the_limit_of_the_write_buffer() {
    for max in [1000, 1_000_000] {
        let (tell, told) = oneshot::channel();
        let tell = std::sync::Arc::new(std::sync::Mutex::new(Some(tell)));
        let address = answering(move |ws| {
            let tell = tell.lock().unwrap().take().unwrap();
            ws.max_write_buffer_size(max).on_upgrade(async move |mut socket| {
                let ws = socket.get_mut();
                // Until the system takes no more, and the buffer is full.
                while !matches!(ws.try_send(vec![0; 100]), Err(TrySendError::Full(_))) {}
                tell.send(ws.buffered()).unwrap();
            })
        });
        let _client = Raw::open(address.await, "/").await;
        let buffered = soon("it is full", told).await.unwrap();
        assert!((max..max + 200).contains(&buffered), "{buffered} of {max}");
    }
}

/// A socket that is dropped ends without a close frame, as axum's does: its program may have failed.
#[tokio::test]
async fn dropped_without_a_close_frame() {
    let address = answering(|ws| ws.on_upgrade(say_hello)).await;
    let (sent, _) = Raw::open(address, "/").await.rest().await;
    assert_eq!(sent, server_frame(FIN | TEXT, "hello"));
    let (mut ws, _) = h2(address, "/", &[]).await.unwrap();
    assert_eq!(text(&mut ws).await, "hello");
    let error = soon("the end", ws.recv()).await.unwrap_err();
    assert!(matches!(error, Error::Lost), "{error:?}");
}

/// A close frame was sent, and the socket was dropped: the client still reads it all, though what it has sent itself
/// was not read. To end TCP then would reset the connection, and the close frame would be lost.
#[tokio::test]
async fn dropped_after_a_close_frame() {
    let (go, gone) = oneshot::channel::<()>();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(Some(gone)));
    let address = answering(move |ws| {
        let gone = gone.lock().unwrap().take().unwrap();
        ws.on_upgrade(async move |mut socket| {
            gone.await.unwrap();
            let close = bowstring_axum::CloseFrame { code: 4002, reason: "enough".into() };
            socket.send(bowstring_axum::Message::Close(Some(close))).await.unwrap();
        })
    });
    let mut client = Raw::open(address.await, "/").await;
    // More than the server reads at a time, and little enough for the system's buffers.
    client.send(client_frame(FIN | BINARY, [7; 100_000])).await;
    go.send(()).unwrap();
    client.send(client_frame(FIN | TEXT, "late")).await;
    client.send(client_close(4002, "")).await;
    let (sent, reset) = client.rest().await;
    assert_eq!(sent, server_frame(FIN | CLOSE, close_payload(4002, "enough")));
    assert!(!reset);
}

/// The rest of `bowstring`: a batch, and the socket itself.
#[tokio::test]
async fn the_fast_ways_of_bowstring() {
    let address = answering(|ws| {
        ws.on_upgrade(async |mut socket| {
            if let Ok(Some((mut events, mut outgoing))) = socket.get_mut().batch().await {
                while let Some(event) = events.next() {
                    outgoing.feed(event).unwrap();
                }
            }
            let mut ws = socket.into_inner();
            ws.send("and that was it").await.unwrap();
            ws.close(1000, "").await.unwrap();
        })
    })
    .await;
    let (mut ws, _) = h1(address, "/", &[]).await.unwrap();
    ws.send("hello").await.unwrap();
    assert_eq!(text(&mut ws).await, "hello");
    assert_eq!(text(&mut ws).await, "and that was it");
    assert_eq!(next(&mut ws).await, Message::Close(Some(CloseFrame::new(1000, "").unwrap())));
}

/// §5.5, §7.4: what must not be sent is an error, and the connection goes on.
#[tokio::test]
async fn what_must_not_be_sent() {
    let address = answering(|ws| {
        ws.on_upgrade(async |mut socket| {
            use bowstring_axum::{CloseFrame, Message, close_code};
            let close = |code, reason: String| {
                Message::Close(Some(CloseFrame { code, reason: reason.into() }))
            };
            for message in [
                Message::Ping(vec![0; 126].into()),
                close(close_code::STATUS, String::new()),
                close(close_code::ABNORMAL, String::new()),
                close(close_code::NORMAL, "x".repeat(124)),
            ] {
                let error = socket.send(message).await.unwrap_err().into_inner();
                assert!(matches!(error.downcast_ref(), Some(Error::Misuse(_))), "{error}");
            }
            say_hello(socket).await;
        })
    })
    .await;
    let (mut ws, _) = h1(address, "/", &[]).await.unwrap();
    assert_eq!(text(&mut ws).await, "hello");
}
