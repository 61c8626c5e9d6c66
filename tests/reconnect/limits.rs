//! When it gives up.

use bowstring::Error;
use bowstring::net::{AttemptError, Disconnect, ReconnectError, ReconnectState};
use tokio::time::{Instant, sleep};

use crate::network::*;

#[tokio::test(start_paused = true)]
async fn after_so_many_attempts() {
    let (client, network) = Network::new(|_| Answer::Fail(Error::Lost.into()));
    let mut client = client.config(settings(|config| config.max_attempts = Some(3)));
    let error = in_time(client.recv()).await.unwrap_err();
    assert!(matches!(error, ReconnectError::TooManyAttempts(_)), "{error}");
    assert!(error.to_string().starts_with("too many attempts have failed: "), "{error}");
    assert_eq!(network.attempted(), [0, 1000, 3000]);
    assert_eq!(client.recv().await.unwrap(), None);
}

/// The connections that lasted do not count, those that did not do.
#[tokio::test(start_paused = true)]
async fn attempts_count_anew_after_a_connection_that_lasted() {
    let (client, mut network) = Network::open();
    let mut client = client.config(settings(|config| config.max_attempts = Some(3)));
    let serving = async {
        for lasts in [20, 1, 1, 20, 1, 1, 1] {
            let _server = network.server().await;
            sleep(secs(lasts)).await;
        }
    };
    let error = beside(client.recv(), serving).await.unwrap_err();
    assert!(matches!(error, ReconnectError::TooManyAttempts(_)), "{error}");
    assert_eq!(network.numbers(), [1, 1, 2, 3, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn after_so_long() {
    let (client, mut network) =
        Network::new(|attempt| match (attempt.connections, attempt.number) {
            (0, 3) => Answer::Accept,
            _ => Answer::Fail(Error::Lost.into()),
        });
    let mut client = client.config(settings(|config| config.max_time = Some(secs(10))));
    let serving = async {
        let _server = network.server().await;
        sleep(secs(20)).await;
    };
    let start = Instant::now();
    let error = beside(client.recv(), serving).await.unwrap_err();
    assert!(matches!(error, ReconnectError::TooLong(_)), "{error}");
    // It was there from 3 s to 23 s. After the next pause it would be 39 s.
    assert_eq!(network.attempted(), [0, 1000, 3000, 24_000, 25_000, 27_000, 31_000]);
    assert_eq!(start.elapsed(), secs(31));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_its_time() {
    let (client, network) = Network::new(|attempt| match attempt.number {
        1 => Answer::Silence,
        _ => Answer::Fail(AttemptError::permanent("enough")),
    });
    let mut client = client.config(settings(|config| config.attempt_timeout = secs(5)));
    let why = disconnected(&mut client).await.1;
    assert!(matches!(&*why, Disconnect::Attempt(AttemptError::TimedOut(_))), "{why}");
    assert_eq!(why.to_string(), "the attempt took longer than 5s");
    in_time(client.recv()).await.unwrap_err();
    assert_eq!(network.attempted(), [0, 6000]);
}

/// The hook's time is within the attempt's.
#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_a_failed_attempt() {
    let (client, mut network) = Network::open();
    let mut hangs = true;
    let mut client = client.on_connect(move |ws| {
        let hang = std::mem::take(&mut hangs);
        async move {
            if hang {
                std::future::pending::<()>().await;
            }
            Ok(ws)
        }
    });
    let serving = async {
        let _first = network.server().await;
        network.server().await.send("back").await.unwrap();
    };
    assert_eq!(beside(client.recv(), serving).await.unwrap(), Some(text("back")));
    assert_eq!(network.attempted(), [0, 31_000]);
}

#[tokio::test(start_paused = true)]
async fn closed_by_this_side_it_ends_at_any_time() {
    // While it connects, while it waits, before it was polled at all.
    for at in [0, 500, 1500] {
        let (mut client, network) = Network::new(|attempt| match attempt.number {
            1 => Answer::Fail(Error::Lost.into()),
            _ => Answer::Silence,
        });
        client.send("never sent").await.unwrap();
        let handle = client.handle();
        let start = Instant::now();
        let closing = async {
            sleep(std::time::Duration::from_millis(at)).await;
            handle.close(1000, "").unwrap();
            std::future::pending().await
        };
        assert_eq!(beside(client.recv(), closing).await.unwrap(), None);
        assert_eq!(start.elapsed().as_millis(), at.into());
        assert!(matches!(client.state(), ReconnectState::Ended { cause: None }));
        assert_eq!(client.take_undelivered().unsent, texts(&["never sent"]));
        assert!(network.attempted().len() <= 2);
    }
    let (mut client, network) = Network::open();
    assert!(in_time(client.close(1000, "")).await.unwrap().is_empty());
    assert!(network.attempted().is_empty());
    assert_eq!(client.recv().await.unwrap(), None);
}
