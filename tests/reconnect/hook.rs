//! What the application does on each connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bowstring::net::{AttemptError, Disconnect, ReconnectError};
use bowstring::{Error, Message};

use crate::network::*;

/// It logs in and subscribes on each connection, before anything else is sent.
#[tokio::test(start_paused = true)]
async fn it_runs_first_on_each_connection() {
    let (client, mut network) = Network::open();
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let mut client = client.on_connect(move |mut ws| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            ws.send(format!("log in {number}")).await?;
            match ws.recv().await? {
                Some(Message::Text(answer)) if answer == "welcome" => {}
                other => return Err(AttemptError::permanent(format!("{other:?}"))),
            }
            ws.send("subscribe").await?;
            Ok(ws)
        }
    });
    client.send("queued").await.unwrap();
    let serving = async {
        for number in 0..3 {
            let mut server = network.server().await;
            assert_eq!(received(&mut server).await, format!("log in {number}"));
            // What comes with the answer is for the client.
            server.feed("welcome").await.unwrap();
            server.send(format!("price {number}")).await.unwrap();
            assert_eq!(received(&mut server).await, "subscribe");
            if number == 0 {
                assert_eq!(received(&mut server).await, "queued");
            }
        }
        std::future::pending().await
    };
    let receiving = async {
        for number in 0..3 {
            let price = client.recv().await.unwrap().unwrap();
            assert_eq!(price, text(&format!("price {number}")));
        }
    };
    beside(receiving, serving).await;
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_in_it_is_a_failed_attempt() {
    let (client, mut network) = Network::open();
    let mut number = 0;
    let mut client = client.on_connect(move |mut ws| {
        number += 1;
        async move {
            match number {
                // The server closes before it answers.
                1 => ws.recv().await?,
                2 => return Err(AttemptError::transient("not yet")),
                _ => return Err(AttemptError::permanent("never")),
            };
            Ok(ws)
        }
    });
    let serving = async {
        drop(network.server().await);
        std::future::pending().await
    };
    let failing = async {
        let (_, why) = disconnected(&mut client).await;
        let lost = matches!(*why, Disconnect::Attempt(AttemptError::Connection(Error::Lost)));
        assert!(lost, "{why}");
        let (_, why) = disconnected(&mut client).await;
        assert!(matches!(*why, Disconnect::Attempt(AttemptError::Transient(_))), "{why}");
        let (_, why) = disconnected(&mut client).await;
        assert_eq!(why.to_string(), "never");
        client.event().await.unwrap_err()
    };
    let error = beside(failing, serving).await;
    assert!(matches!(error, ReconnectError::Permanent(_)), "{error}");
    assert_eq!(network.attempted(), [0, 1000, 3000]);
}

/// A hook that leaves a message half sent has made a connection on which nothing can be sent.
#[tokio::test(start_paused = true)]
async fn a_message_that_it_did_not_finish_is_told() {
    let (client, _network) = Network::open();
    let mut client = client.on_connect(|mut ws| async move {
        ws.feed_part("half", false).await?;
        Ok(ws)
    });
    connected(&mut client).await;
    client.send("whole").await.unwrap();
    let error = loop {
        match in_time(client.recv()).await {
            Err(error) => break error,
            Ok(message) => assert!(message.is_some()),
        }
    };
    let why = error.disconnect().unwrap();
    assert!(matches!(why, Disconnect::Failed(Error::Misuse(_))), "{why}");
    assert_eq!(client.take_undelivered().unsent, texts(&["whole"]));
}

/// Each attempt knows which one it is, and why it is made: to ask for a fresh token, to try another address.
#[tokio::test(start_paused = true)]
async fn the_connecting_function_knows_what_went_before() {
    let (mut client, mut network) = Network::new(|attempt| {
        let cause = attempt.cause.as_ref().map(ToString::to_string);
        match (attempt.number, attempt.connections, cause.as_deref()) {
            (1, 0, None) => Answer::Accept,
            (2, 1, Some("the peer closed the connection with 1001: token expired")) => {
                Answer::Fail(AttemptError::transient("no token"))
            }
            (3, 1, Some("no token")) => Answer::Accept,
            _ => Answer::Fail(AttemptError::permanent(format!("{attempt:?}"))),
        }
    });
    let serving = async {
        network.server().await.close(1001, "token expired").await.unwrap();
        network.server().await.send("back").await.unwrap();
    };
    assert_eq!(beside(client.recv(), serving).await.unwrap(), Some(text("back")));
}

/// A handle that the hook has kept closes one connection. What is sent meanwhile goes out on the next.
#[tokio::test(start_paused = true)]
async fn a_connection_that_the_application_closes_is_no_misuse() {
    let (client, mut network) = Network::open();
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let mut client = client.on_connect(move |mut ws| {
        let _ = keep.send(ws.handle());
        async move { Ok(ws) }
    });
    connected(&mut client).await;
    kept.recv().await.unwrap().close(1001, "").unwrap();
    not_yet(client.recv());
    client.try_send("meanwhile").unwrap();
    let serving = async {
        let mut server = network.server().await;
        // Before the server has answered, the message waits.
        tokio::task::yield_now().await;
        assert!(matches!(in_time(server.recv()).await, Ok(Some(close)) if close.is_close()));
        assert_eq!(in_time(server.recv()).await.unwrap(), None);
        assert_eq!(received(&mut network.server().await).await, "meanwhile");
    };
    beside(serving, async { drop(client.recv().await) }).await;
}
