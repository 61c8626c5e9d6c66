//! What other tasks see and do; Stream and Sink.

use std::sync::Arc;

use bowstring::Error;
use bowstring::net::{ReconnectError, ReconnectEvent, ReconnectState};
use futures_util::{SinkExt, StreamExt};
use tokio::time::sleep;

use crate::network::*;

#[tokio::test(start_paused = true)]
async fn all_changes_are_told() {
    let (client, mut network) =
        Network::new(|attempt| match (attempt.connections, attempt.number) {
            (0, 1) => Answer::Fail(Error::Lost.into()),
            _ => Answer::Accept,
        });
    let mut client = client.config(settings(|config| config.max_attempts = Some(3)));
    let mut states = client.handle().watch();
    let watching = async {
        let mut seen = Vec::new();
        loop {
            let state = states.borrow_and_update().clone();
            seen.push(match &state {
                ReconnectState::Connecting { attempt } => format!("connecting {attempt}"),
                ReconnectState::Open { connection } => format!("open {connection}"),
                ReconnectState::Waiting { until, .. } => {
                    let pause = until.duration_since(tokio::time::Instant::now());
                    format!("waiting {}", pause.as_secs())
                }
                ReconnectState::Ended { cause: Some(_) } => "ended".to_owned(),
                other => format!("{other:?}"),
            });
            if let ReconnectState::Ended { .. } = state {
                return seen;
            }
            states.changed().await.unwrap();
        }
    };
    let events = async {
        let mut seen = Vec::new();
        loop {
            match client.event().await {
                Ok(Some(ReconnectEvent::Connected)) => seen.push("connected".to_owned()),
                Ok(Some(ReconnectEvent::Disconnected { pause, .. })) => {
                    seen.push(format!("disconnected, {}", pause.is_some()));
                }
                Ok(Some(ReconnectEvent::Message(message))) => seen.push(format!("{message:?}")),
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => panic!("an end without an error"),
                Err(error) => {
                    assert!(matches!(error, ReconnectError::TooManyAttempts(_)), "{error}");
                    return seen;
                }
            }
        }
    };
    let serving = async {
        for _ in 0..2 {
            let mut server = network.server().await;
            server.send("hello").await.unwrap();
            sleep(secs(1)).await;
        }
    };
    let (states, events, ()) = in_time(async { tokio::join!(watching, events, serving) }).await;
    let hello = r#"Text("hello")"#;
    assert_eq!(
        events,
        [
            "disconnected, true",
            "connected",
            hello,
            "disconnected, true",
            "connected",
            hello,
            "disconnected, false"
        ]
    );
    // A watcher sees the newest state: what is over before it looks, it does not.
    assert_eq!(states, ["connecting 1", "waiting 1", "open 1", "waiting 2", "open 2", "ended"]);
}

#[tokio::test(start_paused = true)]
async fn other_tasks_send_and_close() {
    let (client, mut network) = Network::open();
    let mut client = client.config(settings(|config| config.max_kept_messages = 4));
    let senders: Vec<_> = (0..10)
        .map(|task| {
            let handle = client.handle();
            tokio::spawn(async move {
                for number in 0..20 {
                    handle.send(format!("{task} {number}")).await.unwrap();
                }
            })
        })
        .collect();
    let closer = client.handle();
    let serving = async {
        let mut server = network.server().await;
        let mut next = [0; 10];
        for _ in 0..200 {
            let said = received(&mut server).await;
            let (task, number) = said.split_once(' ').unwrap();
            let next = &mut next[task.parse::<usize>().unwrap()];
            assert_eq!(number.parse(), Ok(*next));
            *next += 1;
        }
        for sender in senders {
            sender.await.unwrap();
        }
        assert!(matches!(closer.state(), ReconnectState::Open { connection: 1 }));
        closer.close(1000, "").unwrap();
        assert!(matches!(closer.send("late").await, Err(ReconnectError::Ended)));
        assert!(matches!(closer.try_send("late"), Err(ReconnectError::Ended)));
        while server.recv().await.unwrap().is_some() {}
        std::future::pending().await
    };
    assert_eq!(beside(client.recv(), serving).await.unwrap(), None);
    assert!(client.take_undelivered().is_empty());
    assert!(matches!(client.state(), ReconnectState::Ended { cause: None }));
    assert!(client.handle().close(1005, "").is_err());
}

/// A message of another task goes out at once, though nothing else happens.
#[tokio::test(start_paused = true)]
async fn what_others_send_is_written_at_once() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    let handle = client.handle();
    let start = tokio::time::Instant::now();
    let sending = async {
        // The client waits by now.
        sleep(secs(1)).await;
        handle.send("at once").await.unwrap();
        received(&mut server).await
    };
    let said = beside(sending, async { drop(client.recv().await) }).await;
    assert_eq!((&*said, start.elapsed()), ("at once", secs(1)));
}

/// A sender that waits for room is told of the end.
#[tokio::test(start_paused = true)]
async fn senders_that_wait_learn_of_the_end() {
    let (client, _network) = Network::new(|_| Answer::Silence);
    let mut client = client.config(settings(|config| {
        config.max_kept_messages = 1;
        config.max_attempts = Some(1);
    }));
    client.send("kept").await.unwrap();
    let handle = client.handle();
    let sender = tokio::spawn(async move { handle.send("waits").await });
    let error = in_time(client.recv()).await.unwrap_err();
    assert!(matches!(error, ReconnectError::TooManyAttempts(_)), "{error}");
    assert!(matches!(in_time(sender).await.unwrap(), Err(ReconnectError::Ended)));
    let (client, _network) = Network::new(|_| Answer::Silence);
    let mut client = client.config(settings(|config| config.max_kept_messages = 1));
    client.send("kept").await.unwrap();
    let handle = client.handle();
    let sender = tokio::spawn(async move { handle.send("takes its room").await });
    tokio::task::yield_now().await;
    assert_eq!(client.take_undelivered().unsent, texts(&["kept"]));
    in_time(sender).await.unwrap().unwrap();
}

/// Handles learn that the client was dropped.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_has_ended() {
    let (client, _network) = Network::open();
    let mut client = client.config(settings(|config| config.max_kept_messages = 1));
    connected(&mut client).await;
    client.try_send("kept").unwrap();
    let handle = client.handle();
    let mut states = handle.watch();
    let sender = tokio::spawn(async move { handle.send("waits").await });
    tokio::task::yield_now().await;
    drop(client);
    assert!(matches!(in_time(sender).await.unwrap(), Err(ReconnectError::Ended)));
    let ended = states.wait_for(|state| matches!(state, ReconnectState::Ended { cause: None }));
    in_time(ended).await.unwrap();
}

/// One task polls the stream, another the sink, over three connections.
#[tokio::test(start_paused = true)]
async fn stream_and_sink_in_two_tasks() {
    let (client, mut network) = Network::open();
    let client = client.config(settings(|config| config.max_kept_messages = 5));
    let (mut sink, mut stream) = client.split();
    let sending = tokio::spawn(async move {
        for number in 0..60 {
            sink.send(text(&number.to_string())).await.unwrap();
        }
        sink
    });
    let receiving = tokio::spawn(async move {
        let mut got = Vec::new();
        while got.len() < 30 {
            got.push(stream.next().await.unwrap().unwrap());
        }
        (got, stream)
    });
    for connection in 0..3 {
        let mut server = network.server().await;
        for _ in 0..20 {
            let said = received(&mut server).await;
            if connection < 2 || said.parse::<u32>().unwrap() < 50 {
                continue;
            }
        }
        for number in 0..10 {
            server.send(format!("{connection}.{number}")).await.unwrap();
        }
        if connection == 2 {
            let sink = in_time(sending).await.unwrap();
            let (got, mut stream) = in_time(receiving).await.unwrap();
            assert_eq!(got.len(), 30);
            let mut sink = sink;
            let closing = tokio::spawn(async move { sink.close().await });
            assert!(matches!(in_time(server.recv()).await, Ok(Some(close)) if close.is_close()));
            assert_eq!(in_time(server.recv()).await.unwrap(), None);
            in_time(closing).await.unwrap().unwrap();
            assert!(in_time(stream.next()).await.is_none());
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_error() {
    let (mut client, _network) =
        Network::new(|_| Answer::Fail(bowstring::net::AttemptError::permanent("no")));
    assert!(matches!(client.next().await, Some(Err(ReconnectError::Permanent(_)))));
    assert!(client.next().await.is_none());
}

#[test]
fn it_goes_to_other_threads_and_shows_no_messages() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<bowstring::net::ReconnectingWebSocket>();
    is_sync::<bowstring::net::ReconnectHandle>();
    // What is sent is nobody's business.
    let mut client = bowstring::net::ReconnectingWebSocket::new("ws://localhost/").unwrap();
    client.try_send("secret").unwrap();
    for shown in [format!("{client:?}"), format!("{:?}", client.handle())] {
        assert!(shown.contains("Connecting") && !shown.contains("secret"), "{shown}");
    }
    is_send::<Arc<bowstring::net::Disconnect>>();
}
