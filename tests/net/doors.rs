//! One conversation through every door of the API, for the tests that disturb it: the peer says a
//! few things and closes, everything is echoed. [`Plan`] drops futures at chosen polls.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bowstring::net::Writer;
use bowstring::proto::{AsEvent, Misuse};
use bowstring::{Close, CloseCode, Config, Error, Event, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;

use crate::support::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `recv`, `feed`, now and then `flush`.
    Feed,
    /// `recv` and `send`.
    Send,
    /// `Stream` and `Sink`.
    Sink,
    /// `batch`, events.
    Batch,
    /// `batch`, parts.
    Parts,
    /// `recv` and `feed` of two halves, each in a task of its own.
    Split,
    /// `batch` and `send` of two halves.
    SplitBatch,
    /// `recv` and `feed_part` of two halves.
    SplitParts,
    /// `close`, although the peer says a few things.
    Close,
    /// A writer's `close`.
    SplitClose,
}

pub const DOORS: [Door; 10] = [
    Door::Feed,
    Door::Send,
    Door::Sink,
    Door::Batch,
    Door::Parts,
    Door::Split,
    Door::SplitBatch,
    Door::SplitParts,
    Door::Close,
    Door::SplitClose,
];

impl Door {
    /// Whether two tasks are at it.
    pub fn is_split(self) -> bool {
        matches!(self, Self::Split | Self::SplitBatch | Self::SplitParts | Self::SplitClose)
    }
}

/// Which futures are dropped and made anew.
#[derive(Debug, Default)]
pub struct Plan {
    polls: Cell<usize>,
    /// The one that is pending at this poll.
    pub at: Option<usize>,
    /// Each that is pending so often.
    pub every: Option<usize>,
}

impl Plan {
    pub fn at(n: usize) -> Self {
        Self { at: Some(n), ..Self::default() }
    }

    pub fn every(n: usize) -> Self {
        Self { every: Some(n), ..Self::default() }
    }

    /// Whether it came to that.
    pub fn reached(&self) -> bool {
        self.at.is_some_and(|at| self.polls.get() >= at)
    }

    fn drops(&self) -> bool {
        let polls = self.polls.get() + 1;
        self.polls.set(polls);
        self.at == Some(polls) || self.every.is_some_and(|every| polls.is_multiple_of(every))
    }

    /// The future's output; `None` if it was dropped.
    async fn once<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.drops() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// The same, made anew as often as it is dropped.
    async fn persist<T>(&self, mut make: impl AsyncFnMut() -> T) -> T {
        loop {
            if let Some(output) = self.once(make()).await {
                return output;
            }
            // Others go on meanwhile.
            tokio::task::yield_now().await;
        }
    }
}

/// What the peer says; the last is its close.
pub fn said_by_peer() -> Vec<Message> {
    let close = Close { code: CloseCode::NORMAL, reason: "done" };
    vec![
        Message::text("one"),
        Message::Ping("p1".into()),
        Message::binary(vec![7; 700]),
        Message::text("in three fragments"),
        Message::Ping("p2".into()),
        Message::binary(vec![]),
        Message::text("last"),
        Event::Close(Some(close)).into(),
    ]
}

/// The same on the wire.
pub fn wire(masked: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for message in said_by_peer() {
        let payload = message.as_bytes();
        match &message {
            Message::Text(text) if text.len() > 10 => {
                out.extend(frame(masked, false, TEXT, &payload[..5]));
                out.extend(frame(masked, false, CONTINUATION, &payload[5..9]));
                out.extend(frame(masked, true, PONG, b"unsolicited"));
                out.extend(frame(masked, true, CONTINUATION, &payload[9..]));
            }
            Message::Text(_) => out.extend(frame(masked, true, TEXT, payload)),
            Message::Binary(_) => out.extend(frame(masked, true, BINARY, payload)),
            Message::Ping(_) => out.extend(frame(masked, true, PING, payload)),
            _ => out.extend(frame(masked, true, CLOSE, &close_payload(1000, "done"))),
        }
    }
    out
}

/// A socket and a peer that has said all that, in pieces, and ends TCP when it is its turn.
pub fn conversation(is_server: bool, seed: u64, config: &Config) -> (WebSocket<Scripted>, Peer) {
    let (ws, peer) = if is_server { server(config) } else { client(config) };
    let wire = wire(is_server);
    let (first, last) = wire.split_at(wire.len() - if is_server { 12 } else { 8 });
    peer.send(first);
    let mut state = peer.state();
    state.last = Some((5, last.to_vec()));
    state.reads = Cut::Drawn(Random::new(seed), 60);
    state.writes = Cut::Drawn(Random::new(seed + 1), 80);
    state.polite = Some(!is_server);
    drop(state);
    (ws, peer)
}

/// Echoes until the end; what was received is in `got`.
pub async fn echo(
    door: Door,
    mut ws: WebSocket<Scripted>,
    plan: &Plan,
    got: &mut Vec<Message>,
) -> Result<(), Error> {
    let result = match door {
        _ if door.is_split() => return split(door, ws, plan, got).await,
        Door::Close => plan.persist(async || ws.close(1001, "").await).await,
        Door::Batch | Door::Parts => loop {
            match plan.persist(async || batch(door, &mut ws, got).await).await {
                Ok(true) => {}
                end => break end.map(drop),
            }
        },
        _ => whole(door, &mut ws, plan, got).await,
    };
    // Whatever ended it, it ends, for every call.
    let mut left = 0;
    while let Ok(Some(_)) | Err(_) = in_time(ws.recv()).await {
        left += 1;
        assert!(left < 20, "no end");
    }
    assert_eq!(ws.state(), bowstring::proto::State::Closed);
    assert!(matches!(in_time(ws.send("late")).await, Err(Error::Closed(_))));
    assert!(in_time(ws.batch()).await.unwrap().is_none());
    in_time(ws.close(1000, "")).await.unwrap();
    result
}

async fn whole(
    door: Door,
    ws: &mut WebSocket<Scripted>,
    plan: &Plan,
    got: &mut Vec<Message>,
) -> Result<(), Error> {
    loop {
        let message = match door {
            Door::Sink => plan.persist(async || ws.next().await.transpose()).await?,
            _ => plan.persist(async || ws.recv().await).await?,
        };
        let Some(message) = message else { return Ok(()) };
        got.push(message.clone());
        if message.is_close() {
            continue;
        }
        match door {
            Door::Feed => plan.persist(async || ws.feed(&message).await).await?,
            Door::Sink => plan.persist(async || SinkExt::feed(ws, message.clone()).await).await?,
            // What was framed when it is dropped is not framed again.
            _ => plan.once(ws.send(&message)).await.unwrap_or(Ok(()))?,
        }
        match door {
            Door::Feed if message.is_text() => plan.persist(async || ws.flush().await).await?,
            Door::Sink if message.is_text() => {
                plan.persist(async || SinkExt::<Message>::flush(ws).await).await?;
            }
            _ => {}
        }
    }
}

async fn batch(
    door: Door,
    ws: &mut WebSocket<Scripted>,
    got: &mut Vec<Message>,
) -> Result<bool, Error> {
    let Some((mut events, mut outgoing)) = ws.batch().await? else { return Ok(false) };
    if door == Door::Batch {
        while let Some(event) = events.next() {
            got.push(event.into());
            if !matches!(event, Event::Close(_)) {
                outgoing.feed(event)?;
            }
        }
    } else {
        while let Some(part) = events.next_part() {
            match part.event {
                Event::Close(_) => got.push(part.event.into()),
                event => outgoing.feed_part(event, part.fin)?,
            }
        }
    }
    Ok(true)
}

async fn split(
    door: Door,
    ws: WebSocket<Scripted>,
    plan: &Plan,
    got: &mut Vec<Message>,
) -> Result<(), Error> {
    let (mut reader, writer) = ws.split();
    let (queue, mut queued) = mpsc::unbounded_channel::<Message>();
    let reading = async {
        let queue = queue;
        let result = loop {
            if door == Door::SplitBatch {
                let step = plan
                    .persist(async || {
                        let Some(mut events) = reader.batch().await? else { return Ok(false) };
                        while let Some(event) = events.next() {
                            got.push(event.into());
                            let _ = queue.send(event.into());
                        }
                        Ok::<_, Error>(true)
                    })
                    .await;
                match step {
                    Ok(true) => {}
                    end => break end.map(drop),
                }
            } else {
                match plan.persist(async || reader.recv().await).await {
                    Ok(Some(message)) => {
                        got.push(message.clone());
                        let _ = queue.send(message);
                    }
                    end => break end.map(drop),
                }
            }
        };
        // The end is the end for the writers too.
        assert!(in_time(reader.recv()).await.unwrap().is_none());
        assert!(matches!(in_time(writer.clone().send("late")).await, Err(Error::Closed(_))));
        result
    };
    let writing = async {
        if door == Door::SplitClose {
            return plan.persist(async || writer.close(1001, "").await).await;
        }
        while let Some(message) = plan.persist(async || queued.recv().await).await {
            match door {
                _ if message.is_close() => {}
                Door::Split => plan.persist(async || writer.feed(&message).await).await?,
                Door::SplitParts => parts(&writer, &message, plan).await?,
                _ => plan.once(writer.send(&message)).await.unwrap_or(Ok(()))?,
            }
        }
        Ok(())
    };
    let (wrote, read) = tokio::join!(writing, reading);
    match wrote {
        // The reader says why.
        Err(Error::Closed(_) | Error::Misuse(Misuse::Closed)) | Ok(()) => read,
        error => error,
    }
}

/// Says a message in three parts.
async fn parts(writer: &Writer<Scripted>, message: &Message, plan: &Plan) -> Result<(), Error> {
    let len = message.as_bytes().len();
    for (from, to, fin) in [(0, len.min(1), false), (len.min(1), len, false), (len, len, true)] {
        let part = match message.as_event() {
            Event::Text(text) => Event::Text(&text[from..to]),
            _ => Event::Binary(&message.as_bytes()[from..to]),
        };
        plan.persist(async || writer.feed_part(part, fin).await).await?;
    }
    Ok(())
}

/// What was written is whole frames, in order and each once: all of them if the connection `ended`
/// as it should, else as many as there are, and perhaps a part of one.
pub fn check(door: Door, is_server: bool, written: &[u8], ended: bool) {
    let (frames, rest) = parse_frames(written);
    assert!(rest.is_empty() || !ended, "half a frame");
    assert!(frames.iter().all(|frame| frame.is_masked() != is_server));
    let mut messages: Vec<Message> = Vec::new();
    let mut pongs = Vec::new();
    let mut closes = 0;
    let mut open = false;
    for frame in &frames {
        assert_eq!(closes, 0, "something follows a close frame");
        let text = || String::from_utf8(frame.payload.clone()).unwrap();
        match frame.opcode {
            CONTINUATION => {
                assert!(open);
                let last = messages.pop().unwrap();
                messages.push(match last {
                    Message::Text(last) => Message::text(format!("{last}{}", text())),
                    _ => Message::binary([last.as_bytes(), &frame.payload].concat()),
                });
            }
            TEXT => messages.push(Message::text(text())),
            BINARY => messages.push(Message::binary(frame.payload.clone())),
            PONG => pongs.push(Message::Ping(frame.payload.clone().into())),
            PING => assert!(frame.payload.is_empty(), "only the keep-alive pings"),
            _ => closes += 1,
        }
        if frame.opcode < CLOSE {
            assert_eq!(frame.opcode == CONTINUATION, open, "{frames:?}");
            open = !frame.fin;
        }
    }
    if open {
        messages.pop();
    }
    let (data, mut pings): (Vec<_>, Vec<_>) =
        said_by_peer().into_iter().filter(|m| !m.is_close()).partition(|m| !m.is_ping_or_pong());
    match door {
        // It was closing when the pings came: they may be answered or not (§5.5.2).
        Door::Close | Door::SplitClose => {
            assert_eq!(messages, []);
            pings.truncate(pongs.len());
        }
        _ => assert!(data.starts_with(&messages), "{messages:?}"),
    }
    assert!(pings.starts_with(&pongs), "{pongs:?}");
    if ended {
        assert_eq!(closes, 1, "{frames:?}");
        assert_eq!(pongs, pings);
    }
    if ended && !matches!(door, Door::Close | Door::SplitClose) {
        assert_eq!(messages, data);
    }
}

/// What was received is what the peer said, in order and each once, all of it or as far as it got.
pub fn check_received(door: Door, got: &[Message], ended: bool) {
    let mut expected = said_by_peer();
    expected.retain(|message| !message.is_ping_or_pong());
    match door {
        Door::Close => expected.clear(),
        Door::Parts => expected.retain(Message::is_close),
        _ => {}
    }
    assert!(expected.starts_with(got), "{got:?}");
    assert!(!ended || got.len() == expected.len(), "{got:?}");
}
