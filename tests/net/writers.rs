//! Many writers of one connection: when their calls are done, who is woken, and what they are told.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bowstring::net::{Outcome, Overflow};
use bowstring::proto::Role;
use bowstring::{CloseCode, Config, Error, Event, Message, WebSocket};
use futures_util::SinkExt;

use crate::support::*;

fn full_at(high_water: usize, overflow: Overflow) -> Config {
    let mut config = quiet();
    config.high_water = high_water;
    config.overflow = overflow;
    config
}

/// A publisher on the same socket holds up nobody who sends.
#[tokio::test(start_paused = true)]
async fn sending_is_done_when_what_was_framed_before_is_written() {
    for flush in [false, true] {
        let (ws, peer) = server(&quiet());
        peer.room(0);
        let (_reader, writer) = ws.split();
        let publisher = writer.clone();
        publisher.send_now("before").unwrap();
        let mut sending = pin!(async {
            if flush {
                writer.feed("reply").await?;
                writer.flush().await
            } else {
                writer.send("reply").await
            }
        });
        assert!(poll(sending.as_mut()).is_pending());
        for _ in 0..20 {
            assert_eq!(publisher.send_now([7; 1000]).unwrap(), Outcome::Queued);
        }
        peer.room(8 + 7 - 1);
        assert!(poll(sending.as_mut()).is_pending(), "a byte is missing");
        peer.room(1);
        let Poll::Ready(sent) = poll(sending.as_mut()) else { panic!("its bytes are written") };
        sent.unwrap();
        assert_eq!(peer.total(), 8 + 7);
        assert!(publisher.buffered() > 20_000);
    }
}

/// The same where messages wait to be framed, and older ones are dropped meanwhile.
#[tokio::test(start_paused = true)]
async fn flushing_is_done_when_older_messages_are_written_or_dropped() {
    let (ws, peer) = server(&full_at(1000, Overflow::DropOldest));
    peer.room(0);
    let (_reader, writer) = ws.split();
    for _ in 0..3 {
        writer.feed([7; 1000]).await.unwrap();
    }
    let mut flushing = pin!(writer.flush());
    assert!(poll(flushing.as_mut()).is_pending());
    for _ in 0..10 {
        writer.feed([8; 1000]).await.unwrap();
    }
    // All but the first were dropped for newer ones.
    peer.room(1004 - 1);
    assert!(poll(flushing.as_mut()).is_pending());
    peer.room(1);
    let Poll::Ready(flushed) = poll(flushing.as_mut()) else { panic!("{}", peer.total()) };
    flushed.unwrap();
    assert!(writer.buffered() > 0);
}

/// The connection may have ended by then.
#[tokio::test(start_paused = true)]
async fn closing_is_well_done_once_the_close_frame_has_gone() {
    for goes in [true, false] {
        let (ws, peer) = server(&quiet());
        peer.room(0);
        let (mut reader, writer) = ws.split();
        let late = writer.clone();
        let mut closing = pin!(writer.close(1000, ""));
        assert!(poll(closing.as_mut()).is_pending());
        // The reader writes the close frame, hears the answer, and ends.
        peer.send(said(CLOSE, close_payload(1000, "")));
        if goes {
            peer.room(usize::MAX);
        }
        peer.end();
        assert!(now(reader.recv()).unwrap().is_some_and(|message| message.is_close()));
        let ended = in_time(reader.recv()).await;
        assert!(matches!(ended, Ok(None)), "{ended:?}");
        let closed = now(closing);
        assert_eq!(closed.is_ok(), goes, "{closed:?}");
        assert_eq!(now(late.close(1001, "again")).is_ok(), goes);
        assert_eq!(now(SinkExt::close(&mut late.clone())).is_ok(), goes);
        assert!(now(late.send("more")).is_err());
        assert!(!goes || matches!(now(late.close(999, "")), Err(Error::Misuse(_))));
    }
}

/// Also where it was the peer that closed.
#[tokio::test(start_paused = true)]
async fn closing_after_the_peer_is_well_done() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    peer.send(said(CLOSE, close_payload(1001, "")));
    assert!(now(reader.recv()).unwrap().is_some());
    now(writer.close(1000, "")).unwrap();
    peer.end();
    assert_eq!(now(reader.recv()).unwrap(), None);
    now(writer.close(1000, "")).unwrap();
    assert_eq!(peer.frames().len(), 1);
}

/// A peer that reads no more, or a transport whose directions fail apart.
#[cfg(unix)]
#[tokio::test]
async fn the_reader_learns_at_once_that_writing_has_failed() {
    for (waits, door) in [(true, "send"), (false, "send"), (false, "now"), (false, "sink")] {
        let (near, far) = tokio::net::UnixStream::pair().unwrap();
        let ws = WebSocket::from_raw(near, Role::Server, [], &Config::default());
        let (mut reader, mut writer) = ws.split();
        let far = far.into_std().unwrap();
        if waits {
            far.shutdown(std::net::Shutdown::Read).unwrap();
        }
        let reading = tokio::spawn(async move { reader.recv().await });
        tokio::task::yield_now().await;
        if !waits {
            far.shutdown(std::net::Shutdown::Read).unwrap();
        }
        match door {
            "send" => {
                let failed = writer.send("hello").await;
                assert!(matches!(failed, Err(ref error) if error.is_disconnect()), "{failed:?}");
            }
            "now" => {
                let _ = writer.send_now("hello");
            }
            _ => {
                let _ = SinkExt::send(&mut writer, Message::text("hello")).await;
            }
        }
        let ended = tokio::time::timeout(Duration::from_secs(5), reading).await;
        let ended = ended.expect("the reader learns it").unwrap();
        assert!(matches!(ended, Err(ref error) if error.is_disconnect()), "{ended:?}");
        assert!(writer.send("more").await.is_err());
    }
}

/// The error is the transport's own; and what the peer said before is heard first.
#[tokio::test(start_paused = true)]
async fn the_reader_is_told_how_writing_failed() {
    let (ws, peer) = server(&quiet());
    let (mut reader, writer) = ws.split();
    let mut reading = pin!(reader.recv());
    assert!(poll(reading.as_mut()).is_pending());
    let next = peer.state().acts + 1;
    peer.state().fail = Some((next, ErrorKind::StorageFull));
    peer.state().dead = false;
    let _ = writer.try_send("fails");
    let Poll::Ready(Err(Error::Io(error))) = poll(reading.as_mut()) else { panic!("an error") };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

/// Whoever drops a future that sends drops its waker, too.
#[tokio::test(start_paused = true)]
async fn sends_that_are_given_up_leave_no_wakers() {
    for sink in [true, false] {
        let (ws, peer) = server(&full_at(10, Overflow::Wait));
        peer.room(0);
        let (_reader, mut writer) = ws.split();
        now(writer.feed([7; 100])).unwrap();
        let wakes: Vec<_> = (0..100).map(|_| Wakes::new()).collect();
        let kept = || wakes.iter().filter(|wakes| Arc::strong_count(wakes) > 1).count();
        for wakes in &wakes {
            let waker = wakes.waker();
            let cx = &mut Context::from_waker(&waker);
            if sink {
                let mut sending = pin!(SinkExt::send(&mut writer, Message::text("x")));
                assert!(sending.as_mut().poll(cx).is_pending());
            } else {
                assert!(pin!(writer.send("x")).poll(cx).is_pending());
            }
        }
        // A sink cannot know that it is not polled any more; but it waits once.
        assert_eq!(kept(), usize::from(sink));
        drop(writer);
        assert_eq!(kept(), 0);
    }
}

/// Room for one message wakes one writer, whoever else waits; and nobody is overtaken.
#[tokio::test(start_paused = true)]
async fn writers_get_room_in_the_order_in_which_they_asked() {
    const WRITERS: usize = 500;
    let (ws, peer) = server(&full_at(1000, Overflow::Wait));
    peer.room(0);
    let (_reader, writer) = ws.split();
    let polls = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let (writer, polls) = (writer.clone(), Arc::clone(&polls));
        tasks.spawn(async move {
            let mut data = vec![0; 500];
            data[..2].copy_from_slice(&(number as u16).to_be_bytes());
            let mut sending = Box::pin(writer.feed(data));
            poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                sending.as_mut().poll(cx)
            })
            .await
            .unwrap();
        });
    }
    while polls.load(Ordering::Relaxed) < WRITERS {
        tokio::task::yield_now().await;
    }
    // The peer takes a message at a time.
    while !tasks.is_empty() {
        peer.room(504);
        tokio::task::yield_now().await;
        while let Some(sent) = tasks.try_join_next() {
            sent.unwrap();
        }
    }
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 3 * WRITERS, "{polls} polls of {WRITERS} writers");
    peer.room(usize::MAX);
    now(writer.flush()).unwrap();
    let numbers: Vec<_> = peer.frames().iter().map(|frame| frame.payload[..2].to_vec()).collect();
    assert!(numbers.is_sorted());
    assert_eq!(numbers.len(), WRITERS);
}

/// A task that sends in a loop takes turns with those that wait.
#[tokio::test(start_paused = true)]
async fn a_busy_writer_does_not_overtake_those_who_wait() {
    let (ws, peer) = server(&full_at(1000, Overflow::Wait));
    peer.room(0);
    let (_reader, writer) = ws.split();
    let busy = writer.clone();
    let busy = tokio::spawn(async move { while busy.feed([0; 500]).await.is_ok() {} });
    tokio::task::yield_now().await;
    let patient = tokio::spawn(async move { writer.feed([1; 500]).await });
    tokio::task::yield_now().await;
    // Room for the one that the busy writer waits with already, and for one more.
    for _ in 0..3 {
        peer.room(504);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    in_time(patient).await.unwrap().unwrap();
    busy.abort();
}

/// A future that waits and is not polled for a while, as in `select!`, holds up no other.
#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_polls_holds_up_no_other() {
    let (ws, peer) = server(&full_at(10, Overflow::Wait));
    peer.room(0);
    let (_reader, writer) = ws.split();
    now(writer.feed([7; 100])).unwrap();
    let mut first = pin!(writer.send("first"));
    assert!(poll(first.as_mut()).is_pending());
    let other = writer.clone();
    let other = tokio::spawn(async move { other.send("other").await });
    tokio::task::yield_now().await;
    peer.room(usize::MAX);
    tokio::task::yield_now().await;
    // The first was woken, and its task sends something else before it polls it.
    in_time(writer.send("second")).await.unwrap();
    in_time(other).await.unwrap().unwrap();
    in_time(first).await.unwrap();
    assert_eq!(peer.frames().len(), 4);
}

/// A wake-up that a sink got, and forgot, is not lost to the others.
#[tokio::test(start_paused = true)]
async fn a_sink_that_is_not_polled_any_more_holds_up_no_other() {
    let (ws, peer) = server(&full_at(10, Overflow::Wait));
    peer.room(0);
    let (_reader, writer) = ws.split();
    now(writer.feed([7; 100])).unwrap();
    let mut sink = writer.clone();
    not_yet(SinkExt::send(&mut sink, Message::text("given up")));
    let other = tokio::spawn(async move { writer.send("other").await });
    tokio::task::yield_now().await;
    peer.room(usize::MAX);
    in_time(other).await.unwrap().unwrap();
    drop(sink);
}

/// A loop over many connections loses nothing uncounted, and ends what is to be ended.
#[tokio::test(start_paused = true)]
async fn sending_now_does_what_the_policy_says_and_counts() {
    let close = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
    for overflow in [Overflow::Wait, Overflow::DropNewest, Overflow::DropOldest, close] {
        for split in [true, false] {
            let (mut ws, peer) = server(&full_at(5000, overflow));
            peer.room(0);
            let mut outcomes = Vec::new();
            let dropped = if split {
                let (_reader, writer) = ws.split();
                outcomes.extend((0..50).map(|_| writer.send_now([7; 1000])));
                assert!(writer.send_now(Event::Ping(b"exempt")).is_ok() || overflow == close);
                writer.dropped()
            } else {
                outcomes.extend((0..50).map(|_| ws.send_now([7; 1000])));
                ws.dropped()
            };
            let queued = outcomes.iter().filter(|it| matches!(it, Ok(Outcome::Queued))).count();
            let lost = outcomes.iter().filter(|it| matches!(it, Ok(Outcome::Dropped))).count();
            match overflow {
                Overflow::Close(_) => {
                    assert!(matches!(outcomes[queued], Err(Error::Overflow)), "{outcomes:?}");
                    let told = |it: &Result<_, _>| matches!(it, Err(Error::Overflow));
                    assert!(outcomes[queued + 1..].iter().all(told), "{outcomes:?}");
                    assert_eq!((queued, dropped), (5, 0));
                }
                Overflow::DropOldest => {
                    assert_eq!((queued, lost), (50, 0));
                    assert!(dropped > 35, "{dropped}");
                }
                _ => {
                    assert_eq!((queued, lost, dropped), (5, 45, 45), "{overflow:?}");
                }
            }
        }
    }
}

/// The peer was too slow for one task. The others are told that, and not that they misuse the connection.
#[tokio::test(start_paused = true)]
async fn all_tasks_are_told_that_the_connection_was_closed_for_want_of_room() {
    let close = Overflow::Close(CloseCode::TRY_AGAIN_LATER);
    for split in [true, false] {
        let (mut ws, peer) = server(&full_at(10, close));
        peer.room(0);
        let errors = if split {
            let (_reader, writer) = ws.split();
            let other = writer.clone();
            writer.send_now([7; 100]).unwrap();
            [
                writer.send_now("too much").unwrap_err(),
                now(other.send("another's")).unwrap_err(),
                now(other.feed_part("another's", true)).unwrap_err(),
                other.send_now("another's").unwrap_err(),
            ]
        } else {
            ws.send_now([7; 100]).unwrap();
            [
                ws.send_now("too much").unwrap_err(),
                now(ws.send("later")).unwrap_err(),
                now(ws.feed_part("later", true)).unwrap_err(),
                ws.send_now("later").unwrap_err(),
            ]
        };
        for error in errors {
            assert!(matches!(error, Error::Overflow), "{split}: {error:?}");
        }
    }
}

/// The write that fails may be the reader's, while it ends the transport.
#[tokio::test(start_paused = true)]
async fn writers_that_wait_learn_that_the_last_write_failed() {
    let (ws, peer) = server(&full_at(10, Overflow::Wait));
    peer.room(0);
    let (mut reader, writer) = ws.split();
    now(writer.feed([7; 100])).unwrap();
    let waiting = [0, 1].map(|_| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.flush().await })
    });
    tokio::task::yield_now().await;
    peer.send(said(CLOSE, close_payload(1000, "")));
    assert!(matches!(now(reader.recv()), Ok(Some(Message::Close(_)))));
    not_yet(reader.recv());
    peer.state().broken = Some(ErrorKind::BrokenPipe);
    not_yet(reader.recv());
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    for task in waiting {
        assert!(task.is_finished(), "nobody told it");
        let told = task.await.unwrap();
        assert!(matches!(told, Err(Error::Closed(_))), "{told:?}");
    }
}
