//! The examples, run as their readers would.

#[allow(unreachable_pub, reason = "it is for the attacks")]
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use bowstring::handshake::ClientRequest;
use bowstring::net::{Incoming, Transport, connect_with};
use bowstring::{Config, Error, Message, WebSocket};
use bowstring_testing::io::process::Server;
use tokio::net::TcpListener;

/// An example that was built along with this test.
fn example(name: &str) -> Command {
    let path = std::env::current_exe().unwrap();
    let path: PathBuf = path.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{path:?} is not there: cargo build --examples makes it");
    Command::new(path)
}

fn start(name: &str) -> Server {
    Server::spawn(example(name).arg("127.0.0.1:0"))
}

async fn connect(
    server: &Server,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<WebSocket<Transport>, Error> {
    let uri = format!("ws://127.0.0.1:{}{path}", server.port).parse().unwrap();
    let request = fields
        .iter()
        .fold(ClientRequest::new(uri), |request, (name, value)| request.header(*name, *value));
    connect_with(&request, &Config::default()).await.map(|(ws, _)| ws)
}

async fn text(ws: &mut WebSocket<Transport>) -> String {
    match ws.recv().await.unwrap() {
        Some(Message::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn chat_tells_a_room_what_is_said_in_it() {
    let server = start("chat");
    let mut ada = connect(&server, "/rooms/tea", &[]).await.unwrap();
    let ada_is = text(&mut ada).await.replace(" has come", "");
    let mut elsewhere = connect(&server, "/rooms/coffee", &[]).await.unwrap();
    let elsewhere_is = text(&mut elsewhere).await.replace(" has come", "");
    let mut bob = connect(&server, "/rooms/tea", &[]).await.unwrap();
    let bob_is = text(&mut bob).await.replace(" has come", "");
    assert_eq!(text(&mut ada).await, format!("{bob_is} has come"));
    bob.send("good morning").await.unwrap();
    for hears in [&mut ada, &mut bob] {
        assert_eq!(text(hears).await, format!("{bob_is} says good morning"));
    }
    bob.close(1000, "").await.unwrap();
    assert_eq!(text(&mut ada).await, format!("{bob_is} has gone"));
    elsewhere.send("alone").await.unwrap();
    assert_eq!(text(&mut elsewhere).await, format!("{elsewhere_is} says alone"));
    assert!(ada_is != bob_is);
    let Err(Error::Status(response)) = connect(&server, "/", &[]).await else { panic!() };
    assert_eq!(response.status(), 404);
}

#[tokio::test]
async fn auth_lets_in_who_proves_who_they_are() {
    let server = start("auth");
    let basic = ("Authorization", "Basic YWRhOmxvdmVsYWNl");
    let mut ada = connect(&server, "/", &[basic]).await.unwrap();
    assert_eq!(text(&mut ada).await, "hello, ada");
    ada.send("it works").await.unwrap();
    assert_eq!(text(&mut ada).await, "you said it works");
    let token = ("Authorization", "Bearer a-long-random-token");
    let mut machine = connect(&server, "/", &[token]).await.unwrap();
    assert_eq!(text(&mut machine).await, "hello, a machine");
    let own = format!("http://127.0.0.1:{}", server.port);
    connect(&server, "/", &[basic, ("Origin", &own)]).await.unwrap();
    for (fields, status) in [
        (&[("Authorization", "Basic YWRhOndyb25n")][..], 401),
        (&[], 401),
        (&[basic, ("Origin", "http://evil.example")], 403),
    ] {
        let Err(Error::Status(response)) = connect(&server, "/", fields).await else { panic!() };
        assert_eq!(response.status(), status);
        assert!(!response.body().is_empty());
    }
}

/// Its end, which must come by itself.
fn end_of(mut client: Child) -> Output {
    // Open until it has ended: the end of what is typed would end it as well.
    let _typed = client.stdin.take();
    let (give, take) = std::sync::mpsc::channel();
    std::thread::spawn(move || give.send(client.wait_with_output()));
    take.recv_timeout(Duration::from_secs(60)).expect("it ends").unwrap()
}

#[tokio::test]
async fn follow_comes_back_until_that_is_of_no_use() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = example("follow")
        .arg(format!("ws://{}/", listener.local_addr().unwrap()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let come = async || {
        bowstring::accept(Transport::from(listener.accept().await.unwrap().0)).await.unwrap()
    };
    let mut ws = come().await;
    ws.send("one").await.unwrap();
    writeln!(client.stdin.as_mut().unwrap(), "typed").unwrap();
    assert_eq!(text(&mut ws).await, "typed");
    // It is lost; then it is closed, but not for good.
    drop(ws);
    let mut ws = come().await;
    ws.send("two").await.unwrap();
    ws.close(1012, "").await.unwrap();
    let mut ws = come().await;
    ws.send("three").await.unwrap();
    // Before it has come, the client may still be connecting; to end that sends no close frame.
    let shown = std::io::BufReader::new(client.stdout.take().unwrap());
    let shown: Vec<_> = std::io::BufRead::lines(shown).take(3).map(Result::unwrap).collect();
    assert_eq!(shown, ["one", "two", "three"]);
    drop(client.stdin.take());
    assert!(ws.recv().await.unwrap().unwrap().is_close());
    assert_eq!(ws.recv().await.unwrap(), None);
    let output = end_of(client);
    assert!(output.status.success(), "{output:?}");

    // These are not tried again, though somebody could still type.
    for (code, well) in [(1000, true), (1008, false), (401, false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = example("follow")
            .arg(format!("ws://{}/", listener.local_addr().unwrap()))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = client.stdin.take();
        let stream = listener.accept().await.unwrap().0;
        let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
        if code < 1000 {
            let mut answer = http::Response::new("");
            *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
            incoming.respond(answer).await.unwrap();
        } else {
            incoming.accept().await.unwrap().close(code, "").await.unwrap();
        }
        let output = end_of(client);
        drop(stdin);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.success(), well, "{said}");
        assert!(well || said.contains(&code.to_string()), "{said}");
    }
}

/// A server that asks for a pause gets it: every client that is sent away comes back no sooner.
#[tokio::test]
async fn follow_waits_as_long_as_the_server_asks() {
    for (status, asked, at_least) in [(503, "1800", 1_800_000), (522, "900", 900_000)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = example("follow")
            .arg(format!("ws://{}/", listener.local_addr().unwrap()))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stream = listener.accept().await.unwrap().0;
        let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
        let answer = http::Response::builder().status(status).header("Retry-After", asked);
        incoming.respond(answer.body("").unwrap()).await.unwrap();
        let said = std::io::BufReader::new(client.stderr.take().unwrap());
        let again = std::io::BufRead::lines(said).map(Result::unwrap);
        let again = again.filter_map(|line| {
            line.strip_prefix("again in ")?.strip_suffix(" ms")?.parse::<u64>().ok()
        });
        let waits = again.take(1).next().expect("it comes back");
        client.kill().unwrap();
        client.wait().unwrap();
        assert!((at_least..=at_least + 1000).contains(&waits), "{waits}");
    }
}

/// A mistyped host is not tried for ever.
#[test]
fn follow_ends_where_there_is_no_such_host() {
    let client = example("follow")
        .arg(format!("ws://{}.example/", "a".repeat(64)))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = end_of(client);
    assert!(!output.status.success(), "{output:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn drain_says_goodbye() {
    let mut server = start("drain");
    let mut client = connect(&server, "/", &[]).await.unwrap();
    assert_eq!(text(&mut client).await, "1");
    server.signal("INT");
    let code = loop {
        match client.recv().await.unwrap() {
            Some(Message::Close(Some(close))) => break close.code,
            Some(_) => continue,
            None => panic!("no close frame"),
        }
    };
    assert_eq!(code, 1012);
    assert_eq!(client.recv().await.unwrap(), None);
    assert_eq!(server.wait().code(), Some(0));
    let mut report = String::new();
    std::io::Read::read_to_string(&mut server.stdout, &mut report).unwrap();
    assert!(report.contains("closed: 1"), "{report}");
}

#[test]
fn event_loop_needs_no_runtime() {
    let output = example("event-loop").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "the server said [\"hello\", \"how are you?\"]\n");
}
