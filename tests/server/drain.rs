//! How a server ends: nobody new, everybody told, nothing lost, in time.

use std::collections::VecDeque;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bowstring::server::{Accept, Answer, Report, ServerConnection, ServerLimits};
use bowstring::{Error, Message};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

use crate::{Hesitant, PATIENCE, close_of, local, patient, soon, start, status, upgrade};

#[tokio::test]
async fn everybody_is_told_and_what_was_framed_arrives_first() {
    let server = local().await.drain_close(1012, "back in a moment").unwrap();
    let server = start(server, async |mut connection: ServerConnection| {
        let mut fed = 0_u32;
        while let Some(message) = connection.recv().await? {
            if message.is_text() {
                for _ in 0..100 {
                    connection.feed(&fed.to_be_bytes()).await?;
                    fed += 1;
                }
            }
        }
        Ok::<_, Error>(())
    });
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut ws = server.connect().await;
        ws.send("go").await.unwrap();
        clients.push(ws);
    }
    // What a client has sent is answered once the server has read it.
    for ws in &mut clients {
        let first = soon("an answer", ws.recv()).await.unwrap().unwrap();
        assert_eq!(first.as_bytes(), 0_u32.to_be_bytes());
    }
    server.handle.drain();
    for ws in &mut clients {
        for number in 1..100_u32 {
            let message = soon("an answer", ws.recv()).await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), number.to_be_bytes());
        }
        assert_eq!(close_of(ws).await, (1012, "back in a moment".into()));
        assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    }
    let report = server.end().await;
    assert_eq!((report.closed, report.open, report.dropped), (20, 0, 0), "{report:?}");
}

#[tokio::test]
async fn handlers_may_finish_and_those_that_do_not_are_aborted() {
    let server = local().await.drain_within(Duration::from_millis(300));
    let busy = Arc::new(Semaphore::new(0));
    let (telling, enough) = (Arc::clone(&busy), Arc::new(Semaphore::new(0)));
    let waiting = Arc::clone(&enough);
    let server = start(server, move |mut connection: ServerConnection| {
        let (telling, waiting) = (Arc::clone(&telling), Arc::clone(&waiting));
        async move {
            let asked = connection.recv().await.unwrap().unwrap();
            telling.add_permits(1);
            if asked == Message::text("never") {
                std::future::pending::<()>().await;
            }
            // A handler that does not receive is closed when it returns.
            let _ = waiting.acquire().await.unwrap();
        }
    });
    let (mut never, mut late) = (server.connect().await, server.connect().await);
    never.send("never").await.unwrap();
    late.send("late").await.unwrap();
    let _ = soon("both", busy.acquire_many(2)).await.unwrap();
    server.handle.drain();
    enough.add_permits(1);
    assert_eq!(close_of(&mut late).await.0, 1001);
    assert_eq!(soon("the end", late.recv()).await.unwrap(), None);
    assert!(soon("the end", never.recv()).await.is_err());
    let report = server.end().await;
    assert_eq!((report.closed, report.dropped), (1, 1), "{report:?}");
}

#[tokio::test]
async fn requests_under_way_get_503_and_nobody_is_accepted_any_more() {
    let (go, gone) = oneshot::channel();
    let server = local().await.drain_on(async { gone.await.unwrap() });
    let server = start(server, crate::echo);
    let mut half = TcpStream::connect(server.address).await.unwrap();
    let request = upgrade("");
    half.write_all(&request.as_bytes()[..20]).await.unwrap();
    let silent = TcpStream::connect(server.address).await.unwrap();
    let mut open = server.connect().await;
    go.send(()).unwrap();
    assert_eq!(close_of(&mut open).await, (1001, "the server is going down".into()));
    half.write_all(&request.as_bytes()[20..]).await.unwrap();
    let mut answer = [0; 12];
    soon("503", tokio::io::AsyncReadExt::read_exact(&mut half, &mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
    drop((half, open));
    let address = server.address;
    let report = soon("the end", server.task).await.unwrap();
    assert_eq!(report.open, 0, "{report:?}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    drop(silent);
}

#[tokio::test]
async fn who_comes_while_the_hook_is_asked_gets_503() {
    let (server, hook) = Hesitant::of(local().await);
    let server = start(server, crate::echo);
    let uri = format!("ws://{}/", server.address);
    let connecting = tokio::spawn(async move { bowstring::connect(&uri).await });
    hook.asked(1).await;
    server.handle.drain();
    hook.go();
    match soon("an answer", connecting).await.unwrap() {
        Err(Error::Status(response)) => {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE)
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.end().await.refused, 1);
}

/// A hook that tells how the server does needs a handle before the server has a hook.
#[tokio::test]
async fn a_handle_sees_what_is_set_after_it_was_taken() {
    let server = local().await;
    let handle = server.handle();
    let hooks = handle.clone();
    let mut limits = ServerLimits::default();
    limits.connections = 1;
    let server = server
        .on_request(move |request| {
            let told = format!("{} open\n", hooks.report().open);
            async move {
                if request.wants_upgrade() {
                    return Ok(Accept::default());
                }
                Err(Answer::new(StatusCode::OK).text(told))
            }
        })
        .limits(limits)
        .drain_close(1012, "back in a moment")
        .unwrap();
    assert_eq!(handle.report(), Report::default());
    let server = start(server, crate::echo);
    let told = server.ask("GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await;
    assert!(told.ends_with("\r\n\r\n0 open\n"), "{told}");
    let mut ws = server.connect().await;
    server.open(1).await;
    assert_eq!(handle.report().open, 1);
    let Err(Error::Status(response)) = server.try_connect("/").await else { panic!() };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "the limits are those");
    handle.drain();
    assert_eq!(close_of(&mut ws).await, (1012, "back in a moment".into()));
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    let report = soon("the end", server.task).await.unwrap();
    assert_eq!((report.closed, handle.report()), (1, report), "{report:?}");
}

/// It serves nobody then, though its deadline is far away.
#[test]
fn a_server_that_was_drained_before_it_serves_returns_at_once() {
    const LONG: Duration = Duration::from_secs(3600);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let drained = || {
        let server = runtime.block_on(local());
        server.handle().drain();
        server.drain_within(LONG).limits(ServerLimits::default())
    };
    let server = drained();
    let report = runtime.block_on(async { soon("the end", server.serve(crate::echo)).await });
    assert_eq!(report, Report::default());
    let (server, (tell, told)) = (drained(), channel());
    thread::spawn(move || {
        let threads = 2.try_into().unwrap();
        tell.send(server.serve_on_threads(threads, crate::echo).unwrap()).unwrap();
    });
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Report::default()));
}

/// More than the runtime lets a task do at once.
#[tokio::test]
async fn the_backlog_is_told_too() {
    let server = local().await;
    let address = server.local_addrs().next().unwrap();
    let handle = server.handle();
    // Nobody accepts yet: they wait in the backlog, with their requests.
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(upgrade("").as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    handle.drain();
    let serving = tokio::spawn(server.serve(crate::echo));
    for (number, stream) in waiting.iter_mut().enumerate() {
        let mut answer = [0; 12];
        let read = tokio::io::AsyncReadExt::read_exact(stream, &mut answer);
        soon("503", read).await.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(&answer, b"HTTP/1.1 503");
    }
    drop(waiting);
    let report = soon("the end", serving).await.unwrap();
    assert_eq!((report.refused, report.open), (300, 0), "{report:?}");
}

/// Even if no handshake is free: those of the silent are theirs for long.
#[tokio::test]
async fn the_backlog_is_told_though_every_handshake_is_taken() {
    let mut limits = ServerLimits::default();
    limits.handshakes = 1;
    let (server, hook) = Hesitant::of(local().await.limits(limits));
    let server = start(server, crate::echo);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(server.asking(&upgrade("")).await);
    }
    hook.asked(1).await;
    server.handle.drain();
    for client in &mut clients[1..] {
        let mut answer = String::new();
        soon("the answer", client.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    }
    hook.go();
    soon("the end", server.task).await.unwrap();
}

/// Whoever was answered, and stays, is not waited for.
#[tokio::test]
async fn who_was_refused_delays_no_drain() {
    const LONG: Duration = Duration::from_secs(3600);
    let plain = "GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_owned();
    for (request, refusal) in [
        (upgrade("Origin: http://evil.com\r\n"), "403"),
        (upgrade("").replace("Version: 13", "Version: 12"), "426"),
        ("GET / HTTP/1.1\r\nHost here\r\n\r\n".to_owned(), "400"),
        (plain, "426"),
    ] {
        for drained_before in [false, true] {
            let server = local().await.config(patient()).drain_within(LONG);
            let server = start(server, crate::echo);
            let (front, back) = request.split_at(20);
            let mut stays = server.asking(front).await;
            if drained_before {
                server.handle.drain();
            }
            stays.write_all(back.as_bytes()).await.unwrap();
            let answer = status(&mut stays).await;
            let legal = drained_before && !request.contains("Version: 12") && refusal != "400";
            let expected = if legal { "503" } else { refusal };
            assert_eq!(answer, expected, "{request}");
            let report = server.end().await;
            assert_eq!(report.refused, 1, "{report:?}");
        }
    }
}

/// Nor is a flood of those who find no place: no more are told than may have come before.
#[test]
fn a_flood_delays_no_drain() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(local());
    let mut limits = ServerLimits::default();
    (limits.connections, limits.handshakes) = (0, 1);
    let server = server.drain_within(Duration::from_millis(500)).limits(limits);
    let (address, handle) = (server.local_addrs().next().unwrap(), server.handle());
    let (begin, ended) = (Instant::now(), AtomicBool::new(false));
    let flooding = || !ended.load(Ordering::Relaxed) && begin.elapsed() < Duration::from_secs(15);
    let took = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut held = VecDeque::new();
                while flooding() {
                    let Ok(stream) = std::net::TcpStream::connect(address) else { break };
                    let patience = Some(Duration::from_millis(200));
                    stream.set_read_timeout(patience).unwrap();
                    held.push_back(stream);
                    if held.len() > 60 {
                        // Until the server has let go of it.
                        let _ = held.pop_front().unwrap().read(&mut [0]);
                    }
                }
            });
        }
        scope.spawn(|| {
            while handle.report().refused < 100 {
                thread::yield_now();
            }
            handle.drain();
        });
        let report = runtime.block_on(server.serve(crate::echo));
        ended.store(true, Ordering::Relaxed);
        assert!(report.refused >= 100, "{report:?}");
        begin.elapsed()
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
}

/// A handler that blocks its thread until the sender is dropped.
fn blocking(
    blocked: Arc<Semaphore>,
    until: Receiver<()>,
) -> impl Fn(ServerConnection) -> std::future::Ready<()> + Send + Sync + 'static {
    let until = Mutex::new(until);
    move |_connection| {
        blocked.add_permits(1);
        let _ = until.lock().unwrap().recv();
        std::future::ready(())
    }
}

/// The thread that keeps the deadline serves nobody, so nobody can block it.
#[test]
fn a_handler_that_blocks_its_thread_delays_no_deadline_on_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (blocked, (release, until)) = (Arc::new(Semaphore::new(0)), channel());
    let server = runtime.block_on(local()).drain_within(Duration::from_millis(100));
    let (address, handle) = (server.local_addrs().next().unwrap(), server.handle());
    let (handler, (tell, told)) = (blocking(Arc::clone(&blocked), until), channel());
    thread::spawn(move || {
        tell.send(server.serve_on_threads(1.try_into().unwrap(), handler).unwrap()).unwrap();
    });
    let ws = runtime.block_on(async {
        let (ws, _) = bowstring::connect(&format!("ws://{address}/")).await.unwrap();
        let _ = soon("the handler", blocked.acquire()).await.unwrap();
        ws
    });
    handle.drain();
    // It is blocked all the while.
    let report = told.recv_timeout(PATIENCE).expect("it returns");
    assert_eq!((report.open, report.dropped), (0, 1), "{report:?}");
    assert_eq!(handle.report(), report);
    drop((ws, release));
}

/// Where a worker of the runtime is free. The client has a runtime of its own: while a worker blocks that
/// has just looked at the network, nobody else does.
#[test]
fn a_handler_that_blocks_its_thread_delays_no_deadline_of_serve() {
    let mut workers = tokio::runtime::Builder::new_multi_thread();
    let workers = workers.worker_threads(2).enable_all().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (blocked, (release, until)) = (Arc::new(Semaphore::new(0)), channel());
    let server = workers.block_on(local()).drain_within(Duration::from_millis(100));
    let (address, handle) = (server.local_addrs().next().unwrap(), server.handle());
    let (handler, (tell, told)) = (blocking(Arc::clone(&blocked), until), channel());
    workers.spawn(async move { tell.send(server.serve(handler).await).unwrap() });
    let ws = runtime.block_on(async {
        let (ws, _) = bowstring::connect(&format!("ws://{address}/")).await.unwrap();
        let _ = soon("the handler", blocked.acquire()).await.unwrap();
        ws
    });
    handle.drain();
    // It is blocked all the while.
    let report = told.recv_timeout(PATIENCE).expect("it returns");
    assert_eq!((report.open, report.dropped), (0, 1), "{report:?}");
    drop((ws, release));
}

/// The second signal of an operator, for instance.
#[tokio::test]
async fn draining_can_be_ended_before_its_deadline() {
    let server = local().await.drain_within(Duration::from_secs(3600));
    let server = start(server, async |connection: ServerConnection| {
        std::future::pending::<()>().await;
        drop(connection);
    });
    let mut ws = server.connect().await;
    server.open(1).await;
    server.handle.drain();
    server.handle.abort();
    let report = soon("the end", server.task).await.unwrap();
    assert_eq!((report.open, report.dropped), (0, 1), "{report:?}");
    assert!(soon("the end", ws.recv()).await.is_err());
}

/// It drains, and goes on panicking when it has.
#[test]
fn a_drain_on_that_panics_drains_all_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (panic, panics) = oneshot::channel::<()>();
    let server = runtime.block_on(local()).drain_on(async {
        panics.await.unwrap();
        panic!("as it was told to");
    });
    let address = server.local_addrs().next().unwrap();
    let (tell, told) = channel();
    thread::spawn(move || {
        let serving = || server.serve_on_threads(3.try_into().unwrap(), crate::echo);
        let served = catch_unwind(AssertUnwindSafe(serving));
        tell.send(served.map(drop).unwrap_err().downcast_ref::<&str>().copied()).unwrap();
    });
    runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..9 {
            let (mut ws, _) = bowstring::connect(&format!("ws://{address}/")).await.unwrap();
            ws.send("here").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("here".into()));
            clients.push(ws);
        }
        panic.send(()).unwrap();
        for ws in &mut clients {
            assert_eq!(close_of(ws).await.0, 1001);
            assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
        }
    });
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Some("as it was told to")));
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens there");
}

/// It is data, perhaps of a configuration file: no reason to panic.
#[tokio::test]
async fn what_cannot_be_told_when_draining_is_an_error() {
    let too_long = "x".repeat(124);
    for (code, reason) in [(1005, ""), (1006, ""), (999, ""), (1012, &*too_long)] {
        assert!(local().await.drain_close(code, reason).is_err(), "{code} {reason}");
    }
}

/// Its connections go on, and a handle still reaches them.
#[tokio::test]
async fn a_server_whose_future_was_dropped_can_be_drained_and_aborted() {
    let server = start(local().await, async |connection: ServerConnection| {
        let _kept = connection;
        std::future::pending::<()>().await
    });
    let mut reading = start(local().await, crate::echo);
    let (_stuck, mut client) = (server.connect().await, reading.connect().await);
    for server in [&server, &reading] {
        server.open(1).await;
        server.task.abort();
    }
    assert!((&mut reading.task).await.unwrap_err().is_cancelled());
    client.send("still here").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("still here".into()));
    reading.handle.drain();
    assert_eq!(close_of(&mut client).await.0, 1001);
    reading.open(0).await;
    server.handle.drain();
    assert_eq!(server.handle.report().open, 1);
    server.handle.abort();
    server.open(0).await;
    assert_eq!(server.handle.report().dropped, 1);
}
