//! Connections that another server has accepted, and a server that has no listeners.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bowstring::handshake::{ClientRequest, Origins};
use bowstring::net::{Incoming, Transport, connect_over};
use bowstring::server::{AdmitError, Permit, Server, ServerConnection, ServerHandle, ServerLimits};
use bowstring::{Config, Error, WebSocket};
use http::Response;
use tokio::io::duplex;

use super::running::{local, start};
use super::{close_of, drained, echo, soon};

fn peer() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

/// A client, and what becomes of the socket at the other end.
fn opening(
    config: &Config,
) -> (
    impl Future<Output = WebSocket<Transport>> + use<>,
    impl Future<Output = Result<WebSocket<Transport>, Error>> + use<>,
) {
    let (near, far) = duplex(1024);
    let config = config.clone();
    let client = async {
        let request = ClientRequest::new("ws://example.com/".parse().unwrap());
        let opened = connect_over(far.into(), &request, &Config::default()).await;
        opened.unwrap().0
    };
    let pending =
        async move { Incoming::read(Transport::from(near), &config).await?.accept().await };
    (client, pending)
}

async fn adopted(permit: Permit) -> WebSocket<Transport> {
    let (client, pending) = opening(permit.config());
    permit.adopt(pending, echo);
    soon("the handshake", client).await
}

fn of(limits: impl FnOnce(&mut ServerLimits)) -> ServerHandle {
    let mut chosen = ServerLimits::default();
    limits(&mut chosen);
    Server::new().limits(chosen).handle()
}

#[tokio::test(start_paused = true)]
async fn a_handler_gets_the_socket_with_the_data_and_limits_of_its_permit() {
    let mut config = Config::default();
    config.limits.max_message_size = 5;
    let server = Server::new().config(config).handle();
    let permit = server.admit(peer()).unwrap().path("/chat").data("ada");
    let id = permit.id();
    let (client, pending) = opening(permit.config());
    permit.adopt(pending, async move |mut ws: ServerConnection<&str>| {
        assert_eq!((ws.data, ws.peer(), ws.id()), ("ada", peer().into(), id));
        while let Some(message) = ws.recv().await? {
            ws.feed(message).await?;
        }
        Ok::<_, Error>(())
    });
    let mut client = client.await;
    client.send("12345").await.unwrap();
    assert_eq!(client.recv().await.unwrap(), Some("12345".into()));
    assert_eq!(server.report().open, 1);
    client.send("123456").await.unwrap();
    assert_eq!(close_of(&mut client).await.0, 1009);
    drop(client);
    let report = drained(&server).await;
    assert_eq!((report.open, report.failed, report.violations), (0, 1, 1));
    assert_eq!(report.handlers_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails_or_panics_closes_with_1011() {
    let server = Server::new().handle();
    let permit = server.admit(peer()).unwrap();
    let (client, pending) = opening(permit.config());
    permit.adopt(pending, async |_: ServerConnection| Err::<(), _>("no"));
    assert_eq!(close_of(&mut client.await).await.0, 1011);
    let permit = server.admit(peer()).unwrap();
    let (client, pending) = opening(permit.config());
    permit.adopt(pending, |_: ServerConnection| -> std::future::Ready<()> { panic!("here") });
    assert_eq!(close_of(&mut client.await).await.0, 1011);
    assert_eq!(drained(&server).await.handlers_failed, 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_server_refuses_with_503_and_counts_it() {
    let server = of(|limits| limits.connections = 1);
    let first = server.admit(peer()).unwrap();
    assert_eq!(server.admit(peer()).unwrap_err(), AdmitError::Full);
    let client = adopted(first).await;
    let response: Response<String> = server.admit(peer()).unwrap_err().into();
    assert_eq!(response.status(), 503);
    assert!(response.body().contains("as many connections"), "{response:?}");
    drop(client);
    // The place is free when the connection has ended.
    soon("a place", async {
        while server.admit(peer()).is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let report = drained(&server).await;
    assert_eq!(report.refused, report.refusals.full + report.refusals.unfinished);
    assert!(report.refusals.full >= 2, "{report:?}");
    assert_eq!(report.refusals.unfinished, 1);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_has_too_many_is_refused_with_429() {
    let server = of(|limits| limits.per_address = Some(1));
    let mut client = adopted(server.admit(peer()).unwrap()).await;
    // The same address, mapped into IPv6, and from another port.
    let again: SocketAddr = "[::ffff:192.0.2.1]:5000".parse().unwrap();
    let response: Response<String> = server.admit(again).unwrap_err().into();
    assert_eq!(response.status(), 429);
    assert_eq!(server.report().refusals.address, 1);
    let other: SocketAddr = "192.0.2.2:4000".parse().unwrap();
    drop(server.admit(other).unwrap());
    client.close(1000, "").await.unwrap();
    drop(client);
    soon("a place", async {
        while server.report().open > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(server.admit(again).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_refuses_with_503() {
    let server = Server::new().handle();
    let draining = tokio::spawn(server.draining());
    assert!(!server.is_draining());
    server.drain();
    draining.await.unwrap();
    assert!(server.is_draining());
    let error = server.admit(peer()).unwrap_err();
    assert_eq!((error, error.status().as_u16()), (AdmitError::Draining, 503));
    assert_eq!(soon("the end", server.drained()).await.refusals.draining, 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_foreign_origin_is_refused_with_403() {
    let origins = Origins::list(["https://example.com"]).unwrap();
    let server = Server::new().origins(origins).handle();
    let from = |origin: &str| http::Request::get("/").header("Origin", origin).body(()).unwrap();
    let permit = server.admit(peer()).unwrap();
    let error = permit.check_origin(&from("https://example.org"), true).unwrap_err();
    assert_eq!((error, error.status().as_u16()), (AdmitError::Origin, 403));
    let permit = server.admit(peer()).unwrap();
    let permit = permit.check_origin(&from("https://example.com"), true).unwrap();
    assert_eq!(server.report().refusals.origin, 1);
    drop(permit);
    assert_eq!(drained(&server).await.refused, 2);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_gives_its_place_up() {
    let server = of(|limits| {
        limits.connections = 1;
        limits.per_address = Some(1);
    });
    for times in 1..=3 {
        drop(server.admit(peer()).unwrap());
        assert_eq!(server.report().refusals.unfinished, times);
    }
    server.admit(peer()).unwrap().refuse(http::StatusCode::NOT_FOUND);
    assert_eq!(server.report().refusals.hook, 1);
    drop(server.admit(peer()).unwrap());
    assert_eq!(server.report().refused, 5);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_fails_or_takes_too_long_gives_its_place_up() {
    let server = of(|limits| limits.connections = 1);
    let calls = Arc::new(AtomicUsize::new(0));
    let handler = |calls: &Arc<AtomicUsize>| {
        let calls = Arc::clone(calls);
        async move |_: ServerConnection| {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    server.admit(peer()).unwrap().adopt(async { Err(Error::Lost) }, handler(&calls));
    soon("the first", async {
        while server.report().refusals.unfinished < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.admit(peer()).unwrap().adopt(pending(), handler(&calls));
    let started = tokio::time::Instant::now();
    while server.report().refusals.unfinished < 2 {
        tokio::time::advance(std::time::Duration::from_millis(100)).await;
    }
    let limit = Config::default().handshake_timeout;
    assert!(started.elapsed() >= limit && started.elapsed() < 2 * limit);
    drop(server.admit(peer()).unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn draining_closes_adopted_connections_with_1001_and_waits_for_them() {
    let server = Server::new().drain_close(1012, "back soon").unwrap().handle();
    let mut client = adopted(server.admit(peer()).unwrap()).await;
    server.drain();
    let mut waiting = tokio::spawn({
        let server = server.clone();
        async move { server.drained().await }
    });
    assert_eq!(close_of(&mut client).await, (1012, "back soon".into()));
    // The handshake is not over before the client has read on.
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    while client.recv().await.unwrap().is_some() {}
    drop(client);
    let report = soon("the end", &mut waiting).await.unwrap();
    assert_eq!((report.closed, report.failed, report.dropped), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_aborted_though_nobody_serves() {
    let server = Server::new().drain_within(std::time::Duration::from_secs(3)).handle();
    let permit = server.admit(peer()).unwrap();
    let (client, opening) = opening(permit.config());
    permit.adopt(opening, async |_ws: ServerConnection| pending::<()>().await);
    let client = client.await;
    let started = tokio::time::Instant::now();
    server.drain();
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    // It counts from when draining began.
    assert_eq!(server.drained().await.dropped, 1);
    assert_eq!(started.elapsed().as_secs(), 3);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn abort_ends_adopted_connections_at_once() {
    let server = Server::new().handle();
    let permit = server.admit(peer()).unwrap();
    let (client, opening) = opening(permit.config());
    permit.adopt(opening, async |_ws: ServerConnection| pending::<()>().await);
    let mut client = client.await;
    server.abort();
    while let Ok(Some(_)) = client.recv().await {}
    assert_eq!(soon("the end", server.drained()).await.dropped, 1);
}

/// Whoever has admitted it does not know that the server was aborted meanwhile.
#[tokio::test(start_paused = true)]
async fn what_is_adopted_after_abort_is_ended_as_well() {
    let server = Server::new().handle();
    let permit = server.admit(peer()).unwrap();
    let (client, opening) = opening(permit.config());
    let client = tokio::spawn(client);
    server.abort();
    let (held, dropped) = tokio::sync::oneshot::channel::<()>();
    permit.adopt(opening, async move |_ws: ServerConnection| {
        let _held = held;
        pending::<()>().await
    });
    assert!(soon("the handler's end", dropped).await.is_err());
    client.abort();
    let report = soon("the end", server.drained()).await;
    assert_eq!((report.open, report.refusals.unfinished + report.dropped), (0, 1));
}

#[tokio::test]
async fn a_server_counts_its_own_connections_and_adopted_ones_together() {
    let mut limits = ServerLimits::default();
    limits.connections = 2;
    let running = start(local().await.limits(limits), echo);
    let own = running.connect().await;
    running.open(1).await;
    let mut client = adopted(running.handle.admit(peer()).unwrap()).await;
    running.open(2).await;
    assert_eq!(running.handle.admit(peer()).unwrap_err(), AdmitError::Full);
    assert!(running.try_connect("/").await.is_err());
    drop(own);
    running.open(1).await;
    running.handle.drain();
    assert_eq!(close_of(&mut client).await.0, 1001);
    while client.recv().await.unwrap().is_some() {}
    drop(client);
    // `serve` waits for adopted connections.
    let report = running.end().await;
    assert_eq!((report.open, report.closed + report.failed), (0, 2));
    assert_eq!(report.refusals.full, 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_without_listeners_serves_until_it_drains() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::new().drain_on(async { drop(stopped.await) });
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(echo));
    let mut client = adopted(handle.admit(peer()).unwrap()).await;
    stop.send(()).unwrap();
    assert_eq!(close_of(&mut client).await.0, 1001);
    while client.recv().await.unwrap().is_some() {}
    drop(client);
    assert_eq!(soon("the end", serving).await.unwrap().closed, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_admitted_before_draining_may_still_open_and_is_closed() {
    let server = Server::new().handle();
    let permit = server.admit(peer()).unwrap();
    let (client, opening) = opening(permit.config());
    server.drain();
    permit.adopt(opening, echo);
    let mut client = soon("the handshake", client).await;
    assert_eq!(close_of(&mut client).await.0, 1001);
    while client.recv().await.unwrap().is_some() {}
    drop(client);
    assert_eq!(soon("the end", server.drained()).await.closed, 1);
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_permits_and_at_the_deadline_no_longer() {
    let server = Server::new().handle();
    let permit = server.admit(peer()).unwrap();
    let started = tokio::time::Instant::now();
    server.drain();
    let held = tokio::spawn({
        let server = server.clone();
        async move { server.drained().await }
    });
    tokio::time::advance(std::time::Duration::from_secs(9)).await;
    assert!(!held.is_finished());
    let report = held.await.unwrap();
    assert_eq!(report.refusals.unfinished, 1, "{report:?}");
    assert_eq!(started.elapsed().as_secs(), 10);
    // It comes too late, and is counted once.
    drop(permit);
    assert_eq!(server.report(), report);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_under_way_is_given_up_soon_after_draining_began() {
    let server = Server::new().handle();
    server.admit(peer()).unwrap().adopt(pending(), echo);
    let started = tokio::time::Instant::now();
    assert_eq!(drained(&server).await.refusals.unfinished, 1);
    assert_eq!(started.elapsed(), std::time::Duration::from_millis(500));
}

#[test]
fn a_server_on_threads_waits_for_what_it_has_adopted() {
    let threads = std::num::NonZero::new(2).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = runtime.block_on(local());
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve_on_threads(threads, echo).unwrap());
    runtime.block_on(async {
        // Its task is on this runtime.
        let mut client = adopted(handle.admit(peer()).unwrap()).await;
        handle.drain();
        assert_eq!(close_of(&mut client).await.0, 1001);
        assert!(!serving.is_finished());
        while client.recv().await.unwrap().is_some() {}
        drop(client);
        soon("the end", handle.drained()).await;
    });
    assert_eq!(serving.join().unwrap().closed, 1);
}

#[tokio::test]
async fn admissions_at_once_never_exceed_the_limit() {
    let server = of(|limits| limits.connections = 10);
    let present = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (server, present) = (server.clone(), Arc::clone(&present));
            std::thread::spawn(move || {
                let mut refused = 0;
                for _ in 0..500 {
                    // Together they want twice as many as there may be.
                    let held: Vec<_> = (0..5).filter_map(|_| server.admit(peer()).ok()).collect();
                    refused += 5 - held.len() as u64;
                    let all = present.fetch_add(held.len(), Ordering::SeqCst) + held.len();
                    assert!(all <= 10, "{all}");
                    present.fetch_sub(held.len(), Ordering::SeqCst);
                }
                refused
            })
        })
        .collect();
    let refused: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(server.report().refusals.full, refused);
    // Nothing is left of them: all places are free.
    let held: Vec<_> = (0..10).map(|_| server.admit(peer()).unwrap()).collect();
    assert_eq!(server.admit(peer()).unwrap_err(), AdmitError::Full);
    drop(held);
    let report = drained(&server).await;
    assert_eq!(report.refused, report.refusals.full + report.refusals.unfinished);
}
