//! S41: fan-out, where nobody waits for a laggard.

use std::time::Duration;

use bowstring::net::{Overflow, Reader, masking_key};
use bowstring::proto::Role;
use bowstring::server::Topic;
use bowstring::{CloseCode, Config, Message, Prepared, WebSocket};
use tokio::io::DuplexStream;
use tokio::time::timeout;

type Client = WebSocket<DuplexStream>;

fn member(topic: &Topic<DuplexStream>, policy: Overflow) -> (Client, Subscribed) {
    let (one, other) = tokio::io::duplex(4096);
    let config = Config::default();
    let server = WebSocket::from_raw(one, Role::Server, [], &config);
    let (reader, writer) = server.split();
    let place = topic.subscribe_with(&writer, policy);
    let reading = tokio::spawn(drained(reader));
    let client = WebSocket::from_raw(other, Role::Client(masking_key), [], &config);
    (client, Subscribed { writer, place: Some(place), reading })
}

struct Subscribed {
    writer: bowstring::net::Writer<DuplexStream>,
    place: Option<bowstring::server::Subscription<DuplexStream>>,
    reading: tokio::task::JoinHandle<()>,
}

async fn drained(mut reader: Reader<DuplexStream>) {
    while let Ok(Some(_)) = reader.recv().await {}
}

async fn next(client: &mut Client) -> Option<Message> {
    timeout(Duration::from_secs(1), client.recv()).await.ok()?.unwrap()
}

#[tokio::test(start_paused = true)]
async fn everybody_hears_everything_in_order() {
    let topic = Topic::new();
    let mut members: Vec<_> = (0..50).map(|_| member(&topic, Overflow::DropNewest)).collect();
    for number in 0..20 {
        assert_eq!(topic.publish(&Prepared::text(&number.to_string())), 50);
    }
    for number in 20..40 {
        assert_eq!(topic.feed(&Prepared::text(&number.to_string())), 50);
    }
    topic.flush();
    for (client, _) in &mut members {
        for number in 0..40 {
            assert_eq!(next(client).await, Some(Message::text(number.to_string())));
        }
    }
    // Who has left hears no more; who is gone is dropped.
    members[0].1.place = None;
    assert_eq!(topic.len(), 49);
    members[1].0.close(1000, "").await.unwrap();
    (&mut members[1].1.reading).await.unwrap();
    assert_eq!(topic.publish(&Prepared::text("last")), 48);
    assert_eq!(next(&mut members[0].0).await, None);
    assert_eq!(next(&mut members[2].0).await, Some("last".into()));
    drop(members);
    assert!(topic.is_empty());
}

#[tokio::test(start_paused = true)]
async fn s41_nobody_waits_for_a_laggard() {
    let topic = Topic::new();
    let (mut stalled, stalled_side) = member(&topic, Overflow::DropNewest);
    let (mut prices, prices_side) = member(&topic, Overflow::DropOldest);
    let (mut strict, _strict_side) = member(&topic, Overflow::Close(CloseCode::POLICY_VIOLATION));
    let mut others: Vec<_> = (0..20).map(|_| member(&topic, Overflow::Wait)).collect();
    let data = vec![7; 1000];
    for number in 0..1000_u32 {
        let mut data = data.clone();
        data[..4].copy_from_slice(&number.to_be_bytes());
        topic.publish(&Prepared::binary(&data));
        for (client, _) in &mut others {
            assert_eq!(next(client).await.unwrap().as_bytes()[..4], number.to_be_bytes());
        }
    }
    // What the stalled hold is bounded, and what each gets is what its policy says.
    let bound = (64 << 10) + 2000;
    assert!(stalled_side.writer.buffered() <= bound, "{}", stalled_side.writer.buffered());
    assert!(prices_side.writer.buffered() <= 2 * bound, "{}", prices_side.writer.buffered());
    assert_eq!(topic.len(), 22, "the strict one was let go");
    let mut numbers = Vec::new();
    while let Some(message) = next(&mut stalled).await {
        numbers.push(u32::from_be_bytes(message.as_bytes()[..4].try_into().unwrap()));
    }
    assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
    assert_eq!(numbers.len() as u64 + stalled_side.writer.dropped(), 1000);
    let mut last = None;
    while let Some(message) = next(&mut prices).await {
        last = Some(u32::from_be_bytes(message.as_bytes()[..4].try_into().unwrap()));
    }
    assert_eq!(last, Some(999), "the newest is there");
    let code = loop {
        match next(&mut strict).await.unwrap() {
            Message::Close(close) => break close.unwrap().code,
            _ => continue,
        }
    };
    assert_eq!(code, CloseCode::POLICY_VIOLATION);
}

/// A message under way in parts cannot be interrupted (§5.4): what is published meanwhile waits behind it,
/// and goes out with its end, though nobody flushes.
#[tokio::test(start_paused = true)]
async fn what_is_published_amid_a_message_in_parts_waits_behind_it() {
    let close = Overflow::Close(CloseCode::POLICY_VIOLATION);
    for policy in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest, close] {
        let topic = Topic::new();
        let (mut client, side) = member(&topic, policy);
        tokio::task::yield_now().await;
        side.writer.feed_part("in ", false).await.unwrap();
        side.writer.flush().await.unwrap();
        assert_eq!(topic.publish(&Prepared::text("one")), 1);
        assert_eq!(topic.feed(&Prepared::text("two")), 1);
        side.writer.feed_part(&*"many ".repeat(10_000), false).await.unwrap();
        assert_eq!(topic.publish(&Prepared::text("three")), 1);
        topic.flush();
        assert!(next(&mut client).await.is_none(), "they wait");
        side.writer.feed_part("parts", true).await.unwrap();
        assert_eq!(topic.publish(&Prepared::text("four")), 1);
        let first = next(&mut client).await.unwrap();
        assert!(first.as_text().unwrap().ends_with("many parts"));
        for expected in ["one", "two", "three", "four"] {
            assert_eq!(next(&mut client).await, Some(expected.into()), "{policy:?}");
        }
        assert_eq!((side.writer.dropped(), side.writer.buffered()), (0, 0));
    }
}

/// Nobody need say anything more for them to go out.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_message_in_parts_writes_what_waited() {
    let topic = Topic::new();
    let (mut client, side) = member(&topic, Overflow::DropNewest);
    tokio::task::yield_now().await;
    side.writer.feed_part("in ", false).await.unwrap();
    topic.publish(&Prepared::text("published"));
    side.writer.feed_part("parts", true).await.unwrap();
    assert_eq!(next(&mut client).await, Some("in parts".into()));
    assert_eq!(next(&mut client).await, Some("published".into()));
    // And what the writer says next comes behind it.
    side.writer.feed_part("in ", false).await.unwrap();
    topic.publish(&Prepared::text("published"));
    side.writer.feed_part("parts", true).await.unwrap();
    side.writer.send("next").await.unwrap();
    for expected in ["in parts", "published", "next"] {
        assert_eq!(next(&mut client).await, Some(expected.into()));
    }
}

/// What only waits to be written with more is no sign of a slow peer.
#[tokio::test(start_paused = true)]
async fn a_large_part_that_nobody_has_written_yet_is_no_want_of_room() {
    for policy in [Overflow::DropNewest, Overflow::Close(CloseCode::TRY_AGAIN_LATER)] {
        let (one, other) = tokio::io::duplex(1 << 20);
        let (reader, writer) =
            WebSocket::from_raw(one, Role::Server, [], &Config::default()).split();
        tokio::spawn(drained(reader));
        let topic = Topic::new();
        let _place = topic.subscribe_with(&writer, policy);
        writer.feed_part(&[7; 70_000], false).await.unwrap();
        assert_eq!(topic.publish(&Prepared::text("news")), 1);
        assert_eq!(writer.dropped(), 0);
        writer.feed_part(b"", true).await.unwrap();
        let config = Config::default();
        let mut client = WebSocket::from_raw(other, Role::Client(masking_key), [], &config);
        assert_eq!(next(&mut client).await.unwrap().as_bytes().len(), 70_000);
        assert_eq!(next(&mut client).await, Some("news".into()));
    }
}

/// A message in parts that takes its time makes no more wait than a peer that takes its time.
#[tokio::test(start_paused = true)]
async fn s41_what_waits_behind_a_message_in_parts_is_bounded() {
    fn number(message: &Message) -> u32 {
        u32::from_be_bytes(message.as_bytes()[..4].try_into().unwrap())
    }
    let rounds = 1000;
    // Where it stalls, the peer takes nothing either.
    for stalled in [false, true] {
        for (policy, len) in [
            (Overflow::DropNewest, 1000),
            (Overflow::DropOldest, 1000),
            (Overflow::Close(CloseCode::TRY_AGAIN_LATER), 1000),
            (Overflow::DropNewest, 4),
            (Overflow::DropOldest, 4),
        ] {
            let topic = Topic::new();
            let (mut client, side) = member(&topic, policy);
            side.writer.feed_part(b"in ", false).await.unwrap();
            if stalled {
                side.writer.feed_part(&[7; 100_000], false).await.unwrap();
            }
            let mut heard = 0;
            for number in 0..rounds {
                let mut data = vec![0; len];
                data[..4].copy_from_slice(&u32::to_be_bytes(number));
                heard += topic.publish(&Prepared::binary(&data)) as u32;
            }
            let framed = if stalled { 100_010 } else { 0 };
            let most = framed + (64 << 10) + 1100;
            assert!(side.writer.buffered() <= most, "{policy:?}: {}", side.writer.buffered());
            if let Overflow::Close(code) = policy {
                assert!(heard < 100 && topic.is_empty(), "it was let go");
                let Message::Close(Some(close)) = next(&mut client).await.unwrap() else {
                    panic!("{policy:?}")
                };
                assert_eq!(close.code, code);
                assert_eq!(side.writer.dropped(), u64::from(heard), "they cannot be said any more");
                continue;
            }
            assert_eq!(heard, rounds);
            let (ended, first) =
                tokio::join!(side.writer.feed_part(b"parts", true), next(&mut client));
            ended.unwrap();
            assert!(first.unwrap().as_bytes().ends_with(b"parts"));
            let mut numbers = Vec::new();
            while let Some(message) = next(&mut client).await {
                numbers.push(number(&message));
            }
            assert_eq!(numbers.len() as u64 + side.writer.dropped(), u64::from(rounds));
            assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
            if policy == Overflow::DropOldest {
                assert_eq!(numbers.last(), Some(&(rounds - 1)));
                assert!(numbers.len() > 50);
            } else {
                assert_eq!(numbers.is_empty(), stalled, "{numbers:?}");
                assert!(stalled || numbers[0] == 0 && numbers.len() > 50);
            }
        }
    }
}

/// A connection that is closed amid a message takes with it what waited behind that.
#[tokio::test(start_paused = true)]
async fn what_waited_behind_a_message_that_is_given_up_is_dropped() {
    let topic = Topic::new();
    let (mut client, side) = member(&topic, Overflow::DropNewest);
    let streaming = side.writer.clone();
    streaming.feed_part("in ", false).await.unwrap();
    assert_eq!(topic.publish(&Prepared::text("published")), 1);
    drop(streaming);
    assert_eq!(topic.publish(&Prepared::text("published")), 0);
    let Some(Message::Close(Some(close))) = next(&mut client).await else { panic!() };
    assert_eq!(close.code, CloseCode::INTERNAL_ERROR);
    assert_eq!((side.writer.dropped(), side.writer.buffered()), (1, 0));
}
