//! What the hook sees and says, and what is refused before it is asked.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::measure;
use bowstring::handshake::{ClientRequest, HeadLimits, parse_request_head};
use bowstring::net::connect_with;
use bowstring::server::{
    Accept, Answer, Origins, Peer, Request, Server, ServerConnection, ServerLimits,
};
use bowstring::{Config, Error};
use http::{HeaderValue, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::{Running, local, patient, soon, start, status, upgrade};

#[tokio::test]
async fn without_a_hook_everything_legal_is_accepted() {
    let server = start(local().await, crate::echo);
    for path in ["/", "/anything?at=all"] {
        let mut ws = server.try_connect(path).await.unwrap();
        ws.send("there and back").await.unwrap();
        assert_eq!(ws.recv().await.unwrap(), Some("there and back".into()));
        ws.close(1000, "").await.unwrap();
    }
    let answer = server.ask("GET / HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    let report = server.end().await;
    assert_eq!((report.open, report.closed, report.refused), (0, 2, 1), "{report:?}");
}

#[tokio::test]
async fn the_handler_gets_what_the_hook_gave() {
    let server = local().await.on_request(async |request: Request| {
        let Some(room) = request.path().strip_prefix("/rooms/") else {
            return Err(Answer::new(StatusCode::NOT_FOUND).text("no such room\n"));
        };
        let mut config = Config::default();
        config.limits.max_message_size = 10;
        let cookie = HeaderValue::from_static("seen=1");
        let protocol = request.protocols().next().unwrap_or_default();
        let told = format!("{room} {} {:?}", request.cookie("id").unwrap_or("-"), request.origin());
        Ok(Accept::new(told).protocol(protocol).header(header::SET_COOKIE, cookie).config(config))
    });
    let server = start(server, async |mut connection: ServerConnection<String>| {
        let told = format!("{} {}", connection.data, connection.peer());
        connection.send(told).await?;
        connection.recv().await.map(drop)
    });
    let uri = format!("ws://{}/rooms/red", server.address).parse().unwrap();
    let request = ClientRequest::new(uri).protocol("chat").header("Cookie", "a=b; id=7");
    let (mut ws, response) = connect_with(&request, &Config::default()).await.unwrap();
    assert_eq!(ws.protocol(), Some("chat"));
    assert_eq!(response.headers()[header::SET_COOKIE], "seen=1");
    let said = ws.recv().await.unwrap().unwrap();
    assert!(said.as_text().unwrap().starts_with("red 7 None 127.0.0.1:"), "{said:?}");
    ws.send("more than ten bytes").await.unwrap();
    assert_eq!(crate::close_of(&mut ws).await.0, 1009, "its own limits");

    let Err(Error::Status(response)) = server.try_connect("/nowhere").await else { panic!() };
    assert_eq!(
        (response.status(), &response.body()[..]),
        (StatusCode::NOT_FOUND, &b"no such room\n"[..])
    );
    // A protocol that was not offered is the hook's mistake, not the client's; so is a header field
    // that is the handshake's own.
    let Err(Error::Status(response)) = server.try_connect("/rooms/red").await else { panic!() };
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let owned = local().await.on_request(async |_| {
        Ok(Accept::new(()).header(header::UPGRADE, HeaderValue::from_static("tea")))
    });
    let Err(Error::Status(response)) = start(owned, crate::echo).try_connect("/").await else {
        panic!()
    };
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn plain_requests_get_pages() {
    let server = local().await.on_request(async |request: Request| match request.path() {
        _ if request.wants_upgrade() => Ok(Accept::default()),
        "/health" => Err(Answer::new(StatusCode::OK).text("well\n")),
        "/open" => Err(Answer::new(StatusCode::OK).json("{\"open\":0}")),
        "/wrong" => Err(Answer::new(StatusCode::SWITCHING_PROTOCOLS)),
        "/silly" => Err(Answer::new(StatusCode::NO_CONTENT).text("yet there is some")),
        _ => Err(StatusCode::NOT_FOUND.into()),
    });
    let server = start(server, crate::echo);
    let ask =
        async |line: &str| server.ask(&format!("{line} HTTP/1.1\r\nHost: here\r\n\r\n")).await;
    let page = ask("GET /health").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\nwell\n"), "{page}");
    assert!(
        page.contains("\r\nContent-Length: 5\r\n") && page.contains("\r\nConnection: close\r\n")
    );
    let json = ask("GET /open").await.to_lowercase();
    assert!(json.contains("\r\ncontent-type: application/json\r\n"), "{json}");
    assert!(json.ends_with("\r\n\r\n{\"open\":0}"), "{json}");
    let head = ask("HEAD /health").await;
    assert!(head.ends_with("\r\n\r\n") && head.contains("\r\nContent-Length: 5\r\n"), "{head}");
    assert!(ask("GET /").await.starts_with("HTTP/1.1 404 "));
    assert!(ask("GET /wrong").await.starts_with("HTTP/1.1 500 "));
    assert!(ask("GET /silly").await.starts_with("HTTP/1.1 500 "));
    server.connect().await.close(1000, "").await.unwrap();
    // What the hook says to a plain request refuses nobody, but what it may not say is no answer.
    let report = server.end().await;
    assert_eq!((report.answered, report.refused, report.closed), (4, 2, 1), "{report:?}");
}

/// A plain request that is answered for the hook, or an upgrade that it declines, is refused.
#[tokio::test]
async fn answered_is_only_who_asked_for_a_page_and_got_one() {
    let server = local().await.on_request(async |request: Request| match request.path() {
        "/page" => Err(Answer::new(StatusCode::NOT_FOUND)),
        "/panic" => panic!("as it was told to"),
        _ => Ok(Accept::default()),
    });
    let server = start(server, crate::echo);
    for (request, status) in [
        ("GET /page HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), 404),
        ("BREW /page HTTP/1.0\r\n\r\n".to_owned(), 404),
        // From here on refused.
        (upgrade("").replace("GET /", "GET /page"), 404),
        ("GET /panic HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), 500),
        ("GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned(), 426),
        ("GET /page HTTP/1.1\r\nHost here\r\n\r\n".to_owned(), 400),
    ] {
        let answer = server.ask(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
    }
    // Nor has who left before they asked.
    drop(server.asking("").await);
    let report = server.end().await;
    assert_eq!((report.answered, report.refused), (2, 5), "{report:?}");
}

#[tokio::test]
async fn s33_credentials_at_the_handshake() {
    let server = local().await.on_request(async |request: Request| {
        let basic = request.basic().is_some_and(|basic| basic.is("ada", "lovelace"));
        let bearer =
            request.bearer().is_some_and(|token| bowstring::server::same_secret(token, "t"));
        if basic || bearer {
            return Ok(Accept::default());
        }
        Err(Answer::unauthorized(HeaderValue::from_static("Basic realm=\"here\"")))
    });
    let server = start(server, crate::echo);
    for (field, accepted) in [
        ("Basic YWRhOmxvdmVsYWNl", true),
        ("Bearer t", true),
        ("Basic YWRhOmxvdmVsYWNm", false),
        ("Bearer tt", false),
        ("nonsense", false),
    ] {
        let uri = format!("ws://{}/", server.address).parse().unwrap();
        let request = ClientRequest::new(uri).header("Authorization", field);
        match connect_with(&request, &Config::default()).await {
            Ok((mut ws, _)) => {
                assert!(accepted, "{field}");
                ws.close(1000, "").await.unwrap();
            }
            Err(Error::Status(response)) => {
                assert!(!accepted && response.status() == 401, "{field} {response:?}");
                assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Basic realm=\"here\"");
                assert!(!response.body().is_empty());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Counts how often it is asked.
async fn counting(origins: Origins) -> (Running, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = local().await.origins(origins).on_request(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(Accept::default()) }
    });
    (start(server, crate::echo), asked)
}

#[tokio::test]
async fn s31_foreign_pages_are_refused_before_the_hook_is_asked() {
    let (server, asked) = counting(Origins::default()).await;
    for origin in ["http://evil.com", "http://here.evil.com", "null", "http://here:81", "x"] {
        let answer = server.ask(&upgrade(&format!("Origin: {origin}\r\n"))).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
        assert!(answer.ends_with("pages of this origin may not connect (RFC 6455 §10.2)\n"));
    }
    let twice = server.ask(&upgrade("Origin: http://here\r\nOrigin: http://here\r\n")).await;
    assert!(twice.starts_with("HTTP/1.1 40"), "{twice}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(accepted(&server, "Origin: http://here\r\n").await, 101);
    assert_eq!(accepted(&server, "").await, 101);

    let (server, _) = counting(Origins::any()).await;
    assert_eq!(accepted(&server, "Origin: http://evil.com\r\n").await, 101);
    let (server, _) = counting(Origins::list(["https://good.com"]).unwrap()).await;
    assert_eq!(accepted(&server, "Origin: https://good.com\r\n").await, 101);
    assert_eq!(accepted(&server, "Origin: http://here\r\n").await, 403);
}

#[tokio::test]
async fn what_is_no_legal_handshake_is_refused_before_the_hook_is_asked() {
    let (server, asked) = counting(Origins::default()).await;
    let legal = upgrade("");
    for (from, to, status) in [
        ("Version: 13", "Version: 12", 426),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("GET / HTTP/1.1", "POST / HTTP/1.1", 405),
        ("Connection: Upgrade\r\n", "", 400),
        ("Host: here\r\n", "", 400),
    ] {
        let asking = legal.replace(from, to);
        let answer = server.ask(&asking).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {answer}");
        // Nor can a hook's test ask it.
        let head = parse_request_head(asking.as_bytes(), &HeadLimits::default()).unwrap();
        assert_eq!(Request::from_http(head, Peer::Unix).unwrap_err().status(), status, "{to}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_hook_that_panics_is_answered_for() {
    for at_once in [true, false] {
        let server = local().await.on_request(move |_| {
            assert!(!at_once, "as it was told to");
            async move {
                assert!(at_once, "as it was told to");
                Ok(Accept::default())
            }
        });
        let server = start(server, crate::echo);
        for _ in 0..2 {
            let Err(Error::Status(response)) = server.try_connect("/").await else { panic!() };
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
        let report = server.end().await;
        assert_eq!((report.refused, report.handlers_failed), (2, 2), "{report:?}");
    }
}

#[tokio::test]
async fn a_hook_that_takes_too_long_is_answered_for() {
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_millis(100);
    let server = local().await.config(config).on_request(async |_| {
        std::future::pending::<()>().await;
        Ok(Accept::default())
    });
    let server = start(server, crate::echo);
    let Err(Error::Status(response)) = server.try_connect("/").await else { panic!() };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

/// The status that a request with these further lines gets.
async fn accepted(server: &Running, lines: &str) -> u16 {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(upgrade(lines).as_bytes()).await.unwrap();
    let mut line = [0; 12];
    soon("the answer", stream.read_exact(&mut line)).await.unwrap();
    str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

/// Says when it is dropped.
struct Guard(Arc<Semaphore>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// A hook that never decides: how often it was asked, and how often it was dropped.
async fn undecided(server: Server) -> (Server, Arc<Semaphore>, Arc<Semaphore>) {
    let (asked, dropped) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (asking, dropping) = (Arc::clone(&asked), Arc::clone(&dropped));
    let server = server.on_request(move |_| {
        asking.add_permits(1);
        let guard = Guard(Arc::clone(&dropping));
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok(Accept::default())
        }
    });
    (server, asked, dropped)
}

async fn times(semaphore: &Semaphore, times: u32) {
    soon("the hook", semaphore.acquire_many(times)).await.unwrap().forget();
}

#[tokio::test]
async fn a_hook_is_dropped_when_its_client_has_gone() {
    let plain = "GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned();
    for request in [upgrade(""), plain] {
        let mut limits = ServerLimits::default();
        limits.per_address = Some(5);
        let (server, asked, dropped) = undecided(local().await.limits(limits)).await;
        let server = start(server.config(patient()), crate::echo);
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(server.asking(&request).await);
        }
        times(&asked, 5).await;
        // What they send ahead does not hide that they leave.
        for client in &mut clients {
            client.write_all(b"ahead").await.unwrap();
        }
        drop(clients);
        times(&dropped, 5).await;
        // Their places are free again.
        for _ in 0..5 {
            soon("a place", async {
                loop {
                    let mut next = server.asking(&request).await;
                    tokio::select! {
                        () = times(&asked, 1) => break,
                        answer = status(&mut next) => assert_eq!(answer, "429"),
                    }
                }
            })
            .await;
        }
        let refusals = server.handle.report().refusals;
        assert!(refusals.unfinished >= 5, "{refusals:?}");
    }
}

#[tokio::test]
async fn a_server_that_drains_waits_for_no_hook() {
    let (server, asked, dropped) = undecided(local().await).await;
    let server = server.config(patient()).drain_within(Duration::from_secs(3600));
    let server = start(server, crate::echo);
    let mut client = server.asking(&upgrade("")).await;
    times(&asked, 1).await;
    server.handle.drain();
    assert_eq!(status(&mut client).await, "503");
    times(&dropped, 1).await;
    drop(client);
    let report = server.end().await;
    assert_eq!((report.refused, report.refusals.draining), (1, 1), "{report:?}");
}

/// What a client sends before it is answered belongs to the connection.
#[tokio::test]
async fn what_is_sent_while_the_hook_thinks_is_not_lost() {
    let (server, hook) = crate::Hesitant::of(local().await);
    let server = start(server, crate::echo);
    let mut client = server.asking(&upgrade("")).await;
    hook.asked(1).await;
    client.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await.unwrap();
    // Until the server has taken it.
    hook.go();
    assert_eq!(status(&mut client).await, "101");
    let mut rest = Vec::new();
    while !rest.ends_with(&[0x81, 2, b'h', b'i']) {
        rest.push(soon("the echo", client.read_u8()).await.unwrap());
    }
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "as it was told to");
    }
}

/// A hook's future that panics when it is dropped.
struct Explosive(Option<Answer>, Bomb);

impl Future for Explosive {
    type Output = Result<Accept, Answer>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.take().map_or(Poll::Pending, |answer| Poll::Ready(Err(answer)))
    }
}

#[tokio::test]
async fn a_hook_that_panics_when_it_is_dropped_is_answered_and_counted() {
    for decides in [true, false] {
        let mut config = Config::default();
        config.handshake_timeout = Duration::from_millis(50);
        let server = local().await.config(config).on_request(move |_| {
            Explosive(decides.then(|| Answer::new(StatusCode::NOT_FOUND)), Bomb)
        });
        let server = start(server, crate::echo);
        let Err(Error::Status(response)) = server.try_connect("/").await else { panic!() };
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let report = server.end().await;
        assert_eq!((report.refused, report.handlers_failed), (1, 1), "{report:?}");
        assert_eq!(report.refusals.hook_failed, 1, "{report:?}");
    }
}

/// What the hook gives may panic as well when it is dropped.
#[tokio::test]
async fn data_that_panics_when_it_is_dropped_is_answered_and_counted() {
    // What was not offered cannot be accepted, nor can a plain request.
    let server = local().await.on_request(async |_| Ok(Accept::new(Bomb).protocol("other")));
    let server = start(server, async |_: ServerConnection<Bomb>| ());
    for head in [upgrade(""), "GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned()] {
        let answer = server.ask(&head).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    }
    let report = server.end().await;
    assert_eq!((report.refused, report.handlers_failed), (2, 2), "{report:?}");
    assert_eq!(report.refusals.hook_failed, 2, "{report:?}");
}

/// A proxy in front of us might have meant the other (RFC 9112 §3.2).
#[tokio::test]
async fn a_plain_request_with_two_hosts_is_refused_before_the_hook_is_asked() {
    let (server, asked) = counting(Origins::default()).await;
    let answer = server.ask("GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(server.end().await.refusals.illegal, 1);
}

/// A shared page is written from where it is, by HEAD not at all.
#[test]
fn a_large_answer_is_not_copied_for_each_client() {
    const PAGE: usize = 8 << 20;
    let page = bytes::Bytes::from(vec![b'x'; PAGE]);
    let shared = page.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(async {
        let server = local().await.on_request(move |_| {
            let page = shared.clone();
            async move { Err::<Accept, _>(Answer::new(StatusCode::OK).text(page)) }
        });
        start(server, crate::echo)
    });
    let ask = |method| format!("{method} / HTTP/1.1\r\nHost: here\r\n\r\n");
    // They read no more than the status.
    let mut stuck = Vec::new();
    let used = measure(|| {
        runtime.block_on(async {
            for method in ["GET", "HEAD"].repeat(10) {
                let mut client = server.asking(&ask(method)).await;
                assert_eq!(status(&mut client).await, "200");
                stuck.push(client);
            }
        });
    });
    assert!(used.bytes_total < PAGE as u64, "{used:?}");
    drop(stuck);
    runtime.block_on(async {
        let answer = server.ask(&ask("GET")).await;
        assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.as_bytes(), page);
        let head = server.ask(&ask("HEAD")).await;
        assert!(head.contains("\r\nContent-Length: 8388608\r\n") && head.ends_with("\r\n\r\n"));
    });
}

/// The host of an absolute target counts, not `Host` (RFC 9112 §3.2.2).
#[tokio::test]
async fn s31_a_page_of_the_host_field_is_foreign_to_an_absolute_target() {
    let (server, asked) = counting(Origins::default()).await;
    let absolute = |origin: &str| {
        let request = upgrade(&format!("Origin: {origin}\r\n"));
        request.replace("GET / ", "GET http://there/ ")
    };
    let answer = server.ask(&absolute("http://here")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let mut same = server.asking(&absolute("http://there")).await;
    assert_eq!(status(&mut same).await, "101");
}
