//! Whose fault it is that a handler fails is read from types. It is the same, whatever type the handler
//! returns the error in.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use bowstring::net::Transport;
use bowstring::server::{HandlerOutcome, ServerConnection, Topic};
use bowstring::{Error, Prepared};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Running, close_of, local, soon, start, status, upgrade};

/// An application's own error.
#[derive(Debug)]
enum AppError {
    Socket(Error),
    Other(&'static str),
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(_) => f.write_str("talking to the client"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl StdError for AppError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Socket(error) => Some(error),
            Self::Other(_) => None,
        }
    }
}

impl From<Error> for AppError {
    fn from(error: Error) -> Self {
        Self::Socket(error)
    }
}

/// Sends after the peer has closed.
async fn speaks_too_late(connection: &mut ServerConnection) -> Result<(), Error> {
    while connection.recv().await?.is_some() {}
    connection.send("too late").await
}

/// How many handlers have failed after a peer that closed as it should.
async fn failed<H, F>(handler: H) -> u64
where
    H: Fn(ServerConnection) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let server = start(local().await, handler);
    closes(&server).await;
    let report = server.end().await;
    assert_eq!((report.closed, report.failed), (1, 0), "{report:?}");
    report.handlers_failed
}

async fn closes(server: &Running) {
    let mut ws = server.connect().await;
    ws.close(1000, "").await.unwrap();
    server.open(0).await;
}

#[tokio::test]
async fn a_peer_that_closes_is_no_failure_in_whatever_type_the_handler_returns_it() {
    type Boxed = Box<dyn StdError + Send + Sync>;
    let counted = [
        failed(async |mut c: ServerConnection| speaks_too_late(&mut c).await).await,
        failed(async |mut c: ServerConnection| Ok::<_, AppError>(speaks_too_late(&mut c).await?))
            .await,
        failed(async |mut c: ServerConnection| Ok::<_, Boxed>(speaks_too_late(&mut c).await?))
            .await,
        failed(async |mut c: ServerConnection| {
            speaks_too_late(&mut c).await.map_err(|error| Boxed::from(AppError::from(error)))
        })
        .await,
        failed(async |mut c: ServerConnection| {
            speaks_too_late(&mut c).await.map_err(io::Error::other)
        })
        .await,
    ];
    assert_eq!(counted, [0; 5]);
    // A type that hides what it wraps: a text, or what anyhow's makes of it in a box.
    let hidden = [
        failed(async |mut c: ServerConnection| {
            speaks_too_late(&mut c).await.map_err(|error| error.to_string())
        })
        .await,
        failed(async |c: ServerConnection| {
            let (mut reader, writer, ()) = c.split();
            while let Ok(Some(_)) = reader.recv().await {}
            writer.send("too late").await.map_err(|error| error.to_string())
        })
        .await,
    ];
    assert_eq!(hidden, [0; 2]);
}

#[tokio::test]
async fn a_failure_of_the_handlers_own_is_one_after_the_peer_has_closed_too() {
    let own = async |mut connection: ServerConnection| {
        while connection.recv().await.map_err(AppError::Socket)?.is_some() {}
        Err::<(), _>(AppError::Other("the database is away"))
    };
    assert_eq!(failed(own).await, 1);
    // A text that says the same as an error is a text.
    let text = async |mut connection: ServerConnection| {
        while let Ok(Some(_)) = connection.recv().await {}
        // Nothing was refused.
        Err::<(), _>(format!("{}, {}", Error::Overflow, Error::Lost))
    };
    assert_eq!(failed(text).await, 1);
}

/// A topic is told that the connection has ended. That refuses nothing to the handler.
#[tokio::test]
async fn what_a_topic_cannot_publish_is_not_refused_to_the_handler() {
    let published = async |connection: ServerConnection| {
        let topic = Topic::<Transport>::new();
        let (mut reader, writer, ()) = connection.split();
        let _place = topic.subscribe(&writer);
        while let Ok(Some(_)) = reader.recv().await {}
        assert_eq!(topic.publish(&Prepared::text("news")), 0);
        Err::<(), _>("the database is away".to_owned())
    };
    assert_eq!(failed(published).await, 1);
}

#[tokio::test]
async fn a_peer_that_breaks_a_rule_is_no_failure_of_the_handler() {
    let server = start(local().await, async |mut connection: ServerConnection| {
        while connection.recv().await?.is_some() {}
        Ok::<_, AppError>(())
    });
    let mut rude = server.asking(&upgrade("")).await;
    assert_eq!(status(&mut rude).await, "101");
    // A frame without a mask (§5.1).
    rude.write_all(&[0x81, 0]).await.unwrap();
    soon("the end", rude.read_to_end(&mut Vec::new())).await.unwrap();
    drop(rude);
    server.open(0).await;
    let report = server.end().await;
    assert_eq!((report.failed, report.violations, report.handlers_failed), (1, 1, 0), "{report:?}");
}

/// With its causes; the peer is told nothing of them.
#[tokio::test]
async fn the_peer_of_a_handler_that_fails_is_told_1011_and_no_more() {
    let server = start(local().await, async |_: ServerConnection| {
        Err::<(), _>(AppError::Other("the password of the database is wrong"))
    });
    let mut ws = server.connect().await;
    assert_eq!(close_of(&mut ws).await, (1011, "the server failed".into()));
}

/// An error that panics when it is shown, asked for its source, or dropped.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    Shown,
    Asked,
    Dropped,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(*self, Self::Shown, "as it was told to");
        f.write_str("broken")
    }
}

impl StdError for Broken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        assert_ne!(*self, Self::Asked, "as it was told to");
        None
    }
}

/// It is dropped as an error is, but not where the test looks at it.
#[derive(Debug)]
struct Returned(Broken);

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Returned {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        assert!(self.0 != Broken::Dropped || std::thread::panicking(), "as it was told to");
    }
}

/// The peer is told as after any other panic of a handler.
#[tokio::test]
async fn an_error_that_panics_is_a_failure_of_the_handler_whose_peer_is_told() {
    for broken in [Broken::Shown, Broken::Asked, Broken::Dropped] {
        let server = start(local().await, move |mut connection: ServerConnection| async move {
            connection.recv().await.ok();
            Err::<(), _>(Returned(broken))
        });
        let mut ws = server.connect().await;
        ws.send("go").await.unwrap();
        assert_eq!(close_of(&mut ws).await, (1011, "the server failed".into()), "{broken:?}");
        drop(ws);
        server.open(0).await;
        let report = server.end().await;
        assert_eq!((report.dropped, report.handlers_failed), (0, 1), "{broken:?}: {report:?}");
    }
}
