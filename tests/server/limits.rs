//! How many are let in, and what becomes of the others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use allocation_counter::measure;
use bowstring::server::{Accept, Answer, Listener, Request, ServerLimits};
use bowstring::{Config, Error};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::{Hesitant, Running, local, patient, soon, start, status, upgrade};

async fn limited(set: impl FnOnce(&mut ServerLimits)) -> Running {
    let mut limits = ServerLimits::default();
    set(&mut limits);
    start(local().await.limits(limits), crate::echo)
}

/// A connection from another address of this machine.
async fn from(local: &str, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(local.parse().unwrap()).unwrap();
    socket.connect(server).await.unwrap()
}

async fn refused(server: &Running) -> StatusCode {
    match server.try_connect("/").await {
        Err(Error::Status(response)) => {
            assert!(!response.body().is_empty());
            response.status()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn s36_as_many_connections_as_there_may_be() {
    let server = limited(|limits| limits.connections = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(server.connect().await);
    }
    for _ in 0..5 {
        assert_eq!(refused(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    open.pop().unwrap().close(1000, "").await.unwrap();
    server.open(2).await;
    let mut again = server.connect().await;
    again.send("there is room again").await.unwrap();
    assert!(again.recv().await.unwrap().is_some());
    let report = server.handle.report();
    assert_eq!((report.open, report.closed, report.refused), (3, 1, 5), "{report:?}");
}

#[tokio::test]
async fn s36_as_many_from_one_address_as_there_may_be() {
    let server = limited(|limits| limits.per_address = Some(2)).await;
    let mut first = server.connect().await;
    let _second = server.connect().await;
    assert_eq!(refused(&server).await, StatusCode::TOO_MANY_REQUESTS);
    // A plain request counts like any other.
    let answer = server.ask("GET /health HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    // Who comes from elsewhere is let in.
    let stream = from("127.0.0.2:0", server.address).await;
    let request = format!("ws://{}/", server.address).parse().unwrap();
    let request = bowstring::handshake::ClientRequest::new(request);
    bowstring::net::connect_over(stream, &request, &Config::default()).await.unwrap();
    first.close(1000, "").await.unwrap();
    soon("a place", async { while server.try_connect("/").await.is_err() {} }).await;
}

#[tokio::test]
async fn s23_as_many_handshakes_as_there_may_be() {
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(200);
    let mut limits = ServerLimits::default();
    limits.handshakes = 2;
    let server = start(local().await.config(config).limits(limits), crate::echo);
    let silent: Vec<_> = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ]
    .into();
    // It waits until the silent have had their time, and no longer.
    let mut ws = server.connect().await;
    ws.send("at last").await.unwrap();
    assert!(ws.recv().await.unwrap().is_some());
    drop(silent);
}

/// A listener to which nobody comes takes none of them.
#[tokio::test]
async fn s23_a_quiet_listener_takes_no_handshake() {
    for busy in [0, 1] {
        let mut limits = ServerLimits::default();
        limits.handshakes = 1;
        let server = local().await.listen(Listener::bind("127.0.0.1:0").await.unwrap());
        let address = server.local_addrs().nth(busy).unwrap();
        let _server = start(server.limits(limits), crate::echo);
        let uri = format!("ws://{address}/");
        soon("the handshake", bowstring::connect(&uri)).await.unwrap();
    }
}

/// Whoever finds no place keeps nobody else waiting: as many as there may be handshakes are told so,
/// the others see the end.
#[tokio::test]
async fn s36_one_address_does_not_take_every_handshake() {
    let mut limits = ServerLimits::default();
    (limits.handshakes, limits.per_address) = (2, Some(1));
    let server = start(local().await.config(patient()).limits(limits), crate::echo);
    let _open = server.connect().await;
    let mut silent = Vec::new();
    for _ in 0..6 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut elsewhere = from("127.0.0.2:0", server.address).await;
    elsewhere.write_all(upgrade("").as_bytes()).await.unwrap();
    assert_eq!(status(&mut elsewhere).await, "101");
    for unheard in &mut silent[2..] {
        let read = soon("the end", unheard.read(&mut [0])).await;
        assert!(!matches!(read, Ok(1)), "not an answer");
    }
    // Who is told has all the time of a handshake to ask.
    for told in &mut silent[..2] {
        told.write_all(upgrade("").as_bytes()).await.unwrap();
        assert_eq!(status(told).await, "429");
    }
    assert_eq!(server.handle.report().refused, 6);
}

/// Who was refused may stay as long as a refusal waits: meanwhile there may be one more handshake.
#[tokio::test]
async fn s23_who_is_refused_keeps_nobody_waiting() {
    let plain = "GET /page HTTP/1.1\r\nHost: here\r\n\r\n".to_owned();
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost here\r\n\r\n".to_owned(), "400"),
        (upgrade(&format!("X: {}\r\n", "x".repeat(17_000))), "431"),
        (upgrade("").replace("Version: 13", "Version: 12"), "426"),
        (upgrade("Origin: http://evil.com\r\n"), "403"),
        (plain.replace("page", "nowhere"), "404"),
        (plain, "426"),
    ] {
        let mut limits = ServerLimits::default();
        limits.handshakes = 1;
        let server = local().await.config(patient()).limits(limits);
        let server = server.on_request(async |request: Request| match request.path() {
            "/nowhere" => Err(Answer::new(StatusCode::NOT_FOUND)),
            _ => Ok(Accept::default()),
        });
        let server = start(server, crate::echo);
        let mut lingering = server.asking(&request).await;
        assert_eq!(status(&mut lingering).await, expected);
        let mut ws = server.connect().await;
        ws.send("nobody is in the way").await.unwrap();
        assert!(ws.recv().await.unwrap().is_some());
        drop(lingering);
    }
}

/// Open is who has finished the handshake: those who do not even begin one take no place.
#[tokio::test]
async fn s36_the_silent_fill_no_server() {
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let server = start(local().await.config(patient()).limits(limits), crate::echo);
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut ws = server.connect().await;
    assert_eq!(refused(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    // Nor do they get in behind it, though they came before.
    silent[0].write_all(upgrade("").as_bytes()).await.unwrap();
    assert_eq!(status(&mut silent[0]).await, "503");
    ws.close(1000, "").await.unwrap();
    server.open(0).await;
    silent[1].write_all(upgrade("").as_bytes()).await.unwrap();
    assert_eq!(status(&mut silent[1]).await, "101");
    let report = server.handle.report();
    assert_eq!((report.open, report.closed), (1, 1), "{report:?}");
}

/// Of those whose hooks answer at the same time, as many get in as there is room for.
#[tokio::test]
async fn s36_hooks_that_answer_at_once() {
    let mut limits = ServerLimits::default();
    limits.connections = 2;
    let (server, hook) = Hesitant::of(local().await.limits(limits));
    let server = start(server, crate::echo);
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(server.asking(&upgrade("")).await);
    }
    hook.asked(5).await;
    hook.go();
    let mut answers = Vec::new();
    for client in &mut clients {
        answers.push(status(client).await);
    }
    answers.sort();
    assert_eq!(answers, ["101", "101", "503", "503", "503"]);
}

/// What is kept of a request while the hook thinks: its head, not an allocation for each of its words.
#[test]
fn s22_a_request_costs_its_head_and_not_its_words() {
    const COUNT: u32 = 20;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let (server, hook) = runtime.block_on(async {
        let (server, hook) = Hesitant::of(local().await.config(patient()));
        (start(server, crate::echo), hook)
    });
    let mut held = Vec::new();
    let mut cost = |lines: &str| {
        let head = upgrade(lines);
        assert!(head.len() < 16 << 10, "{}", head.len());
        let used = measure(|| {
            runtime.block_on(async {
                for _ in 0..COUNT {
                    held.push(server.asking(&head).await);
                }
                hook.asked(COUNT).await;
            });
        });
        let each = used.bytes_current / i64::from(COUNT);
        println!("S22: {each} bytes for a head of {} with {} words", head.len(), words(lines));
        each
    };
    // What the thread's sockets share is there afterwards.
    cost("");
    let least = cost("");
    let names: Vec<_> = (0..3200).map(|number| format!("{number:x}")).collect();
    for lines in [
        format!("Sec-WebSocket-Protocol: {}\r\n", names.join(",")),
        format!("Sec-WebSocket-Protocol: {}\r\n", "x".repeat(15_900)),
        format!("Sec-WebSocket-Extensions: {}a\r\n", "a,".repeat(255)),
        (0..58).map(|number| format!("X{number}: {}\r\n", "x".repeat(250))).collect(),
    ] {
        let more = cost(&lines) - least;
        // In the fields, and once more as what is offered.
        assert!(more < 32 << 10, "{more} bytes for {} words", words(&lines));
    }
}

/// A flood leaves no tables behind, where addresses count neither.
#[test]
fn s36_a_flood_leaves_no_tables() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let left = [None, Some(1_000_000)].map(|per_address| {
        let server = runtime.block_on(limited(|limits| limits.per_address = per_address));
        let flood = |count: u64| {
            runtime.block_on(async {
                let mut held = Vec::new();
                for _ in 0..count {
                    let mut stream = server.asking(&upgrade("")).await;
                    assert_eq!(status(&mut stream).await, "101");
                    held.push(stream);
                }
                drop(held);
                server.open(0).await;
            });
        };
        flood(10);
        measure(|| flood(200)).bytes_current
    });
    assert!(left[1] - left[0] < 1024, "{left:?}");
}

fn words(lines: &str) -> usize {
    lines.split([',', '\n']).count()
}

/// A health check can be answered while the server is full; as many at the same time as there may be.
#[tokio::test]
async fn a_full_server_answers_plain_requests_of_an_allowance() {
    const PLAIN: &str = "GET /health HTTP/1.1\r\nHost: here\r\n\r\n";
    let mut limits = ServerLimits::default();
    (limits.connections, limits.plain_requests) = (1, 2);
    let go = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&go);
    let server = local().await.limits(limits).on_request(move |request: Request| {
        let waiting = Arc::clone(&waiting);
        async move {
            if request.wants_upgrade() {
                return Ok(Accept::default());
            }
            drop(waiting.acquire().await.unwrap());
            Err(Answer::new(StatusCode::OK).text("well\n"))
        }
    });
    let server = start(server, crate::echo);
    let ws = server.connect().await;
    let [mut one, mut two, mut three] =
        [server.asking(PLAIN).await, server.asking(PLAIN).await, server.asking(PLAIN).await];
    // Whichever of them comes last.
    let (answer, allowed) = tokio::select! {
        answer = status(&mut one) => (answer, [two, three]),
        answer = status(&mut two) => (answer, [one, three]),
        answer = status(&mut three) => (answer, [one, two]),
    };
    assert_eq!(answer, "503", "there are two already");
    go.add_permits(1);
    let mut lingering = Vec::new();
    for mut client in allowed {
        assert_eq!(status(&mut client).await, "200");
        lingering.push(client);
    }
    // Those that are answered, and stay, take nothing from others.
    let page = server.ask(PLAIN).await;
    assert!(page.ends_with("well\n"), "{page}");
    // Who wants more than a page gets 503 all the same.
    assert_eq!(refused(&server).await, StatusCode::SERVICE_UNAVAILABLE);
    drop((ws, lingering));
    let report = server.end().await;
    assert_eq!((report.answered, report.refused, report.refusals.full), (3, 2, 2), "{report:?}");
}

/// Why is told for each.
#[tokio::test]
async fn each_kind_of_refusal_has_a_counter() {
    let mut limits = ServerLimits::default();
    limits.per_address = Some(1);
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(100);
    let server =
        local().await.limits(limits).config(config).on_request(async |request: Request| {
            match request.path() {
                "/slow" => std::future::pending().await,
                "/panic" => panic!("as it was told to"),
                "/refuse" => Err(Answer::new(StatusCode::NOT_FOUND)),
                _ => Ok(Accept::default()),
            }
        });
    let server = start(server, crate::echo);
    let refusals = || server.handle.report().refusals;
    for (request, expected) in [
        (upgrade("").replace("GET /", "GET /slow"), "503"),
        (upgrade("").replace("GET /", "GET /panic"), "500"),
        (upgrade("").replace("GET /", "GET /refuse"), "404"),
        (upgrade("Origin: http://evil.com\r\n"), "403"),
        (upgrade("").replace("Version: 13", "Version: 12"), "426"),
    ] {
        // One at a time: the last may not have left yet.
        soon("an answer", async { while server.ask(&request).await[9..12] != *expected {} }).await;
    }
    drop(server.asking("GET").await);
    soon("the end", async {
        while refusals().unfinished == 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
    let counted = refusals();
    assert_eq!((counted.hook_timeout, counted.hook_failed, counted.hook), (1, 1, 1), "{counted:?}");
    assert_eq!((counted.origin, counted.illegal, counted.unfinished), (1, 1, 1), "{counted:?}");
    soon("a place", async { while server.try_connect("/").await.is_err() {} }).await;
    let report = server.end().await;
    let counted = report.refusals;
    let sum = counted.full + counted.address + counted.draining + counted.origin + counted.illegal;
    let sum = sum + counted.hook + counted.hook_timeout + counted.hook_failed + counted.unfinished;
    assert_eq!(sum, report.refused, "{report:?}");
}
