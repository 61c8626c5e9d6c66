//! What becomes of messages that are sent.

use std::time::Duration;

use bowstring::net::{ReconnectError, ReconnectEvent, Unsent};
use bowstring::proto::Misuse;
use bowstring::{Config, Error, Message};
use tokio::time::{advance, sleep};

use crate::network::*;

fn away_at_first(attempts: u32) -> (bowstring::net::ReconnectingWebSocket, Network) {
    Network::new(move |attempt| match attempt.number {
        number if number <= attempts => Answer::Fail(Error::Lost.into()),
        _ => Answer::Accept,
    })
}

#[tokio::test(start_paused = true)]
async fn they_are_kept_until_there_is_a_connection() {
    let (mut client, mut network) = away_at_first(3);
    for number in 0..10 {
        client.send(format!("{number}")).await.unwrap();
    }
    let serving = async {
        let mut server = network.server().await;
        for number in 0..10 {
            assert_eq!(received(&mut server).await, format!("{number}"));
        }
        server.send("all").await.unwrap();
    };
    assert_eq!(beside(client.recv(), serving).await.unwrap(), Some(text("all")));
    assert_eq!(client.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_kept_than_may_be() {
    for (messages, bytes, size, most) in [(3, 1 << 20, 1, 3), (100, 10, 4, 3), (100, 10, 50, 1)] {
        let (client, mut network) = away_at_first(1);
        let mut client = client.config(settings(|config| {
            config.max_kept_messages = messages;
            config.max_kept_bytes = bytes;
        }));
        for _ in 0..most {
            client.try_send("a".repeat(size)).unwrap();
        }
        let Err(ReconnectError::Full(back)) = client.try_send("one more") else { panic!() };
        assert_eq!(back, text("one more"));
        // The sender waits until the first have arrived. A future that is dropped sends nothing.
        not_yet(client.send("dropped"));
        let serving = async {
            let mut server = network.server().await;
            for _ in 0..most {
                assert_eq!(received(&mut server).await.len(), size);
            }
            assert_eq!(received(&mut server).await, "one more");
            server.send("got it").await.unwrap();
        };
        let sending = async {
            client.send(back).await.unwrap();
            client.recv().await.unwrap()
        };
        assert_eq!(beside(sending, serving).await, Some(text("got it")));
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_dropped_if_the_application_wants_that() {
    let (client, mut network) = Network::open();
    let mut client = client.config(settings(|config| config.unsent = Unsent::Drop));
    client.try_send("before the first").unwrap();
    connected(&mut client).await;
    let mut server = network.server().await;
    client.send("arrives").await.unwrap();
    assert_eq!(received(&mut server).await, "arrives");
    drop(server);
    assert_eq!(disconnected(&mut client).await.0, texts(&["arrives"]));
    client.send("between").await.unwrap();
    assert_eq!(client.dropped(), 2);
    connected(&mut client).await;
    client.send("after").await.unwrap();
    assert_eq!(received(&mut network.server().await).await, "after");
    assert_eq!(client.dropped(), 2);
}

/// What waited for room in the transport when the connection was lost was not framed.
#[tokio::test(start_paused = true)]
async fn what_was_not_framed_is_dropped_too() {
    for (unsent, dropped) in [(Unsent::Drop, 3), (Unsent::Keep, 0)] {
        let mut config = Config::default();
        config.high_water = 1000;
        let (client, mut network) = Network::with_room(4000, &config, |_| Answer::Accept);
        let mut client = client.config(settings(|config| config.unsent = unsent));
        connected(&mut client).await;
        let server = network.server().await;
        for number in 0..5 {
            client.send(Message::binary(vec![number; 3000])).await.unwrap();
        }
        drop(server);
        assert_eq!(disconnected(&mut client).await.0.len(), 2);
        assert_eq!(client.dropped(), dropped);
    }
}

/// A loss leaves it open what has arrived: the application is told, and nothing is sent twice.
#[tokio::test(start_paused = true)]
async fn what_is_in_doubt_is_given_back_and_not_sent_again() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    for message in ["a", "b"] {
        client.send(message).await.unwrap();
    }
    assert_eq!(received(&mut server).await, "a");
    drop(server);
    let (in_doubt, _) = disconnected(&mut client).await;
    assert_eq!(in_doubt, texts(&["a", "b"]));
    client.send("c").await.unwrap();
    connected(&mut client).await;
    assert_eq!(received(&mut network.server().await).await, "c");
}

/// A pong proves that everything has arrived that was sent before its ping.
#[tokio::test(start_paused = true)]
async fn what_a_pong_has_proved_is_not_in_doubt() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    client.send("proved").await.unwrap();
    assert_eq!(received(&mut server).await, "proved");
    // The keep-alive's ping, and its pong.
    let quiet = async {
        sleep(secs(21)).await;
        client.send("not proved").await.unwrap();
    };
    beside(quiet, async { drop(server.recv().await) }).await;
    // The client sees the pong when it looks.
    beside(sleep(secs(1)), async { drop(client.event().await) }).await;
    drop(server);
    let (in_doubt, _) = disconnected(&mut client).await;
    assert!(in_doubt.ends_with(&texts(&["not proved"])), "{in_doubt:?}");
}

/// A pong of a ping that was under way before says nothing of a message.
#[tokio::test(start_paused = true)]
async fn the_pong_of_an_earlier_ping_proves_nothing() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    // After 20 s the keep-alive's ping is under way.
    beside(sleep(secs(21)), async { drop(client.event().await) }).await;
    client.send("later").await.unwrap();
    // The server answers it and reads no further.
    beside(sleep(secs(1)), async {
        received(&mut server).await;
        server.flush().await.unwrap();
        client.event().await.unwrap();
    })
    .await;
    drop(server);
    assert_eq!(disconnected(&mut client).await.0, texts(&["later"]));
}

/// Much is sent, and nothing received: pings are sent as often as room needs to be made, and no more often.
#[tokio::test(start_paused = true)]
async fn room_is_made_by_pings() {
    let (client, mut network) = Network::open();
    let mut client = client.config(settings(|config| config.max_kept_messages = 16));
    let sending = async {
        for number in 0..1000 {
            client.send(format!("{number}")).await.unwrap();
        }
        client.flush().await.unwrap();
        std::future::pending::<()>().await
    };
    let serving = async {
        let mut server = network.server().await;
        for number in 0..1000 {
            assert_eq!(received(&mut server).await, format!("{number}"));
        }
    };
    beside(serving, sending).await;
}

/// Large messages are written in pieces. What was begun is in doubt, what was not is sent again.
#[tokio::test(start_paused = true)]
async fn what_was_begun_is_in_doubt_and_what_was_not_is_not() {
    let mut config = Config::default();
    config.high_water = 1000;
    let (mut client, mut network) = Network::with_room(4000, &config, |_| Answer::Accept);
    connected(&mut client).await;
    let server = network.server().await;
    for number in 0..5 {
        let message = Message::binary(vec![number; 3000]);
        client.send(message).await.unwrap();
    }
    drop(server);
    let (in_doubt, _) = disconnected(&mut client).await;
    let first = |message: &Message| message.as_bytes()[0];
    let in_doubt: Vec<_> = in_doubt.iter().map(first).collect();
    assert_eq!(in_doubt, [0, 1]);
    connected(&mut client).await;
    let mut server = network.server().await;
    let mut sent = Vec::new();
    let receiving = async {
        while sent.len() < 3 {
            sent.push(first(&server.recv().await.unwrap().unwrap()));
        }
    };
    beside(receiving, async { drop(client.event().await) }).await;
    assert_eq!(sent, [2, 3, 4]);
}

/// Random cuts: each message arrives, or is in doubt, or is sent on the next connection; in order, and once.
#[tokio::test(start_paused = true)]
async fn every_message_has_one_fate() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut config = Config::default();
        config.high_water = 1 + random.below(5000);
        let room = 1 + random.below(3000);
        let (client, mut network) = Network::with_room(room, &config, |_| Answer::Accept);
        let messages = 1 + random.below(30);
        let mut client = client.config(settings(|config| config.max_kept_messages = messages));
        let (mut arrived, mut doubtful) = (Vec::new(), Vec::new());
        let serving = async {
            loop {
                let mut server = network.server().await;
                let lasts = random.below(40);
                for _ in 0..lasts {
                    let Ok(Some(message)) = server.recv().await else { break };
                    let Message::Text(message) = message else { continue };
                    if message == "the end" {
                        server.close(1000, "").await.unwrap();
                        return;
                    }
                    arrived.push(message.split(' ').next().unwrap().parse::<usize>().unwrap());
                }
            }
        };
        let handle = client.handle();
        let sending = async {
            let mut next = 0;
            loop {
                let message = match next {
                    200 => "the end".to_owned(),
                    _ => format!("{next} {}", "a".repeat(next * 7 % 900)),
                };
                tokio::select! {
                    biased;
                    event = client.event() => match event.unwrap() {
                        None => break,
                        Some(ReconnectEvent::Disconnected { in_doubt, .. }) => {
                            for message in in_doubt {
                                let message = message.as_text().unwrap().to_owned();
                                if message == "the end" {
                                    client.send(message).await.unwrap();
                                    continue;
                                }
                                doubtful.push(message.split(' ').next().unwrap().parse().unwrap());
                            }
                        }
                        Some(_) => {}
                    },
                    sent = handle.send(message), if next <= 200 => {
                        sent.unwrap();
                        next += 1;
                    }
                }
            }
        };
        in_time(async { tokio::join!(serving, sending) }).await;
        assert!(arrived.is_sorted_by(|a, b| a < b), "{seed}: {arrived:?}");
        assert!(doubtful.is_sorted_by(|a, b| a < b), "{seed}: {doubtful:?}");
        let mut all: Vec<usize> = [arrived, doubtful].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (0..200).collect::<Vec<_>>(), "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_comes_after_all_messages() {
    let (mut client, mut network) = Network::open();
    client.send("a").await.unwrap();
    connected(&mut client).await;
    let serving = async {
        let mut server = network.server().await;
        for expected in ["a", "b", "c"] {
            assert_eq!(received(&mut server).await, expected);
        }
        let close = server.recv().await.unwrap().unwrap();
        assert!(matches!(&close, Message::Close(Some(close)) if close.code == 4000), "{close:?}");
        assert_eq!(server.recv().await.unwrap(), None);
        std::future::pending().await
    };
    let closing = async {
        client.send("b").await.unwrap();
        client.send("c").await.unwrap();
        let undelivered = client.close(4000, "bye").await.unwrap();
        // The peer has answered the close frame, so it has what came before.
        assert!(undelivered.is_empty(), "{undelivered:?}");
        assert!(matches!(client.send("d").await, Err(ReconnectError::Ended)));
        assert_eq!(client.recv().await.unwrap(), None);
    };
    beside(closing, serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_answered_leaves_doubt() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let _server = network.server().await;
    client.send("a").await.unwrap();
    let start = tokio::time::Instant::now();
    let undelivered = in_time(client.close(1000, "")).await.unwrap();
    assert_eq!(undelivered.in_doubt, texts(&["a"]));
    assert_eq!(start.elapsed(), secs(5));
}

/// The peer's own close frame is no answer to one.
#[tokio::test(start_paused = true)]
async fn a_close_by_the_peer_leaves_doubt() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    client.send("a").await.unwrap();
    in_time(async {
        let closing = server.close(1000, "");
        let (closed, ended) = tokio::join!(closing, async { client.recv().await });
        closed.unwrap();
        assert_eq!(ended.unwrap(), None);
    })
    .await;
    assert_eq!(client.take_undelivered().in_doubt, texts(&["a"]));
    assert!(client.take_undelivered().is_empty());
}

/// Both close at the same time: the peer's code is not ours, so it may not have read what came before.
#[tokio::test(start_paused = true)]
async fn close_frames_that_cross_leave_doubt() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    client.send("a").await.unwrap();
    let crossing = async {
        server.close(1001, "").await.unwrap();
        std::future::pending().await
    };
    let undelivered = beside(client.close(1000, ""), crossing).await.unwrap();
    assert_eq!(undelivered.in_doubt, texts(&["a"]));
}

/// The peer has closed already, with a code that is an error otherwise: this side wanted the end, too.
#[tokio::test(start_paused = true)]
async fn a_close_after_the_peers_is_no_error() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    let close = bowstring::CloseFrame::new(1008, "").unwrap();
    server.send(Message::Close(Some(close))).await.unwrap();
    not_yet(client.recv());
    client.handle().close(1000, "").unwrap();
    not_yet(client.recv());
    drop(server);
    assert_eq!(in_time(client.recv()).await.unwrap(), None);
    assert_eq!(network.attempted(), [0]);
}

/// A close frame that is sent closes for good.
#[tokio::test(start_paused = true)]
async fn a_close_frame_among_the_messages_is_the_end() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    client.send(Message::Close(None)).await.unwrap();
    let serving = async {
        let mut server = network.server().await;
        assert!(server.recv().await.unwrap().unwrap().is_close());
        assert_eq!(server.recv().await.unwrap(), None);
        std::future::pending().await
    };
    assert_eq!(beside(client.recv(), serving).await.unwrap(), None);
    assert_eq!(network.attempted(), [0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_legal_is_not_taken() {
    let (mut client, mut network) = Network::open();
    let ping = Message::Ping(vec![0; 126].into());
    let sent = client.send(ping).await;
    assert!(matches!(sent, Err(ReconnectError::Misuse(Misuse::LongControl { len: 126 }))));
    let close = bowstring::CloseFrame { code: 1006.into(), reason: "".into() };
    let sent = client.try_send(Message::Close(Some(close)));
    assert!(matches!(sent, Err(ReconnectError::Misuse(Misuse::InvalidCloseCode(1006)))));
    assert_eq!(client.close(1006, "").await, Err(Misuse::InvalidCloseCode(1006)));
    connected(&mut client).await;
    client.send("good").await.unwrap();
    assert_eq!(received(&mut network.server().await).await, "good");
}

/// Pings and pongs of the application are for one connection.
#[tokio::test(start_paused = true)]
async fn pings_are_never_in_doubt() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let server = network.server().await;
    client.send(Message::Ping("?".into())).await.unwrap();
    client.send("a").await.unwrap();
    drop(server);
    assert_eq!(disconnected(&mut client).await.0, texts(&["a"]));
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_a_connection_and_for_the_transport() {
    let (mut client, mut network) = away_at_first(2);
    in_time(client.flush()).await.unwrap();
    client.send("a").await.unwrap();
    in_time(client.flush()).await.unwrap();
    assert_eq!(network.attempted(), [0, 1000, 3000]);
    assert_eq!(received(&mut network.server().await).await, "a");
    // After the end there is nothing to wait for.
    let (mut client, _network) = Network::new(|_| Answer::Silence);
    client.send("a").await.unwrap();
    client.handle().close(1000, "").unwrap();
    assert!(matches!(in_time(client.flush()).await, Err(ReconnectError::Ended)));
    advance(Duration::from_secs(1)).await;
    assert_eq!(client.take_undelivered().unsent, texts(&["a"]));
    client.flush().await.unwrap();
}

/// Nobody receives for long: the newest in doubt are kept, and no more than may be.
#[tokio::test(start_paused = true)]
async fn doubt_is_bounded() {
    let (client, mut network) = Network::open();
    let mut client = client.config(settings(|config| config.max_kept_messages = 3));
    for connection in 0..4 {
        for number in 0..2 {
            client.send(format!("{connection}.{number}")).await.unwrap();
        }
        // It connects and writes, and nobody receives.
        in_time(client.flush()).await.unwrap();
        drop(network.server().await);
        beside(sleep(secs(100)), async { drop(client.flush().await) }).await;
    }
    // The last end is told, and that there is a connection again.
    let (in_doubt, _) = disconnected(&mut client).await;
    assert_eq!(in_doubt, texts(&["2.1", "3.0", "3.1"]));
    connected(&mut client).await;
    assert_eq!(client.dropped(), 5);
}
