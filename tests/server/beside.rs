//! A connection that a handler drops is closed beside the handler, which goes on with something else.

use std::sync::Arc;

use bowstring::server::ServerConnection;
use bowstring::{Error, Message};
use tokio::sync::{Semaphore, mpsc};

use crate::{close_of, local, soon, start};

#[tokio::test]
async fn a_connection_that_is_dropped_is_closed_while_its_handler_goes_on() {
    let (dropped, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (telling, waiting) = (Arc::clone(&dropped), Arc::clone(&go_on));
    let server = start(local().await, move |connection: ServerConnection| {
        let (telling, waiting) = (Arc::clone(&telling), Arc::clone(&waiting));
        async move {
            drop(connection);
            telling.add_permits(1);
            let _ = waiting.acquire().await.unwrap();
        }
    });
    let mut ws = server.connect().await;
    assert_eq!(close_of(&mut ws).await, (1000, String::new()));
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    let _ = soon("the handler", dropped.acquire()).await.unwrap();
    // It counts as ended, though its handler runs.
    server.open(0).await;
    assert_eq!(server.handle.report().closed, 1);
    go_on.add_permits(1);
    let report = server.end().await;
    assert_eq!((report.closed, report.dropped, report.handlers_failed), (1, 0, 0), "{report:?}");
}

/// It is closed with the frame of draining if that has begun.
#[tokio::test]
async fn what_is_dropped_while_the_server_drains_gets_1001() {
    let (drop_it, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (dropping, waiting) = (Arc::clone(&drop_it), Arc::clone(&go_on));
    let server = start(local().await, move |mut connection: ServerConnection| {
        let (dropping, waiting) = (Arc::clone(&dropping), Arc::clone(&waiting));
        async move {
            connection.send("here").await.unwrap();
            let _ = dropping.acquire().await.unwrap();
            drop(connection);
            let _ = waiting.acquire().await.unwrap();
        }
    });
    let mut ws = server.connect().await;
    assert_eq!(ws.recv().await.unwrap(), Some("here".into()));
    server.handle.drain();
    drop_it.add_permits(1);
    assert_eq!(close_of(&mut ws).await.0, 1001);
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    go_on.add_permits(1);
    assert_eq!(server.end().await.closed, 1);
}

/// Its writers learn it: they do not go on for a peer that has left.
#[tokio::test]
async fn a_reader_that_is_dropped_closes_and_its_writers_learn_it() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = start(local().await, move |connection: ServerConnection| {
        let tell = tell.clone();
        async move {
            let (reader, writer, ()) = connection.split();
            drop(reader);
            let error = loop {
                if let Err(error) = writer.send("tick").await {
                    break error;
                }
                tokio::task::yield_now().await;
            };
            tell.send(error).unwrap();
        }
    });
    let mut ws = server.connect().await;
    loop {
        match soon("the close frame", ws.recv()).await.unwrap() {
            Some(Message::Close(close)) => break assert_eq!(close.unwrap().code, 1000),
            Some(message) => assert_eq!(message, "tick".into()),
            None => panic!("the close frame comes first"),
        }
    }
    assert_eq!(soon("the end", ws.recv()).await.unwrap(), None);
    let error = soon("the writer", told.recv()).await.unwrap();
    assert!(matches!(error, Error::Closed(_) | Error::Misuse(_)), "{error:?}");
    assert_eq!(server.end().await.closed, 1);
}

/// The same where the peer closes while nobody reads: it is answered.
#[tokio::test]
async fn a_peer_that_closes_a_dropped_connection_is_answered() {
    let go_on = Arc::new(Semaphore::new(0));
    let waiting = Arc::clone(&go_on);
    let server = start(local().await, move |connection: ServerConnection| {
        let waiting = Arc::clone(&waiting);
        async move {
            let (reader, _writer, ()) = connection.split();
            drop(reader);
            let _ = waiting.acquire().await.unwrap();
        }
    });
    let mut ws = server.connect().await;
    soon("the closing handshake", ws.close(1000, "")).await.unwrap();
    server.open(0).await;
    go_on.add_permits(1);
    assert_eq!(server.end().await.closed, 1);
}
