//! Two tasks and more: floods in both directions, many writers, who writes what, and the end.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowstring::net::{Locked, Reader, Split, Writer, masking_key};
use bowstring::proto::{Expired, Misuse, Role};
use bowstring::{Config, Error, Event, Message, Prepared, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::time::Instant;

use crate::support::*;

fn pair(pipe: usize, config: &Config) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (a, b) = tokio::io::duplex(pipe);
    let server = WebSocket::from_raw(a, Role::Server, [], config);
    (server, WebSocket::from_raw(b, Role::Client(masking_key), [], config))
}

async fn flood(writer: Writer<DuplexStream>, seed: u64, count: u32) {
    let mut random = Random::new(seed);
    for n in 0..count {
        let mut data = n.to_be_bytes().to_vec();
        let len = random.below(300);
        data.extend(random.bytes(len));
        match random.below(4) {
            0 => writer.feed(&data).await.unwrap(),
            1 => {
                writer.feed_part(&data[..4], false).await.unwrap();
                writer.send(Event::Ping(b"within")).await.unwrap();
                writer.feed_part(&data[4..], true).await.unwrap();
            }
            _ => writer.send(&data).await.unwrap(),
        }
        writer.feed(Event::Ping(&data[..4])).await.unwrap();
    }
    writer.flush().await.unwrap();
}

async fn receive(reader: &mut Reader<DuplexStream>, seed: u64, count: u32) -> usize {
    let mut random = Random::new(seed);
    let (mut n, mut pongs) = (0u32, 0);
    while n < count {
        match reader.recv().await.unwrap().unwrap() {
            Message::Binary(data) => {
                let len = random.below(300);
                assert_eq!(data[..4], n.to_be_bytes());
                assert!(data[4..] == random.bytes(len), "{n}");
                random.below(4);
                n += 1;
            }
            Message::Pong(_) => pongs += 1,
            Message::Ping(_) => {}
            message => panic!("{message:?}"),
        }
    }
    pongs
}

#[tokio::test(start_paused = true)]
async fn two_peers_flood_each_other_through_a_narrow_pipe() {
    for pipe in [1, 64, 5000] {
        let mut config = Config::default();
        config.high_water = 500;
        config.report_pings = true;
        let (a, b) = pair(pipe, &config);
        let ((mut ar, aw), (mut br, bw)) = (a.split(), b.split());
        let count = if pipe == 1 { 100 } else { 500 };
        let tasks = [tokio::spawn(flood(aw, 1, count)), tokio::spawn(flood(bw, 2, count))];
        let (a, b) =
            in_time(async { tokio::join!(receive(&mut ar, 2, count), receive(&mut br, 1, count)) })
                .await;
        assert!(a > 0 && b > 0, "pings were answered meanwhile");
        for task in tasks {
            // The pongs still have to get through.
            let mut task = pin!(task);
            let reading = async { while ar.recv().await.is_ok() {} };
            let other = async { while br.recv().await.is_ok() {} };
            tokio::select! {
                done = &mut task => done.unwrap(),
                () = in_time(reading) => {}
                () = in_time(other) => {}
            }
        }
    }
}

/// The same with real threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_on_two_threads() {
    let mut config = Config::default();
    config.high_water = 500;
    config.report_pings = true;
    let (a, b) = pair(200, &config);
    let ((mut ar, aw), (mut br, bw)) = (a.split(), b.split());
    let count = 2000;
    let one = tokio::spawn(flood(aw, 1, count));
    let two = tokio::spawn(flood(bw, 2, count));
    let three = tokio::spawn(async move {
        receive(&mut ar, 2, count).await;
        while ar.recv().await.is_ok_and(|message| message.is_some()) {}
    });
    let four = tokio::spawn(async move {
        receive(&mut br, 1, count).await;
        while br.recv().await.is_ok_and(|message| message.is_some()) {}
    });
    one.await.unwrap();
    two.await.unwrap();
    three.abort();
    four.abort();
}

#[tokio::test(start_paused = true)]
async fn many_writers_and_every_message_whole() {
    let mut config = quiet();
    config.high_water = 1000;
    let (a, b) = pair(100, &config);
    let (_reader, writer) = a.split();
    for id in 0..10u8 {
        let mut writer = writer.clone();
        tokio::spawn(async move {
            for n in 0..50u8 {
                let data = vec![id; 2 + usize::from(n) * 7];
                match n % 3 {
                    0 => writer.send(data).await.unwrap(),
                    1 => writer.feed(data).await.unwrap(),
                    _ => SinkExt::send(&mut writer, Message::from(data)).await.unwrap(),
                }
            }
            writer.flush().await.unwrap();
        });
    }
    let mut next = [0usize; 10];
    let (mut b, _) = b.split();
    for _ in 0..500 {
        let message = in_time(b.recv()).await.unwrap().unwrap();
        let data = message.as_bytes();
        let id = data[0];
        assert!(data.iter().all(|byte| *byte == id));
        assert_eq!(data.len(), 2 + next[usize::from(id)] * 7, "in the order of each writer");
        next[usize::from(id)] += 1;
    }
}

/// Writers that are dropped while they wait neither keep others from being woken nor lose anything.
#[tokio::test(start_paused = true)]
async fn a_writer_that_gives_up_waiting_does_not_hold_up_the_others() {
    let (ws, peer) = server(&quiet());
    let (_reader, writer) = ws.split();
    peer.room(3);
    for _ in 0..10 {
        let writer = writer.clone();
        let impatient = async move { writer.send("impatient").await };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), impatient).await;
    }
    let patient = tokio::spawn(async move { writer.send("patient").await });
    tokio::task::yield_now().await;
    peer.room(usize::MAX);
    in_time(patient).await.unwrap().unwrap();
    assert_eq!(peer.frames().len(), 11);
}

#[tokio::test]
async fn a_prepared_message_through_every_door() {
    let (mut server, mut client) = pair(1 << 16, &Config::default());
    let news = Prepared::text("news");
    server.feed(&news).await.unwrap();
    server.send(&news).await.unwrap();
    client.send("?").await.unwrap();
    {
        let (mut events, mut outgoing) = server.batch().await.unwrap().unwrap();
        while events.next().is_some() {
            outgoing.feed(&news).unwrap();
        }
    }
    server.flush().await.unwrap();
    let (_reader, writer) = server.split();
    writer.feed(&news).await.unwrap();
    writer.send(news.clone()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(client.recv().await.unwrap().as_ref(), Some(news.message()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_writer_feeds_goes_out_when_the_reader_next_waits() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    now(writer.feed("fed")).unwrap();
    now(writer.feed_part("in parts", true)).unwrap();
    assert_eq!(peer.taken(), b"");
    not_yet(reader.recv());
    assert_eq!(peer.frames().len(), 2);
    assert_eq!(peer.writes().len(), 1);
    // A batch and its answers are one write, too.
    for n in 0..20 {
        peer.send(said(TEXT, n.to_string()));
    }
    let mut events = now(reader.batch()).unwrap().unwrap();
    while let Some(event) = events.next() {
        now(writer.feed(event)).unwrap();
    }
    drop(events);
    not_yet(reader.batch());
    assert_eq!(peer.frames().len(), 20);
    assert_eq!(peer.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_fed_before_the_split_is_not_forgotten() {
    let (mut ws, peer) = server(&quiet());
    peer.send([said(TEXT, "a"), said(PING, "p"), said(TEXT, "b")].concat());
    assert_eq!(now(ws.recv()).unwrap(), Some(Message::text("a")));
    now(ws.feed("fed")).unwrap();
    let (mut reader, writer) = ws.split();
    assert_eq!(now(reader.recv()).unwrap(), Some(Message::text("b")));
    not_yet(reader.recv());
    let opcodes: Vec<_> = peer.frames().iter().map(|frame| frame.opcode).collect();
    assert_eq!(opcodes, [TEXT, PONG]);
    drop(writer);
}

#[tokio::test(start_paused = true)]
async fn the_reader_writes_what_was_fed_before_the_split() {
    let (mut ws, peer) = server(&quiet());
    now(ws.feed("fed")).unwrap();
    let (mut reader, _writer) = ws.split();
    not_yet(reader.recv());
    assert_eq!(peer.frames().len(), 1);
}

/// A transport owes a wake-up to whoever asked last; once that one got through, the others are ours
/// to wake.
#[tokio::test(start_paused = true)]
async fn who_finds_room_wakes_the_others() {
    let (ws, peer) = server(&quiet());
    peer.room(0);
    let (_reader, writer) = ws.split();
    let other = writer.clone();
    let waiting = tokio::spawn(async move { other.send("waits").await });
    tokio::task::yield_now().await;
    peer.room_unnoticed(usize::MAX);
    now(writer.send("finds room")).unwrap();
    in_time(waiting).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_readers_end_wakes_writers_that_wait() {
    for end in ["lost", "reset", "violation", "closed"] {
        let mut config = quiet();
        config.high_water = 10;
        let (ws, peer) = server(&config);
        peer.room(0);
        let (mut reader, writer) = ws.split();
        writer.feed([0; 100]).await.unwrap();
        let other = writer.clone();
        let sending = tokio::spawn(async move { other.send("x").await });
        let other = writer.clone();
        let flushing = tokio::spawn(async move { other.flush().await });
        tokio::task::yield_now().await;
        match end {
            "lost" => peer.end(),
            "reset" => peer.reset(),
            "violation" => peer.send([0xFF, 0]),
            _ => peer.send(said(CLOSE, "")),
        }
        let reading = async {
            loop {
                match reader.recv().await {
                    Ok(Some(message)) => assert!(message.is_close()),
                    end => break end,
                }
            }
        };
        assert_eq!(in_time(reading).await.is_ok(), end == "closed");
        // A violation is told before TCP has ended.
        assert_eq!(in_time(reader.recv()).await.unwrap(), None);
        let sent = in_time(sending).await.unwrap().unwrap_err();
        assert!(matches!(sent, Error::Closed(_) | Error::Misuse(Misuse::Closed)), "{end}: {sent}");
        assert!(matches!(in_time(flushing).await.unwrap(), Err(Error::Closed(_))), "{end}");
        assert!(matches!(writer.feed("x").await, Err(Error::Closed(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_closes_and_the_reader_ends() {
    let (ws, peer) = client(&Config::default());
    let (mut reader, mut writer) = ws.split();
    let mut reading = pin!(async {
        let mut got = Vec::new();
        while let Some(message) = reader.recv().await.unwrap() {
            got.push(message);
        }
        got
    });
    assert!(poll(reading.as_mut()).is_pending());
    assert!(matches!(now(writer.close(999, "")), Err(Error::Misuse(_))));
    now(writer.close(1001, "bye")).unwrap();
    now(SinkExt::<Message>::close(&mut writer)).unwrap();
    now(writer.close(1000, "again")).unwrap();
    assert!(matches!(now(writer.send("late")), Err(Error::Misuse(Misuse::Closed))));
    assert_eq!(peer.frames().len(), 1);
    peer.send([told(TEXT, "late"), told(CLOSE, close_payload(1001, ""))].concat());
    assert!(poll(reading.as_mut()).is_pending());
    peer.end();
    let Poll::Ready(got) = poll(reading.as_mut()) else { panic!("not ready") };
    assert!(got[0].is_text() && got[1].is_close() && got.len() == 2);
}

#[tokio::test(start_paused = true)]
async fn halves_can_be_dropped_in_any_order() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    drop(writer);
    peer.send([said(PING, "p"), said(TEXT, "a")].concat());
    assert_eq!(now(reader.recv()).unwrap(), Some(Message::text("a")));
    not_yet(reader.recv());
    assert_eq!(peer.frames().len(), 1, "the reader answers pings by itself");
    drop(reader);
    assert!(peer.is_alone());

    let (ws, peer) = server(&quiet());
    let (reader, writer) = ws.split();
    drop(reader);
    now(writer.send("still")).unwrap();
    now(writer.close(1000, "")).unwrap();
    assert_eq!(peer.frames().len(), 2);
    drop(writer);
    assert!(peer.is_alone());
}

/// A transport that takes nothing, and remembers who waits for it, as a real one does.
struct Stuck {
    _alive: Arc<()>,
    waiting: Option<Waker>,
}

impl AsyncRead for Stuck {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Split for Stuck {
    type Read = tokio::io::Empty;
    type Write = Self;

    fn split(self) -> (tokio::io::Empty, Self) {
        (tokio::io::empty(), self)
    }
}

/// A transport that waits for room does not keep itself alive.
#[tokio::test]
async fn halves_dropped_while_a_write_waits_let_go_of_the_transport() {
    let alive = Arc::new(());
    let stuck = Stuck { _alive: Arc::clone(&alive), waiting: None };
    let (reader, writer) = WebSocket::from_raw(stuck, Role::Server, [], &Config::default()).split();
    not_yet(writer.send("never taken"));
    drop((reader, writer));
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// Where the reader's task waits for the writer's, nobody looks at the reader's clock.
#[tokio::test(start_paused = true)]
async fn a_writer_gives_up_a_peer_that_takes_nothing_though_the_reader_is_not_polled() {
    let (one, other) = duplex(1000);
    let server = WebSocket::from_raw(one, Role::Server, [], &Config::default());
    let (mut reader, writer) = server.split();
    let start = Instant::now();
    let error = loop {
        if let Err(error) = writer.send(&[0; 10_000]).await {
            break error;
        }
    };
    assert!(matches!(error, Error::Timeout(Expired::Write)), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 41, "20 s until a ping, 20 s for its answer, and a bit");
    assert!(matches!(writer.send("more").await, Err(Error::Closed(_))));
    // The reader learns what the writer did.
    let ended = reader.recv().await;
    assert!(matches!(ended, Err(Error::Timeout(Expired::Write))), "{ended:?}");
    assert_eq!(reader.recv().await.unwrap(), None);
    drop(other);
}

/// A peer that takes little is not given up.
#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_peer_that_takes_anything() {
    let (one, mut other) = duplex(1000);
    let server = WebSocket::from_raw(one, Role::Server, [], &Config::default());
    let (_reader, writer) = server.split();
    let reading = tokio::spawn(async move {
        let mut bytes = vec![0; 500];
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_secs(30)).await;
            other.read_exact(&mut bytes).await.unwrap();
        }
        other
    });
    writer.send(&[0; 20_000]).await.unwrap();
    reading.await.unwrap();
}

/// Nor one that is heard, though its kernel tells nothing of what it takes.
#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_a_peer_that_speaks() {
    let (server, peer) = server(&Config::default());
    peer.room(0);
    let (mut reader, writer) = server.split();
    tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
    let sent = tokio::spawn(async move { writer.send(&[0; 20_000]).await });
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        peer.send(said(TEXT, "here"));
    }
    peer.room(usize::MAX);
    in_time(sent).await.unwrap().unwrap();
}

/// A reader that has something else to do holds no more than a socket that also writes.
#[tokio::test(start_paused = true)]
async fn a_reader_holds_what_may_wait_and_no_more() {
    let (server, peer) = server(&quiet());
    let (mut reader, _writer) = server.split();
    peer.send(said(BINARY, [7; 1000]).repeat(300));
    assert!(in_time(reader.recv()).await.unwrap().is_some());
    let read: usize = peer.log().iter().map(|op| if let Op::Read(n) = op { *n } else { 0 }).sum();
    assert!(read < (64 << 10) + (4 << 10), "{read}");
}

/// A transport of another crate, without `Split`: its socket can be a `Stream` for one task and a `Sink`
/// for another, or its directions take turns behind a lock.
#[tokio::test(start_paused = true)]
async fn any_transport_for_two_tasks() {
    for locked in [false, true] {
        let (near, mut far) = duplex(1000);
        let near = Foreign(near);
        let writing: Doing<Result<(), Error>>;
        let reading: Doing<Option<Result<Message, Error>>>;
        let large = Message::binary(vec![7; 100_000]);
        if locked {
            let ws = WebSocket::from_raw(Locked(near), Role::Server, [], &Config::default());
            let (mut reader, writer) = ws.split();
            writing = Box::pin(async move { writer.send(large).await });
            reading = Box::pin(async move { reader.recv().await.transpose() });
        } else {
            let ws = WebSocket::from_raw(near, Role::Server, [], &Config::default());
            let (mut sink, mut stream) = StreamExt::split(ws);
            writing = Box::pin(async move { sink.send(large).await });
            reading = Box::pin(async move { stream.next().await });
        }
        let writing = tokio::spawn(writing);
        tokio::task::yield_now().await;
        // The reader is the last to poll the transport and the timer.
        let reading = tokio::spawn(reading);
        tokio::task::yield_now().await;
        let mut heard = vec![0; 100_010];
        in_time(far.read_exact(&mut heard)).await.unwrap();
        in_time(writing).await.unwrap().unwrap();
        // The peer is silent from here on: it gets a ping, and is given up.
        let mut ping = [0; 2];
        let start = Instant::now();
        in_time(far.read_exact(&mut ping)).await.unwrap();
        assert_eq!((ping, start.elapsed().as_secs()), ([0x89, 0], 20), "{locked}");
        let ended = in_time(reading).await.unwrap();
        assert!(matches!(ended, Some(Err(Error::Timeout(Expired::Pong)))), "{ended:?}");
        assert_eq!(start.elapsed().as_secs(), 40);
    }
}

type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One that only the socket's own doors know.
#[derive(Debug)]
struct Foreign(DuplexStream);

impl AsyncRead for Foreign {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Foreign {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Two futures of one task wait; that one is given up does not leave the other waiting.
#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_takes_no_other_with_it() {
    let (one, mut other) = duplex(1000);
    let server = WebSocket::from_raw(one, Role::Server, [], &Config::default());
    let (reader, writer) = server.split();
    writer.feed(&[0; 100_000]).await.unwrap();
    let start = Instant::now();
    let reading = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        other.read_exact(&mut vec![0; 100_000]).await.unwrap();
        other
    });
    let (flushed, sent) = tokio::join!(
        writer.flush(),
        tokio::time::timeout(Duration::from_secs(1), writer.send("never"))
    );
    flushed.unwrap();
    assert!(sent.is_err());
    assert_eq!(start.elapsed().as_secs(), 5);
    reading.await.unwrap();
    drop(reader);
}

/// What a writer writes itself is no business of the reader's.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_written_at_once_does_not_wake_the_reader() {
    let (one, _other) = duplex(10_000);
    let server = WebSocket::from_raw(one, Role::Server, [], &Config::default());
    let (mut reader, writer) = server.split();
    let wakes = Wakes::new();
    let waker = wakes.waker();
    let mut receiving = pin!(reader.recv());
    let mut poll =
        || assert!(receiving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    poll();
    // What was pending when the socket was split has been seen to.
    poll();
    wakes.take();
    for _ in 0..10 {
        writer.send("at once").await.unwrap();
    }
    assert_eq!(wakes.take(), 0);
}
