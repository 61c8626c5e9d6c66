//! What can be seen from outside of a server and of its clients: spans, events, counters. S39 among them.

#[path = "server/running.rs"]
mod running;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bowstring::server::{Accept, Answer, Request, ServerConnection, ServerLimits, Topic};
use bowstring::{Error, Message, Prepared};
use http::StatusCode;
use running::{Running, local, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What a log's file would have got.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What the server has told.
    fn text(&self) -> String {
        self.of("bowstring::server")
    }

    /// What was told by this part of the crate.
    fn of(&self, target: &str) -> String {
        let all = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        all.lines().filter(|line| line.contains(target)).map(|line| format!("{line}\n")).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Logs what this thread does, as long as the guard lives.
fn logged() -> (Log, DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    (log, tracing::subscriber::set_default(subscriber))
}

async fn page_or_echo(request: Request) -> Result<Accept, Answer> {
    let accept = request.protocols().next().map(|name| Accept::default().protocol(name));
    if request.path() == "/nowhere" {
        Err(StatusCode::NOT_FOUND.into())
    } else {
        Ok(accept.unwrap_or_default())
    }
}

/// Echoes, and fails with what the peer said last.
async fn echo(mut connection: ServerConnection) -> Result<(), String> {
    loop {
        match connection.recv().await.map_err(|error| error.to_string())? {
            Some(Message::Close(Some(close))) if !close.reason.is_empty() => {
                return Err(format!("it said {}", close.reason));
            }
            Some(message) if !message.is_close() => {
                connection.send(message).await.map_err(|error| error.to_string())?;
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

#[tokio::test]
async fn s39_spans_events_and_counters() {
    let (log, _guard) = logged();

    let server = local().await.on_request(page_or_echo);
    let Running { address, handle, task: serving } = start(server, echo);

    let uri = format!("ws://{address}/some/path").parse().unwrap();
    let request = bowstring::handshake::ClientRequest::new(uri).protocol("chat");
    let (mut ws, _) =
        bowstring::net::connect_with(&request, &bowstring::Config::default()).await.unwrap();
    for _ in 0..3 {
        ws.send("12345").await.unwrap();
        assert!(ws.recv().await.unwrap().is_some());
    }
    let live = handle.report().traffic;
    assert_eq!((live.messages_received, live.messages_sent), (3, 3), "{live:?}");
    // Three frames of five bytes: masked ones have six bytes of header, others two.
    assert_eq!((live.bytes_received, live.bytes_sent), (33, 21), "{live:?}");
    ws.close(1000, "\x1b[31mred\r\nWARN a line of mine").await.unwrap();

    let Err(Error::Status(_)) = bowstring::connect(&format!("ws://{address}/nowhere")).await else {
        panic!()
    };
    handle.drain();
    let report = serving.await.unwrap();
    assert_eq!((report.closed, report.refused), (1, 1), "{report:?}");
    assert_eq!(report.traffic.messages_received, 3, "{report:?}");
    assert_eq!(report.handlers_failed, 1, "as many as there are warnings: {report:?}");

    let log = log.text();
    println!("{log}");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 4, "{log}");
    for (line, says) in lines.iter().zip(["opened", "failed", "ended", "refused"]) {
        assert!(line.contains(says) && line.contains("connection{id="), "{line}");
        assert!(line.bytes().all(|byte| !byte.is_ascii_control()), "{line}");
    }
    assert!(lines[0].contains("path=/some/path") && lines[0].contains("subprotocol=\"chat\""));
    assert!(lines[1].contains("WARN"), "{log}");
    assert!(lines[1].contains(r"it said \u{1b}[31mred\r\nWARN a line of mine"), "{log}");
    for says in ["code=1000", "clean=true", "messages_received=3", "messages_sent=3"] {
        assert!(lines[2].contains(says), "{log}");
    }
    assert!(lines[3].contains("status=404") && lines[3].contains("path=/nowhere"), "{log}");
}

/// What is only sent is counted too, while whoever reads waits for somebody who says nothing.
#[tokio::test]
async fn what_is_pushed_is_counted_at_once() {
    let server = local().await;
    let topic = Topic::new();
    let news = topic.clone();
    let Running { address, handle, task: serving } =
        start(server, move |connection: ServerConnection| {
            let news = news.clone();
            async move {
                let (mut reader, writer, ()) = connection.split();
                let _place = news.subscribe(&writer);
                while reader.recv().await?.is_some() {}
                Ok::<_, Error>(())
            }
        });
    let (mut ws, _) = bowstring::connect(&format!("ws://{address}/")).await.unwrap();
    ws.send("here").await.unwrap();
    while topic.is_empty() {
        tokio::task::yield_now().await;
    }
    for number in 1..=3 {
        topic.publish(&Prepared::text("12345"));
        assert_eq!(ws.recv().await.unwrap(), Some("12345".into()));
        let traffic = handle.report().traffic;
        assert_eq!(
            (traffic.messages_sent, traffic.bytes_sent),
            (number, 7 * number),
            "{traffic:?}"
        );
    }
    drop(ws);
    handle.drain();
    assert_eq!(serving.await.unwrap().traffic.messages_sent, 3);
}

/// Who takes a connection away has not failed, and the log has its end.
#[tokio::test]
async fn the_end_of_a_connection_that_was_taken_away() {
    let (log, _guard) = logged();
    let server = local().await;
    let Running { address, handle, task: serving } =
        start(server, async |connection: ServerConnection| {
            connection.into_socket().0.close(1000, "").await
        });
    let (mut ws, _) = bowstring::connect(&format!("ws://{address}/")).await.unwrap();
    while ws.recv().await.unwrap().is_some() {}
    handle.drain();
    assert_eq!(serving.await.unwrap().dropped, 1);
    let log = log.text();
    assert!(log.contains("ended") && log.contains("code=1000"), "{log}");
}

/// A handler that still answers when the server has begun to close fails, for it may send no more
/// (§5.5.1). That is the server's doing, and no cause for alarm.
#[tokio::test]
async fn draining_alarms_nobody() {
    let (log, _guard) = logged();

    let server = local().await;
    let Running { address, handle, task: serving } =
        start(server, async |mut connection: ServerConnection| {
            while let Some(message) = connection.recv().await? {
                connection.send(message).await?;
            }
            Ok::<_, Error>(())
        });
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    handle.drain();
    let mut farewell = [0; 2];
    stream.read_exact(&mut farewell).await.unwrap();
    let mut reason = vec![0; farewell[1].into()];
    stream.read_exact(&mut reason).await.unwrap();
    assert_eq!((farewell[0], &reason[..2]), (0x88, &1001_u16.to_be_bytes()[..]));
    // It was under way; and so is the answer to the close frame.
    stream.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    drop(stream);
    let report = serving.await.unwrap();
    assert_eq!((report.closed, report.failed), (1, 0), "{report:?}");
    assert_eq!(report.handlers_failed, 0, "{report:?}");
    let log = log.text();
    let failed = log.lines().find(|line| line.contains("failed")).expect("it is told all the same");
    assert!(failed.contains("INFO") && !log.contains("WARN"), "{log}");
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// A health check is no refusal.
#[tokio::test]
async fn a_page_is_an_answer() {
    let (log, _guard) = logged();
    let server = local().await;
    let server = server.on_request(async |request: Request| match request.path() {
        "/health" => Err::<Accept, _>(Answer::new(StatusCode::OK)),
        _ => panic!("as it was told to"),
    });
    let Running { address, handle, task: serving } = start(server, async |_: ServerConnection| {});
    for (path, status) in [("/health", "200"), ("/panic", "500")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(&answer[9..12], status);
    }
    handle.drain();
    let report = serving.await.unwrap();
    assert_eq!((report.answered, report.refused), (1, 1), "{report:?}");
    assert_eq!(report.handlers_failed, 1, "{report:?}");
    let log = log.text();
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    for (line, says) in lines.iter().zip(["answered status=200", "failed", "refused status=500"]) {
        assert!(line.contains(says), "{line}");
    }
    assert!(lines[1].contains("WARN"), "{log}");
}

/// Whoever is answered, in whatever way they failed, leaves word of it.
#[tokio::test]
async fn every_refusal_is_told() {
    let (log, _guard) = logged();
    let request = String::from_utf8_lossy(REQUEST).into_owned();
    for (connections, request, status) in [
        (9, request.replace("Version: 13", "Version: 12"), "426"),
        (9, "GET / HTTP/1.1\r\nHost here\r\n\r\n".to_owned(), "400"),
        (0, "GET / HTTP/3.1\r\nHost: here\r\n\r\n".to_owned(), "505"),
        (0, request, "503"),
    ] {
        let mut limits = ServerLimits::default();
        limits.connections = connections;
        let server = local().await.limits(limits);
        let Running { address, task: serving, .. } = start(server, async |_: ServerConnection| {});
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).await.unwrap();
        assert_eq!(&line[9..], status.as_bytes());
        serving.abort();
        let log = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        let peer = stream.local_addr().unwrap();
        let told =
            log.contains(&format!("peer={peer}")) && log.contains(&format!("status={status}"));
        assert!(told && log.lines().count() == 1, "{status}: {log}");
    }
}

/// Each line has these, in this order; and nobody can write lines or move a cursor in it.
#[track_caller]
fn tells(log: &str, says: &[&str]) {
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), says.len(), "{log}");
    for (line, says) in lines.iter().zip(says) {
        assert!(says.split(" … ").all(|says| line.contains(says)), "{says}: {line}");
        assert!(line.bytes().all(|byte| !byte.is_ascii_control()), "{line}");
    }
}

#[tokio::test]
async fn a_client_has_a_span_too() {
    let (log, _guard) = logged();
    let server = local().await.on_request(page_or_echo);
    let Running { address, handle, task: serving } = start(server, echo);
    let uri = format!("ws://{address}/some/path?token=secret");
    let request = bowstring::handshake::ClientRequest::new(uri.parse().unwrap()).protocol("chat");
    let (mut ws, _) = bowstring::connect(request).await.unwrap();
    tells(&log.of("bowstring::client"), &["opened"]);
    for _ in 0..3 {
        ws.send("12345").await.unwrap();
        assert!(ws.recv().await.unwrap().is_some());
    }
    ws.close(1000, "").await.unwrap();
    // It is told once.
    drop(ws);
    let client = log.of("bowstring::client");
    let span = format!("connection{{uri=ws://{address}/some/path subprotocol=\"chat\"");
    let bytes = "messages_received=3 bytes_received=25 messages_sent=3 bytes_sent=41";
    tells(
        &client,
        &[
            &format!("INFO … {span} compressed=true"),
            &format!("{span} … code=1000 clean=true {bytes} … ended"),
        ],
    );
    assert!(!client.contains("secret"), "{client}");
    handle.drain();
    serving.await.unwrap();
}

#[tokio::test]
async fn clients_that_are_refused_dropped_or_split() {
    let (log, _guard) = logged();
    let server = local().await.on_request(page_or_echo);
    let Running { address, handle, task: serving } = start(server, echo);
    let uri = |path: &str| format!("ws://{address}{path}");
    assert!(bowstring::connect(uri("/nowhere?key=secret")).await.is_err());
    drop(bowstring::connect(uri("/dropped")).await.unwrap());
    let (mut reader, writer) = bowstring::connect(uri("/split")).await.unwrap().0.split();
    writer.send("12345").await.unwrap();
    assert!(reader.recv().await.unwrap().is_some());
    reader.close(4000, "").await.unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let config = bowstring::Config::default();
    let (ws, _) = bowstring::net::connect_over(stream, uri("/over"), &config).await.unwrap();
    drop(ws);
    let client = log.of("bowstring::client");
    tells(
        &client,
        &[
            "/nowhere}: … failed error=the server answered 404",
            "/dropped … opened",
            "/dropped … messages_sent=0 … ended",
            "/split … opened",
            "/split … code=4000 clean=true messages_received=1 … ended",
            "/over … opened",
            "/over … ended",
        ],
    );
    assert!(!client.contains("secret"), "{client}");
    assert!(!client.lines().nth(2).unwrap().contains("code="), "{client}");
    handle.drain();
    serving.await.unwrap();
}

/// What a client that comes back tells of its attempts. The server's reasons are escaped.
#[tokio::test(start_paused = true)]
async fn attempts_are_told() {
    use bowstring::net::{AttemptError, ReconnectingWebSocket, Transport, masking_key};
    use bowstring::proto::Role;
    let (log, _guard) = logged();
    let config = bowstring::Config::default();
    let mut client = ReconnectingWebSocket::from_fn(move |attempt| {
        let config = config.clone();
        async move {
            if attempt.connections > 0 {
                return Err(AttemptError::permanent("enough"));
            }
            let (near, far) = tokio::io::duplex(1024);
            let mut server = bowstring::WebSocket::from_raw(far, Role::Server, [], &config);
            tokio::spawn(async move { server.close(1001, "\x1b[31mred\r\nWARN mine").await });
            let role = Role::Client(masking_key);
            Ok(bowstring::WebSocket::from_raw(Transport::from(near), role, [], &config))
        }
    })
    .jitter(|| 0.5);
    assert!(client.recv().await.is_err());
    tells(
        &log.of("bowstring::reconnect"),
        &[
            "INFO … connected connection=1",
            r"INFO … disconnected cause=the peer closed the connection with 1001: \u{1b}[31mred\r\nWARN mine … pause_ms=500",
            "WARN … ended cause=enough",
        ],
    );
}

/// What another HTTP server has accepted is told as the server's own connections are.
#[tokio::test]
async fn adopted_connections_have_spans_and_events_too() {
    let (log, _guard) = logged();
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let server = bowstring::server::Server::new().limits(limits).handle();
    let peer: std::net::SocketAddr = "192.0.2.1:4000".parse().unwrap();

    let (client, stream) = tokio::io::duplex(1024);
    let permit = server.admit(peer).unwrap().path("/a\nb");
    assert!(server.admit(peer).is_err());
    let request = bowstring::handshake::ClientRequest::new("ws://here/".parse().unwrap());
    let config = bowstring::Config::default();
    let accepting = config.clone();
    let pending = async move {
        bowstring::net::Incoming::read(stream.into(), &accepting).await?.accept().await
    };
    permit.adopt(pending, echo);
    let (mut ws, _) = bowstring::net::connect_over(client, &request, &config).await.unwrap();
    ws.close(1000, "it").await.unwrap();
    drop(ws);
    // One that fails before it is open.
    while server.report().closed == 0 {
        tokio::task::yield_now().await;
    }
    server.admit(peer).unwrap().adopt(async { Err(Error::Lost) }, echo);
    server.drain();
    let report = server.drained().await;
    assert_eq!((report.closed, report.refused, report.handlers_failed), (1, 2, 1), "{report:?}");

    let log = log.text();
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 5, "{log}");
    for (line, says) in lines.iter().zip(["refused", "opened", "failed", "ended", "failed"]) {
        assert!(line.contains(says) && line.contains("peer=192.0.2.1:4000"), "{line}");
    }
    assert!(lines[0].contains("status=503"), "{log}");
    assert!(lines[1].contains("id=0") && lines[1].contains(r"path=/a\nb"), "{log}");
    assert!(lines[2].contains("WARN") && lines[2].contains("it said it"), "{log}");
    assert!(lines[4].contains("INFO"), "{log}");
}
