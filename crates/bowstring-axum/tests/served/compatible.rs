//! Programs that only change an import: what they do is the same.

use axum::Router;
use bowstring::{CloseFrame, Message};
use bowstring_testing::frames::*;
use bowstring_testing::io::wait::soon;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_tungstenite::tungstenite;

use super::support::*;
use super::{on_axum, on_bowstring};

#[test]
fn texts_and_messages_convert_as_axums_do() {
    on_axum::surface::texts();
    on_axum::surface::messages().unwrap();
    on_bowstring::surface::texts();
    on_bowstring::surface::messages().unwrap();
    assert_eq!(on_bowstring::surface::codes(), on_axum::surface::codes());
}

/// The chat over each version of HTTP, with each of the two.
#[tokio::test]
async fn a_chat_with_state_a_subprotocol_pings_and_a_goodbye() {
    for (name, app) in [("axum", on_axum::chat::app()), ("bowstring", on_bowstring::chat::app())] {
        eprintln!("{name}");
        let address = serve(app).await;
        let (mut ada, response) = h1(address, "/rooms/ada", &["chat.v1", "chat.v2"]).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v2");
        assert_eq!(next(&mut ada).await, Message::Ping("welcome".into()));
        assert_eq!(text(&mut ada).await, "* ada is here\n");
        assert_eq!(text(&mut ada).await, "ada got b\"welcome\"");

        let (mut bob, response) = h2(address, "/rooms/bob", &["chat.v1"]).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v1");
        assert_eq!(next(&mut bob).await, Message::Ping("welcome".into()));
        // Bob first: his pong is written when he waits.
        for line in ["bob joined", "bob got b\"welcome\""] {
            assert_eq!(text(&mut bob).await, line);
            assert_eq!(text(&mut ada).await, line);
        }

        ada.send("hello").await.unwrap();
        bob.send(vec![1, 2, 3]).await.unwrap();
        let mut heard = [text(&mut ada).await, text(&mut ada).await];
        heard.sort_unstable();
        assert_eq!(heard, ["ada: hello", "bob shows 3 bytes"]);
        for _ in heard {
            text(&mut bob).await;
        }

        bob.send(Message::Ping("?".into())).await.unwrap();
        let mut got = [next(&mut bob).await, next(&mut bob).await];
        got.sort_by_key(|message| message.is_text());
        assert_eq!(got, [Message::Pong("?".into()), Message::text("bob pings b\"?\"")]);
        assert_eq!(text(&mut ada).await, "bob pings b\"?\"");

        // A name that is taken: the last word is a close frame.
        let (mut twin, _) = h1(address, "/rooms/bob", &["chat.v2"]).await.unwrap();
        let close = CloseFrame::new(1008, "the name is taken").unwrap();
        assert_eq!(next(&mut twin).await, Message::Close(Some(close)));

        // axum's program has not written its answer when it drops the socket.
        let closed = bob.close(4000, "bye").await;
        assert!(name == "axum" || closed.is_ok(), "{closed:?}");
        assert_eq!(text(&mut ada).await, "bob leaves: 4000 bye");

        // Too long for the limits that were set.
        ada.send(vec![0; 5000]).await.unwrap();
        let (mut eve, _) = h1(address, "/rooms/eve", &["chat.v2"]).await.unwrap();
        assert_eq!(next(&mut eve).await, Message::Ping("welcome".into()));

        let refused = h1(address, "/rooms/eve", &["mail"]).await.unwrap_err();
        let bowstring::Error::Status(response) = refused else { panic!("{refused:?}") };
        assert_eq!(response.status(), 400);
        assert_eq!(response.body(), "no chat among [\"mail\"]");
    }
}

#[tokio::test]
async fn the_ideas_of_axums_examples() {
    for (name, app) in
        [("axum", on_axum::examples::app()), ("bowstring", on_bowstring::examples::app())]
    {
        let address = serve(app).await;

        let (mut ws, _) = h1(address, "/echo", &[]).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(text(&mut ws).await, "hello");
        // A program of axum's that sends the close frame back loses the answer to it.
        let closed = ws.close(1000, "").await;
        assert!(name == "axum" || closed.is_ok(), "{closed:?}");

        for number in 1..=2 {
            let (mut ws, _) = h2(address, "/count", &[]).await.unwrap();
            assert_eq!(text(&mut ws).await, format!("you are number {number}"));
            assert_eq!(next(&mut ws).await, Message::Close(None));
        }

        let (mut ws, _) = h1(address, "/halves", &[]).await.unwrap();
        ws.send("one").await.unwrap();
        ws.send(vec![0xFF]).await.unwrap();
        ws.send("two").await.unwrap();
        assert_eq!(text(&mut ws).await, "ONE");
        assert_eq!(text(&mut ws).await, "TWO");

        for (offered, chosen) in
            [(&["wamp", "soap"][..], "soap"), (&["mqtt"], "none"), (&[], "none")]
        {
            let (mut ws, _) = h1(address, "/protocols", offered).await.unwrap();
            assert_eq!(text(&mut ws).await, chosen);
            assert_eq!(ws.protocol(), (chosen != "none").then_some(chosen));
        }
        let (mut ws, _) = h2(address, "/chosen", &["b", "c", "a"]).await.unwrap();
        assert_eq!((&*text(&mut ws).await, ws.protocol()), ("c", Some("c")));

        let page =
            raw(address, b"GET /either HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 9999)
                .await;
        assert!(page.ends_with(b"\r\n\r\na page"), "{}", page.escape_ascii());
        let (ws, _) = h1(address, "/either", &[]).await.unwrap();
        drop(ws);
    }
}

/// A client that is not ours.
#[tokio::test]
async fn tokio_tungstenite_as_the_client() {
    use tungstenite::Message;
    for (name, app) in
        [("axum", on_axum::examples::app()), ("bowstring", on_bowstring::examples::app())]
    {
        let address = serve(app).await;
        let uri = format!("ws://{address}/echo");
        let (mut ws, _) = soon("it", tokio_tungstenite::connect_async(uri)).await.unwrap();
        for message in [Message::text("é".repeat(70_000)), Message::binary(vec![7; 3])] {
            ws.send(message.clone()).await.unwrap();
            assert_eq!(soon("it", ws.next()).await.unwrap().unwrap(), message);
        }
        ws.send(Message::Ping("?".into())).await.unwrap();
        // The pong, and the ping that the program sends back.
        let mut got = Vec::new();
        while got.len() < 2 {
            got.push(soon("it", ws.next()).await.unwrap().unwrap());
        }
        assert!(got.contains(&Message::Pong("?".into())), "{got:?}");
        ws.close(None).await.unwrap();
        while let Some(message) = soon("the end", ws.next()).await {
            // See above.
            assert!(name == "axum" || message.is_ok(), "{message:?}");
        }
    }
}

/// What a program is told of what a client does, and what it can do after that.
#[tokio::test]
async fn what_a_program_receives_is_the_same() {
    let cases: &[(&str, &[u8], &[&str])] = &[
        (
            "messages, a ping amid one, and a goodbye",
            &[
                client_frame(FIN | TEXT, "é"),
                client_frame(BINARY, "12"),
                client_frame(FIN | PING, "p"),
                client_frame(FIN | CONTINUATION, "345"),
                client_frame(FIN | PONG, "unasked"),
                client_close(4001, "done"),
            ]
            .concat(),
            &["text é", "ping 1", "binary 5", "pong 7", "close 4001 done", "end"],
        ),
        ("a goodbye without a code", &client_frame(FIN | CLOSE, ""), &["close", "end"]),
        ("nothing", b"", &["error", "end"]),
        ("half a message", &client_frame(FIN | TEXT, "cut")[..8], &["error", "end"]),
        ("a frame without a mask", &server_frame(FIN | TEXT, "x"), &["error", "end"]),
        ("text that is not UTF-8", &client_frame(FIN | TEXT, b"\xFF"), &["error", "end"]),
        ("a long message", &client_frame(FIN | TEXT, [b'x'; 1001]), &["error", "end"]),
        (
            "bytes after the goodbye",
            &[client_close(1000, ""), client_frame(FIN | TEXT, "late")].concat(),
            &["close 1000 ", "end"],
        ),
    ];
    for (what, bytes, expected) in cases {
        for path in ["/recv", "/stream"] {
            for (name, (app, mut diary)) in
                [("axum", on_axum::diary::app()), ("bowstring", on_bowstring::diary::app())]
            {
                let mut client = Raw::open(serve(app).await, path).await;
                client.send(bytes).await;
                // The client's last word; it reads on.
                tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
                let expected = [*expected, &["end"]].concat();
                let got = read(&mut diary, expected.len()).await;
                assert_eq!(got, expected, "{what}, {path}, {name}");
                // axum's socket takes messages even after it has given an error.
                let late = read(&mut diary, 1).await;
                assert!(name == "axum" || late == ["not sent"], "{what}, {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_program_that_closes_receives_what_comes_until_the_answer() {
    for (name, (app, mut diary)) in
        [("axum", on_axum::diary::app()), ("bowstring", on_bowstring::diary::app())]
    {
        let mut client = Raw::open(serve(app).await, "/close").await;
        client.send(client_frame(FIN | TEXT, "on its way")).await;
        client.send(client_close(1012, "")).await;
        let got = read(&mut diary, 4).await;
        assert_eq!(got, ["not sent", "text on its way", "close 1012 ", "end"], "{name}");
        let (sent, _) = client.rest().await;
        assert_eq!(sent, server_frame(FIN | CLOSE, close_payload(1012, "again")), "{name}");
    }
}

/// Programs that send back whatever comes send the close frame back, too. It is not sent twice.
#[tokio::test]
async fn a_close_frame_that_is_sent_back_is_sent_once() {
    for (name, (app, mut diary)) in
        [("axum", on_axum::diary::app()), ("bowstring", on_bowstring::diary::app())]
    {
        let mut client = Raw::open(serve(app).await, "/answer").await;
        client.send(client_frame(FIN | TEXT, "x")).await;
        client.send(client_close(1001, "so long")).await;
        let got = read(&mut diary, 3).await;
        let (sent, _) = client.rest().await;
        let (frames, rest) = parse_frames(&sent);
        assert_eq!((&frames[0].payload[..], rest.len()), (&b"x"[..], 0), "{name}");
        if name == "bowstring" {
            assert_eq!(got, ["text x, sent", "close 1001 so long, sent", "end"]);
            assert_eq!((frames.len(), frames[1].code()), (2, 1001), "{frames:?}");
        } else {
            // Here the second close frame is an error.
            assert_eq!(got, ["text x, sent", "close 1001 so long, not sent", "end"]);
        }
    }
}

async fn read(diary: &mut UnboundedReceiver<String>, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(soon("a line", diary.recv()).await.expect("the handler lives"));
    }
    lines
}

/// Both kinds of app have one type.
const _: fn() -> Router = on_bowstring::chat::app;
