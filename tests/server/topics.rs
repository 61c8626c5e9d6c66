//! S41: fan-out, where nobody waits for a laggard.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bowstring::handshake::{Agreed, DeflateParams};
use bowstring::net::{Memory, Overflow, Reader, Split, Writer, masking_key};
use bowstring::proto::Role;
use bowstring::server::Topic;
use bowstring::{CloseCode, Config, Message, Prepared, WebSocket};
use bowstring_testing::random::Random;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
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

/// What is called once, within a write.
type DuringWrite = Box<dyn FnOnce() + Send>;

/// A transport that takes everything, and counts the writes.
#[derive(Clone, Default)]
struct Counting {
    during_write: Arc<Mutex<Option<DuringWrite>>>,
    writes: Arc<AtomicUsize>,
    taken: Arc<Mutex<Vec<u8>>>,
    stalled: Arc<AtomicBool>,
}

impl AsyncRead for Counting {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.stalled.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let during_write = self.during_write.lock().unwrap().take();
        if let Some(during_write) = during_write {
            during_write();
        }
        self.taken.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Split for Counting {
    type Read = Self;
    type Write = Self;

    fn split(self) -> (Self, Self) {
        (self.clone(), self)
    }
}

impl Counting {
    fn writes(&self) -> usize {
        self.writes.swap(0, Ordering::Relaxed)
    }

    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }
}

fn counted(policy: Overflow, agreed: Agreed) -> (Counting, Writer<Counting>) {
    let transport = Counting::default();
    let mut config = Config::default();
    config.overflow = policy;
    if let Some(deflate) = &mut config.deflate {
        deflate.memory = Memory::Window(15);
    }
    let ws = WebSocket::from_agreed(transport.clone(), Role::Server, [], agreed, &config);
    (transport, ws.split().1)
}

/// Many messages of a turn of the loop are one write; and no write is made under the topic's lock.
#[tokio::test(start_paused = true)]
async fn what_is_published_in_one_turn_is_one_write() {
    let topic = Topic::<Counting>::new();
    let members: Vec<_> =
        (0..100).map(|_| counted(Overflow::DropNewest, Agreed::default())).collect();
    let _places: Vec<_> = members.iter().map(|(_, writer)| topic.subscribe(writer)).collect();
    for _ in 0..3 {
        for _ in 0..10 {
            assert_eq!(topic.publish(&Prepared::text("news")), 100);
        }
        assert!(members.iter().all(|(transport, _)| transport.writes() == 0));
        while members.iter().any(|(_, writer)| writer.buffered() > 0) {
            tokio::task::yield_now().await;
        }
        for (transport, _) in &members {
            assert_eq!((transport.writes(), transport.taken().len()), (1, 60));
        }
    }
    // The task that flushed has ended.
    tokio::task::yield_now().await;
    topic.feed(&Prepared::text("fed"));
    tokio::task::yield_now().await;
    assert_eq!(members[0].0.writes(), 0, "what is fed waits for the next flush");
    topic.flush();
    assert_eq!(members[0].0.writes(), 1);
}

/// Outside of a runtime there is no turn to wait for.
#[test]
fn what_is_published_outside_of_a_runtime_is_written_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let topic = Topic::<Counting>::new();
    let (transport, writer) =
        runtime.block_on(async { counted(Overflow::Wait, Agreed::default()) });
    let _place = topic.subscribe(&writer);
    topic.publish(&Prepared::text("news"));
    assert_eq!(transport.taken().len(), 6);
    // Nor is it lost where the runtime ends before it has its turn.
    let inside = topic.clone();
    runtime.block_on(async move { inside.publish(&Prepared::text("news")) });
    drop(runtime);
    assert_eq!(transport.taken().len(), 6);
    topic.publish(&Prepared::text("news"));
    assert_eq!(transport.taken().len(), 6);
}

/// Runs this in a runtime of its own on a thread of its own, and leaves it to what was spawned.
fn elsewhere(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            work();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        });
    });
    thread.join().unwrap();
}

/// A handler that publishes and then blocks its thread is no reason for the others to wait.
#[test]
fn a_thread_that_publishes_and_blocks_holds_up_no_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let topic = Topic::<Counting>::new();
    let (transport, writer) =
        runtime.block_on(async { counted(Overflow::Wait, Agreed::default()) });
    let _place = topic.subscribe(&writer);
    // This runtime has no turn after that.
    runtime.block_on(async { topic.publish(&Prepared::text("one")) });
    assert_eq!(transport.taken().len(), 0);
    let publishing = topic.clone();
    elsewhere(move || assert_eq!(publishing.publish(&Prepared::text("two")), 1));
    assert_eq!(transport.taken().len(), 10);
    // Nor does it matter for those who have no runtime.
    runtime.block_on(async { topic.publish(&Prepared::text("one")) });
    topic.publish(&Prepared::text("two"));
    assert_eq!(transport.taken().len(), 10);
    // It is served again when it goes on.
    runtime.block_on(async {
        topic.publish(&Prepared::text("one"));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(transport.taken().len(), 5);
}

/// What is published while another thread writes, after its turn has come, is written too.
#[test]
fn what_is_published_while_another_thread_flushes_is_not_left() {
    // The first thread is outside of a runtime, or its runtime ends with the flush still to come.
    for outside in [true, false] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let topic = Topic::<Counting>::new();
        let [first, second] = runtime
            .block_on(async { [(); 2].map(|()| counted(Overflow::Wait, Agreed::default())) });
        let place = topic.subscribe(&first.1);
        let other = Arc::new(topic.subscribe(&second.1));
        let (publishing, except) = (topic.clone(), Arc::clone(&other));
        *second.0.during_write.lock().unwrap() = Some(Box::new(move || {
            elsewhere(move || {
                assert_eq!(publishing.publish_except(&except, &Prepared::text("late")), 1);
            });
        }));
        if outside {
            assert_eq!(topic.publish(&Prepared::text("one")), 2);
            drop(runtime);
        } else {
            runtime.block_on(async { topic.publish(&Prepared::text("one")) });
            drop(runtime);
        }
        assert!(second.0.during_write.lock().unwrap().is_none(), "it was written");
        assert_eq!(first.0.taken().len(), 11, "outside of a runtime: {outside}");
        drop((place, other));
    }
}

/// What waits because nobody had a turn to write it is no sign of a slow peer.
#[tokio::test(start_paused = true)]
async fn a_loop_that_publishes_without_a_pause_makes_no_good_member_look_slow() {
    let topic = Topic::<Counting>::new();
    let close = Overflow::Close(CloseCode::POLICY_VIOLATION);
    let members = [close, Overflow::DropNewest, Overflow::DropOldest]
        .map(|policy| counted(policy, Agreed::default()));
    let _places = members.each_ref().map(|(_, writer)| topic.subscribe(writer));
    for _ in 0..1000 {
        assert_eq!(topic.publish(&Prepared::binary(&[7; 1000])), 3);
    }
    for (transport, writer) in &members {
        assert_eq!(writer.dropped(), 0);
        let writes = transport.writes();
        assert!((20..40).contains(&writes), "{writes} writes of half of what may wait");
    }
}

/// Who said it need not hear it; and who is there can be asked.
#[tokio::test(start_paused = true)]
async fn a_topic_knows_who_subscribes_and_can_leave_one_out() {
    let topic: Topic<Counting, String> = Topic::default();
    let members = ["ada", "bob", "cyd"].map(|name| {
        let (transport, writer) = counted(Overflow::Wait, Agreed::default());
        let place = topic.subscribe_as(&writer, name.to_owned());
        (transport, writer, place)
    });
    assert_eq!(topic.subscribers(), ["ada", "bob", "cyd"]);
    assert_eq!(topic.publish_except(&members[1].2, &Prepared::text("from bob")), 2);
    topic.flush();
    assert_eq!(members.each_ref().map(|(transport, ..)| transport.taken().len()), [10, 0, 10]);
    let [ada, bob, cyd] = members;
    drop(bob.2);
    assert_eq!(topic.subscribers(), ["ada", "cyd"]);
    // A place in another topic leaves out nobody.
    let other: Topic<Counting, String> = Topic::default();
    let elsewhere = other.subscribe_as(&ada.1, String::new());
    assert_eq!(topic.publish_except(&elsewhere, &Prepared::text("to all")), 2);
    drop((ada, cyd));
}

fn windows() -> Agreed {
    let mut agreed = Agreed::default();
    agreed.deflate = Some(DeflateParams {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    });
    agreed
}

/// Text that compresses, but not to nothing.
fn prose(len: usize, seed: usize) -> String {
    (0..len).map(|at| char::from(b'a' + (at * at / 7 % 26 + seed) as u8 % 26)).collect()
}

/// What goes to many and is long goes compressed once, the same for all, whatever each has heard before.
/// And nothing that is said afterwards refers to what the peer does not know.
#[tokio::test(start_paused = true)]
async fn a_long_message_is_compressed_once_for_all() {
    const MEMBERS: usize = 20;
    for memory in [Memory::Window(15), Memory::Full] {
        let topic = Topic::<Counting>::new();
        let mut config = Config::default();
        if let Some(deflate) = &mut config.deflate {
            deflate.memory = memory;
        }
        let members: Vec<_> = (0..MEMBERS)
            .map(|_| {
                let transport = Counting::default();
                let (role, agreed) = (Role::Server, windows());
                let ws = WebSocket::from_agreed(transport.clone(), role, [], agreed, &config);
                let writer = ws.split().1;
                let place = topic.subscribe(&writer);
                (transport, writer, place)
            })
            .collect();
        let mut said = vec![Vec::new(); MEMBERS];
        let mut frames = Vec::new();
        let long = prose(100_000, 3);
        for round in 0..3 {
            for (number, (_, writer, _)) in members.iter().enumerate() {
                let own = prose(1000, round * 31 + number);
                writer.send(&own).await.unwrap();
                said[number].push(own);
            }
            let before: Vec<_> = members.iter().map(|(transport, ..)| transport.taken()).collect();
            topic.publish(&Prepared::text(&long));
            topic.flush();
            let after: Vec<_> = members.iter().map(|(transport, ..)| transport.taken()).collect();
            assert!(after[0].len() < long.len() / 2, "it is compressed");
            assert!(after.iter().all(|bytes| *bytes == after[0]), "it is the same for all");
            said.iter_mut().for_each(|said| said.push(long.clone()));
            frames.push((before, after));
        }
        for (number, said) in said.into_iter().enumerate() {
            let (near, mut far) = tokio::io::duplex(1 << 20);
            let role = Role::Client(masking_key);
            let mut client = WebSocket::from_agreed(near, role, [], windows(), &config);
            for (before, after) in &frames {
                far.write_all(&before[number]).await.unwrap();
                far.write_all(&after[number]).await.unwrap();
            }
            for said in said {
                assert_eq!(client.recv().await.unwrap(), Some(Message::from(said)));
            }
        }
    }
}

/// Short messages are worth their context: they go compressed for each.
#[tokio::test(start_paused = true)]
async fn a_short_message_to_few_refers_to_what_was_said_before() {
    let topic = Topic::<Counting>::new();
    let (transport, writer) = counted(Overflow::Wait, windows());
    let _place = topic.subscribe(&writer);
    let mut lengths = Vec::new();
    for _ in 0..2 {
        topic.publish(&Prepared::text(&prose(1000, 3)));
        topic.flush();
        lengths.push(transport.taken().len());
    }
    assert!(lengths[1] < lengths[0] / 4, "{lengths:?}");
}

/// Whose message is dropped anyway costs no compressor.
#[tokio::test(start_paused = true)]
async fn a_laggard_is_judged_before_anything_is_compressed() {
    let close = Overflow::Close(CloseCode::POLICY_VIOLATION);
    for policy in [Overflow::DropNewest, Overflow::DropOldest, close] {
        let topic = Topic::<Counting>::new();
        let (transport, writer) = counted(policy, windows());
        let _place = topic.subscribe(&writer);
        transport.stalled.store(true, Ordering::Relaxed);
        writer.feed(Random::new(1).bytes(100_000)).await.unwrap();
        let before = writer.ratio();
        topic.publish(&Prepared::text(&prose(1 << 20, 3)));
        assert_eq!(writer.ratio(), before, "{policy:?}");
        assert_eq!(writer.dropped(), u64::from(policy == Overflow::DropNewest));
    }
}
