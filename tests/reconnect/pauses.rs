//! How long it waits before it comes back.

use std::time::Duration;

use bowstring::Error;
use bowstring::net::{AttemptError, ReconnectConfig, Retry};
use bytes::Bytes;
use tokio::time::sleep;

use crate::network::*;

fn lost() -> Answer {
    Answer::Fail(Error::Lost.into())
}

/// The pauses between the attempts in milliseconds.
fn pauses(network: &Network) -> Vec<u128> {
    network.attempted().windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn pauses_double_up_to_the_cap() {
    let (mut client, network) = Network::new(|_| lost());
    beside(sleep(secs(250)), async { drop(client.recv().await) }).await;
    assert_eq!(pauses(&network), [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
    assert_eq!(network.numbers(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}

/// Full jitter: from nothing up to the most, and the same again from the same seed.
#[tokio::test(start_paused = true)]
async fn pauses_are_random() {
    let mut all = Vec::new();
    for seed in [7, 7, 8] {
        let (client, network) = Network::new(|_| lost());
        let mut random = Random::new(seed);
        let mut client = client.jitter(move || (random.next() >> 11) as f64 / (1_u64 << 53) as f64);
        beside(sleep(secs(3600)), async { drop(client.recv().await) }).await;
        let pauses = pauses(&network);
        assert!(pauses.len() > 90, "{}", pauses.len());
        for (at, pause) in pauses.iter().enumerate() {
            let most = 60000.min(1000 << at.min(10));
            assert!((0..=most + 1).contains(pause), "{at}: {pause}");
        }
        let late = &pauses[10..];
        let mean = late.iter().sum::<u128>() / late.len() as u128;
        assert!((24_000..36_000).contains(&mean), "{mean}");
        assert!(late.iter().any(|pause| *pause < 6_000), "{late:?}");
        all.push(pauses);
    }
    assert!(all[0] == all[1] && all[1] != all[2]);
}

#[tokio::test(start_paused = true)]
async fn the_default_is_random_too() {
    let mut all = Vec::new();
    for _ in 0..2 {
        let mut client =
            bowstring::net::ReconnectingWebSocket::from_fn(|_| async { Err(Error::Lost.into()) });
        let mut states = client.handle().watch();
        beside(states.changed(), async { drop(client.recv().await) }).await.unwrap();
        all.push(format!("{:?}", client.state()));
    }
    assert_ne!(all[0], all[1]);
}

/// Only a connection that has lasted is a success: a server that accepts and drops is left alone for longer and
/// longer.
#[tokio::test(start_paused = true)]
async fn pauses_begin_anew_after_a_connection_that_lasted() {
    for (lasts, expected) in [(9, [1000, 2000, 4000, 8000]), (10, [1000, 1000, 1000, 1000])] {
        let (mut client, mut network) = Network::open();
        let serving = async {
            for _ in 0..4 {
                let _server = network.server().await;
                sleep(secs(lasts)).await;
            }
            network.server().await;
        };
        beside(serving, async { drop(client.recv().await) }).await;
        let lasted = u128::from(lasts) * 1000;
        let waited: Vec<_> = pauses(&network).iter().map(|pause| pause - lasted).collect();
        assert_eq!(waited, expected);
    }
}

fn status(status: u16, retry_after: &str) -> Answer {
    let response = http::Response::builder().status(status);
    let response = match retry_after {
        "" => response,
        asked => response.header("Retry-After", asked),
    };
    Answer::Fail(Error::Status(Box::new(response.body(Bytes::new()).unwrap())).into())
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_for_is_kept() {
    for (code, asked, pause) in [
        (503, "", 1000),
        (503, "120", 121_000),
        (429, "7", 8_000),
        (503, "soon", 1000),
        // Nobody is obeyed who asks for more than an hour.
        (503, "100000", 3_601_000),
    ] {
        let (mut client, network) = Network::new(move |_| status(code, asked));
        let _ = tokio::time::timeout(secs(3650), client.recv()).await;
        assert_eq!(pauses(&network)[0], pause, "{code} {asked}");
    }
}

/// 1012 spreads the clients over 5 to 30 s, 1013 over 30 to 60 s.
#[tokio::test(start_paused = true)]
async fn close_codes_that_ask_for_a_pause() {
    for (code, jitter, pause) in [
        (1001, 0.0, 0),
        (1001, 1.0, 1000),
        (1012, 0.0, 5_000),
        (1012, 1.0, 30_000),
        (1013, 0.0, 30_000),
        (1013, 1.0, 60_000),
    ] {
        let (client, mut network) = Network::open();
        let mut client = client.jitter(move || jitter);
        let serving = async {
            in_time(network.server().await.close(code, "")).await.unwrap();
            network.server().await;
        };
        beside(serving, async { drop(client.recv().await) }).await;
        assert_eq!(pauses(&network), [pause], "{code}");
    }
    let config = settings(|config| config.restart_pause = (Duration::ZERO, secs(2)));
    let (client, mut network) = Network::open();
    let mut client = client.config(config);
    let serving = async {
        network.server().await.close(1012, "").await.unwrap();
        network.server().await;
    };
    beside(serving, async { drop(client.recv().await) }).await;
    assert_eq!(pauses(&network), [2000]);
}

#[tokio::test(start_paused = true)]
async fn the_application_may_choose_the_pause() {
    let (client, network) = Network::new(|_| lost());
    let mut client = client.policy(|why, default| {
        assert!(why.is_transient() && default == Retry::BackOff);
        Retry::After(secs(100))
    });
    beside(sleep(secs(204)), async { drop(client.recv().await) }).await;
    assert_eq!(pauses(&network), [101_000, 102_000]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_can_be_cut_short() {
    let (client, network) = Network::new(|_| lost());
    let mut client = client.config(settings(|config: &mut ReconnectConfig| config.base = secs(50)));
    let handle = client.handle();
    let watching = async {
        sleep(secs(3)).await;
        handle.retry_now();
        sleep(secs(1)).await;
    };
    beside(watching, async { drop(client.recv().await) }).await;
    assert_eq!(network.attempted(), [0, 3000]);
}

/// Nor is there one while it is connected: the next pause is as long as it would be.
#[tokio::test(start_paused = true)]
async fn there_is_no_pause_to_be_cut_short_while_it_is_connected() {
    let (mut client, mut network) = Network::open();
    let handle = client.handle();
    let serving = async {
        let server = network.server().await;
        handle.retry_now();
        sleep(secs(1)).await;
        drop(server);
        network.server().await;
    };
    beside(serving, async { drop(client.recv().await) }).await;
    assert_eq!(network.attempted(), [0, 2000]);
}

/// Nor while an attempt goes on that will fail.
#[tokio::test(start_paused = true)]
async fn there_is_no_pause_to_be_cut_short_within_an_attempt() {
    let (client, network) = Network::new(|_| Answer::Silence);
    let limit = |config: &mut ReconnectConfig| config.attempt_timeout = secs(5);
    let mut client = client.config(settings(limit));
    let handle = client.handle();
    let asking = async {
        sleep(secs(1)).await;
        handle.retry_now();
        sleep(secs(6)).await;
    };
    beside(asking, async { drop(client.recv().await) }).await;
    assert_eq!(network.attempted(), [0, 6000]);
}

/// One that is not used counts for nothing later.
#[tokio::test(start_paused = true)]
async fn there_is_no_pause_to_be_cut_short_while_it_connects() {
    let (mut client, network) = Network::new(|_| Answer::Fail(AttemptError::transient("later")));
    client.handle().retry_now();
    beside(sleep(Duration::from_millis(500)), async { drop(client.recv().await) }).await;
    assert_eq!(network.attempted(), [0]);
}
