//! S11: a peer that reads too slowly, under each policy.

use std::time::Duration;

use bowstring::net::{Overflow, TrySendError, Writer, masking_key};
use bowstring::proto::Role;
use bowstring::{CloseCode, Config, Error, Message, Prepared, WebSocket};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::time::timeout;

/// Fills the way and what may wait: messages numbered from 0, of a kilobyte each.
const KILO: usize = 1000;

fn pair(overflow: Overflow) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (one, other) = tokio::io::duplex(4 * KILO);
    let mut config = Config::default();
    config.high_water = 8 * KILO;
    config.overflow = overflow;
    let server = WebSocket::from_raw(one, Role::Server, [], &config);
    (server, WebSocket::from_raw(other, Role::Client(masking_key), [], &Config::default()))
}

fn numbered(number: usize) -> Vec<u8> {
    let mut data = vec![0; KILO];
    data[..8].copy_from_slice(&number.to_be_bytes());
    data
}

fn number(message: &Message) -> usize {
    usize::from_be_bytes(message.as_bytes()[..8].try_into().unwrap())
}

/// What arrives until nothing does, or a close frame.
async fn arriving(client: &mut WebSocket<DuplexStream>) -> (Vec<usize>, Option<u16>) {
    let mut numbers = Vec::new();
    loop {
        match timeout(Duration::from_secs(1), client.recv()).await {
            Ok(Ok(Some(Message::Close(close)))) => return (numbers, close.map(|c| c.code.get())),
            Ok(Ok(Some(message))) => numbers.push(number(&message)),
            Ok(ended) => panic!("{ended:?}"),
            Err(_) => return (numbers, None),
        }
    }
}

/// The reader must be polled for what is left to be written.
fn read(mut reader: bowstring::net::Reader<DuplexStream>) {
    tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
}

#[tokio::test(start_paused = true)]
async fn s11_waiting_is_the_default() {
    let (server, mut client) = pair(Overflow::Wait);
    let (reader, writer) = server.split();
    read(reader);
    let mut sent = 0;
    while timeout(Duration::from_secs(1), writer.feed(numbered(sent))).await.is_ok() {
        sent += 1;
    }
    assert!((8..20).contains(&sent), "{sent}");
    assert!(writer.buffered() <= 10 * KILO);
    assert_eq!(arriving(&mut client).await, ((0..sent).collect(), None));
    assert_eq!(writer.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn s11_the_newest_is_dropped() {
    let (server, mut client) = pair(Overflow::DropNewest);
    let (reader, writer) = server.split();
    read(reader);
    for each in 0..100 {
        writer.send(numbered(each)).await.unwrap();
    }
    let kept = 100 - writer.dropped() as usize;
    assert!((8..20).contains(&kept), "{kept}");
    assert!(writer.buffered() <= 10 * KILO);
    assert_eq!(arriving(&mut client).await, ((0..kept).collect(), None));
    writer.send(numbered(100)).await.unwrap();
    assert_eq!(arriving(&mut client).await.0, [100]);
}

#[tokio::test(start_paused = true)]
async fn s11_the_oldest_are_dropped() {
    for door in 0..3 {
        let (mut server, mut client) = pair(Overflow::DropOldest);
        let (dropped, writer) = match door {
            0 => {
                let (reader, writer) = server.split();
                read(reader);
                for each in 0..100 {
                    writer.send(&Prepared::binary(&numbered(each))).await.unwrap();
                }
                assert!(writer.buffered() <= 18 * KILO, "{}", writer.buffered());
                (writer.dropped(), Some(writer))
            }
            1 => {
                let (reader, mut writer) = server.split();
                read(reader);
                for each in 0..100 {
                    SinkExt::feed(&mut writer, Message::binary(numbered(each))).await.unwrap();
                }
                let flushing = writer.clone();
                tokio::spawn(async move { flushing.flush().await });
                (writer.dropped(), Some(writer))
            }
            _ => {
                for each in 0..100 {
                    server.send(numbered(each)).await.unwrap();
                }
                assert!(server.buffered() <= 18 * KILO);
                let dropped = server.dropped();
                tokio::spawn(async move { while let Ok(Some(_)) = server.recv().await {} });
                (dropped, None)
            }
        };
        let (numbers, closed) = arriving(&mut client).await;
        assert_eq!(closed, None);
        assert_eq!(numbers.last(), Some(&99), "door {door}: {numbers:?}");
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers.len() + dropped as usize, 100, "door {door}: {numbers:?}");
        // What was framed before is there, what was dropped stood between it and the newest.
        let gaps = numbers.windows(2).filter(|two| two[1] != two[0] + 1).count();
        assert_eq!(gaps, 1, "door {door}: {numbers:?}");
        drop(writer);
    }
}

#[tokio::test(start_paused = true)]
async fn s11_closing_with_a_code_of_choice() {
    let (mut server, mut client) = pair(Overflow::Close(CloseCode::TRY_AGAIN_LATER));
    let handle = server.handle();
    let (reader, writer) = server.split();
    read(reader);
    let mut sent = 0;
    let error = loop {
        match writer.send(numbered(sent)).await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Overflow), "{error:?}");
    assert!((8..20).contains(&sent), "{sent}");
    assert_eq!(arriving(&mut client).await, ((0..sent).collect(), Some(1013)));
    assert!(writer.send("more").await.is_err());
    // Whoever only receives learns of it as well.
    client.close(1013, "").await.unwrap();
    let ended = loop {
        match handle.ended() {
            Some(ended) => break ended,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!((ended.code, ended.clean, ended.overflowed), (1013.into(), true, true));
}

#[tokio::test(start_paused = true)]
async fn try_send_gives_the_message_back() {
    fn full<M: std::fmt::Debug>(tried: Result<(), TrySendError<M>>) -> Option<M> {
        match tried {
            Ok(()) => None,
            Err(TrySendError::Full(message)) => Some(message),
            Err(other) => panic!("{other:?}"),
        }
    }
    let (server, mut client) = pair(Overflow::DropNewest);
    let (reader, writer) = server.split();
    read(reader);
    let mut sent = 0;
    let back = loop {
        match full(writer.try_send(numbered(sent))) {
            None => sent += 1,
            Some(back) => break back,
        }
    };
    assert_eq!(back, numbered(sent));
    assert!((8..20).contains(&sent), "{sent}");
    assert_eq!(writer.dropped(), 0, "nobody's policy but the caller's");
    writer.try_send(bowstring::Event::Ping(b"exempt")).unwrap();
    assert_eq!(arriving(&mut client).await.0.len(), sent);
    writer.try_send(back).unwrap();
    assert_eq!(arriving(&mut client).await.0, [sent]);
    writer.close(1000, "").await.unwrap();
    let tried = writer.try_send("too late");
    let Err(TrySendError::Failed("too late", Error::Misuse(_))) = tried else {
        panic!("{tried:?}")
    };

    // The same for a socket that is whole.
    let (mut server, mut client) = pair(Overflow::Wait);
    let mut sent = 0;
    while full(server.try_send(numbered(sent))).is_none() {
        sent += 1;
    }
    assert!((8..20).contains(&sent), "{sent}");
    tokio::spawn(async move { while let Ok(Some(_)) = server.recv().await {} });
    assert_eq!(arriving(&mut client).await.0.len(), sent);
}

/// Whoever walks the chain of causes finds the transport's.
#[test]
fn a_message_that_failed_names_its_cause() {
    use std::error::Error as _;
    let failed = TrySendError::Failed("lost", std::io::Error::other("unplugged").into());
    assert_eq!(failed.to_string(), "the transport failed: unplugged");
    assert_eq!(failed.source().unwrap().to_string(), "unplugged");
    assert!(TrySendError::Full("kept").source().is_none());
}

#[tokio::test(start_paused = true)]
async fn pressure_is_told_when_it_rises_and_when_it_is_over() {
    let (server, mut client) = pair(Overflow::Wait);
    let (reader, writer): (_, Writer<_>) = server.split();
    read(reader);
    let mut pressure = writer.pressure(2 * KILO);
    assert!(!pressure.is_high());
    let mut sent = 0;
    while writer.try_send(numbered(sent)).is_ok() {
        sent += 1;
    }
    assert!(pressure.is_high());
    assert_eq!(pressure.changed().await, Some(true));
    for _ in 0..3 {
        client.recv().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(pressure.is_high(), "between the marks nothing changes: {}", writer.buffered());
    arriving(&mut client).await;
    assert!(!pressure.is_high(), "{}", writer.buffered());
    assert_eq!(pressure.changed().await, Some(false));
}

/// Who waits for less pressure is not left waiting when the connection ends; nor does a writer that is
/// kept keep the transport.
#[tokio::test(start_paused = true)]
async fn pressure_falls_when_the_connection_ends() {
    for overflow in [Overflow::Wait, Overflow::DropOldest] {
        let (server, client) = pair(overflow);
        let (reader, writer) = server.split();
        let mut pressure = writer.pressure(KILO);
        read(reader);
        for each in 0..100 {
            if writer.try_send(numbered(each)).is_err() && overflow == Overflow::Wait {
                break;
            }
            if overflow != Overflow::Wait {
                writer.feed(numbered(each)).await.unwrap();
            }
        }
        assert!(pressure.is_high());
        assert_eq!(pressure.changed().await, Some(true));
        let fallen = timeout(Duration::from_secs(60), pressure.changed()).await.unwrap();
        assert_eq!((fallen, pressure.is_high()), (Some(false), false));
        assert_eq!(pressure.changed().await, None, "it has ended");
        assert_eq!(writer.pressure(KILO).changed().await, None);
        assert_eq!(writer.buffered(), 0);
        assert!(writer.send("more").await.is_err());
        // The other end sees the end, though a writer is kept.
        let mut stream = client.into_inner().stream;
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the transport was let go");
        drop(writer);
    }
}
