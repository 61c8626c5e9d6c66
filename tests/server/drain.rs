//! How a server ends: nobody new, everybody told, nothing lost, in time.

use std::sync::Arc;
use std::time::Duration;

use bowstring::server::Connection;
use bowstring::{Error, Message};
use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};

use crate::{close_of, local, soon, start, upgrade};

#[tokio::test]
async fn everybody_is_told_and_what_was_framed_arrives_first() {
    let server = local().await.farewell(1012, "back in a moment");
    let server = start(server, async |mut connection: Connection| {
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
    let server = start(server, move |mut connection: Connection| {
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
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let (go, gone) = tokio::sync::watch::channel(false);
    let server = local().await.on_request(move |_| {
        let (tell, mut gone) = (tell.clone(), gone.clone());
        async move {
            tell.send(()).unwrap();
            gone.wait_for(|gone| *gone).await.unwrap();
            Ok(bowstring::server::Accept::default())
        }
    });
    let server = start(server, crate::echo);
    let uri = format!("ws://{}/", server.address);
    let connecting = tokio::spawn(async move { bowstring::connect(&uri).await });
    told.recv().await.unwrap();
    server.handle.drain();
    go.send(true).unwrap();
    match soon("an answer", connecting).await.unwrap() {
        Err(Error::Status(response)) => {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE)
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(server.end().await.refused, 1);
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
