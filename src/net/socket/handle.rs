//! What other tasks have of a connection: they close it, ask how long the peer takes to answer, and
//! learn how it ends.
//!
//! [`Handle`]s and the reading task share a small record. If a close or a ping is asked for, the reading
//! task is woken, and frames it where it would wait: so no lock is taken per message.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::net::buffers::traffic::{Seen, Traffic};
use crate::net::error::Error;
use crate::net::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::net::sync::{Arc, Mutex, MutexGuard, lock, wake};
use crate::proto::{CloseCode, CloseFrame, Expired, Misuse, Utf8Bytes};

/// Access to a connection for tasks that do not hold it. Clones are cheap, and none keeps the
/// connection open.
///
/// ```no_run
/// # async fn example(mut ws: bowstring::WebSocket<tokio::net::TcpStream>) {
/// let handle = ws.handle();
/// tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
/// println!("the peer answers after {:?}", handle.ping().await);
/// handle.close(1008, "you were asked to leave").unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Record>);

/// How a connection ended, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseInfo {
    /// The close code of the connection (§7.1.5): the peer's, 1005 if its close frame had none, or 1006 if no
    /// close frame came. After a violation, the code that the peer was told (§7.1.7).
    pub code: CloseCode,
    /// The reason in the peer's close frame. Or which rule the peer broke, or what it did not do in time.
    pub reason: Utf8Bytes,
    /// Whether the closing handshake took place (§7.1.4).
    pub clean: bool,
    /// What the peer did not do in time, if that ended the connection.
    pub expired: Option<Expired>,
    /// Whether it was closed because messages were taken too slowly, as
    /// [`Overflow::Close`](crate::net::Overflow::Close) wants it.
    pub overflowed: bool,
}

struct Record {
    /// There is something that the reading task was asked for and has not looked at.
    ///
    /// Acquire and release, though the lock of `slot` orders what is asked for: the reading task looks
    /// here without the lock, and may take it only if it sees `true`.
    asked: AtomicBool,
    /// Microseconds from the last ping to its pong; `UNKNOWN` before there is one.
    ///
    /// Relaxed: it stands alone.
    latency: AtomicU32,
    /// The subprotocol. It is here because most connections have neither that nor a handle.
    protocol: Option<Box<str>>,
    received: Seen,
    sent: Seen,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    /// The reading task, while it waits.
    waker: Option<Waker>,
    ping: PingState,
    /// How many pings were answered, wrapping.
    answered: u32,
    /// Boxed, because most of the time there is nothing.
    rare: Option<Box<Rare>>,
}

/// What is rarely there.
#[derive(Default)]
struct Rare {
    /// What the connection is to be closed with.
    close: Option<CloseFrame>,
    /// Those that wait for a pong, each under a number of its own.
    waiting: Vec<(u64, Waker)>,
    /// The next number.
    next: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Default)]
enum PingState {
    /// No ping is under way.
    #[default]
    Idle,
    /// One was asked for.
    Asked,
    /// One was framed at this time, and its pong has not come.
    Sent(Instant),
}

/// Nothing comes back any more.
enum End {
    /// The connection ends like this.
    Known(CloseInfo),
    /// It was dropped before.
    Dropped,
}

/// What the reading task is asked for.
pub(in crate::net) enum Asked {
    Close(CloseFrame),
    Ping,
}

/// A ping that was [asked for](Handle::ping): resolves to the time until its pong.
pub struct Ping {
    record: Arc<Record>,
    /// How many had been answered when it was asked for.
    before: u32,
    /// Under which number it waits, once it does.
    number: Option<u64>,
}

/// The handle of the task that has the connection: when it is dropped, no task waits for a pong any
/// more.
#[derive(Debug)]
pub(in crate::net) struct HandleOwner(pub(in crate::net) Handle);

impl Deref for HandleOwner {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.0
    }
}

impl Drop for HandleOwner {
    fn drop(&mut self) {
        self.0.set_end(End::Dropped);
    }
}

impl Handle {
    pub(in crate::net) fn new(protocol: Option<Box<str>>) -> Self {
        let (asked, latency) = (AtomicBool::new(false), AtomicU32::new(UNKNOWN));
        Self(Arc::new(Record {
            asked,
            latency,
            protocol,
            received: Seen::default(),
            sent: Seen::default(),
            slot: Mutex::default(),
        }))
    }

    /// Starts the closing handshake (§7.1.2) after what has been framed, and returns at once.
    ///
    /// The task that receives gets what still comes, then the peer's close frame, and the end within
    /// [`Timeouts::close`](crate::proto::Timeouts::close). To send after that is
    /// [`Misuse`](crate::net::Error::Misuse). A task must poll the connection.
    ///
    /// Only the first call has an effect, and none has on a connection that is closing already.
    ///
    /// # Errors
    ///
    /// The code must not be sent (§7.4), or the reason is longer than 123 bytes. Nothing happens then.
    /// [`CloseFrame::truncated`] cuts a reason.
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Misuse> {
        self.close_with(CloseFrame::new(code, reason)?);
        Ok(())
    }

    /// The same with a close frame that is known to be legal.
    pub(crate) fn close_with(&self, close: CloseFrame) {
        self.ask(|slot| {
            let rare = slot.rare.get_or_insert_default();
            let first = rare.close.is_none();
            rare.close.get_or_insert(close);
            first
        });
    }

    /// Sends a ping (§5.5.2) after what has been framed. The call returns at once; await what it gives
    /// to learn how long the peer took to answer.
    ///
    /// The peer then has [`Timeouts::pong`](crate::proto::Timeouts::pong) to say anything at all, or the
    /// connection ends. So a dead peer is found sooner than by the keep-alive: ping after the computer
    /// slept, for instance. The ping carries four random bytes, and only a pong with the same bytes is its
    /// answer.
    ///
    /// While a ping waits for its pong, no other is sent: all calls wait for the same pong. A ping of the keep-alive
    /// counts, too. A task must poll the connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets the answer. The ping is sent in any case.
    ///
    /// # Errors
    ///
    /// [`Closed`](Error::Closed) if the connection ends, or was dropped, before the pong came.
    pub fn ping(&self) -> Ping {
        let mut before = 0;
        self.ask(|slot| {
            before = slot.answered;
            let asked = matches!(slot.ping, PingState::Asked);
            if let PingState::Idle = slot.ping {
                slot.ping = PingState::Asked;
            }
            !asked
        });
        Ping { record: Arc::clone(&self.0), before, number: None }
    }

    /// Tells the reading task, if there is something to tell.
    fn ask(&self, what: impl FnOnce(&mut Slot) -> bool) {
        let mut slot = self.lock();
        if !what(&mut slot) {
            return;
        }
        self.0.asked.store(true, Ordering::Release);
        // It stays: the task need not say again whom to wake.
        let waker = slot.waker.clone();
        drop(slot);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// The subprotocol that both sides agreed upon in the opening handshake (§1.9).
    pub fn protocol(&self) -> Option<&str> {
        self.0.protocol.as_deref()
    }

    /// How long the peer took to answer the last ping. `None` before the first.
    ///
    /// It may be a ping of the keep-alive, which is sent after
    /// [`keep_alive`](crate::proto::Timeouts::keep_alive) of silence, or one of [`ping`](Self::ping). A pong without
    /// a ping (§5.5.3) changes nothing.
    pub fn latency(&self) -> Option<Duration> {
        let micros = self.0.latency.load(Ordering::Relaxed);
        (micros != UNKNOWN).then(|| Duration::from_micros(micros.into()))
    }

    /// How the connection ended. `None` before that, and for a connection that was dropped.
    ///
    /// It is known when the peer's close frame or a violation was received, or when the transport was lost. TCP
    /// may end a little later.
    pub fn ended(&self) -> Option<CloseInfo> {
        match &self.lock().rare.as_ref()?.end {
            Some(End::Known(info)) => Some(info.clone()),
            _ => None,
        }
    }

    /// What has gone over the connection.
    pub fn traffic(&self) -> Traffic {
        Traffic::of(&self.0.received, &self.0.sent)
    }

    /// How many pings were answered, wrapping.
    pub(in crate::net) fn answered(&self) -> u32 {
        self.lock().answered
    }

    /// How many pings must have been answered to prove that what was framed last has arrived: its peer answers
    /// a ping after what came before it. The pong of one that was sent already proves nothing.
    pub(in crate::net) fn proof(&self) -> u32 {
        let slot = self.lock();
        let sent = matches!(slot.ping, PingState::Sent(_));
        slot.answered.wrapping_add(1 + u32::from(sent))
    }

    /// Sends a ping, unless one was asked for or waits for its pong.
    pub(in crate::net) fn ping_if_idle(&self) {
        let idle = matches!(self.lock().ping, PingState::Idle);
        if idle {
            drop(self.ping());
        }
    }

    pub(in crate::net) fn received(&self) -> &Seen {
        &self.0.received
    }

    pub(in crate::net) fn sent(&self) -> &Seen {
        &self.0.sent
    }

    /// Whether there is something for [`poll_asked`](Self::poll_asked).
    #[inline]
    pub(in crate::net) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }

    /// What was asked for since the last call. If nothing was, the task is woken when something is.
    pub(in crate::net) fn poll_asked(&self, waker: &Waker) -> Option<Asked> {
        let mut slot = self.lock();
        if self.0.asked.swap(false, Ordering::Acquire) {
            // After a close frame there is no ping.
            let close = slot.rare.as_ref().and_then(|rare| rare.close.clone());
            // One that was sent may be lost: the reading task knows whether it is still waited for.
            let ping = (!matches!(slot.ping, PingState::Idle)).then_some(Asked::Ping);
            if let Some(asked) = close.map(Asked::Close).or(ping) {
                return Some(asked);
            }
        }
        slot.waker.get_or_insert_with(|| waker.clone()).clone_from(waker);
        None
    }

    /// Notes that a ping was framed. One that waits for its pong has the same payload, and counts;
    /// unless it was sent `again`, because it seems to be lost.
    pub(in crate::net) fn note_ping(&self, at: Instant, again: bool) {
        let mut slot = self.lock();
        if again || !matches!(slot.ping, PingState::Sent(_)) {
            slot.ping = PingState::Sent(at);
        }
    }

    /// Notes that its pong has come.
    pub(in crate::net) fn note_pong(&self, at: Instant) {
        let mut slot = self.lock();
        let PingState::Sent(sent) = std::mem::take(&mut slot.ping) else { return };
        let micros = at.saturating_duration_since(sent).as_micros();
        let micros = u32::try_from(micros).unwrap_or(UNKNOWN).min(UNKNOWN - 1);
        self.0.latency.store(micros, Ordering::Relaxed);
        slot.answered = slot.answered.wrapping_add(1);
        let waiting = slot.rare.as_mut().map(|rare| std::mem::take(&mut rare.waiting));
        drop(slot);
        waiting.into_iter().flatten().for_each(|(_, waker)| wake(waker));
    }

    /// Notes how the connection ends.
    pub(in crate::net) fn end(&self, info: CloseInfo) {
        self.set_end(End::Known(info));
    }

    fn set_end(&self, end: End) {
        let mut slot = self.lock();
        let waker = slot.waker.take_if(|_| matches!(end, End::Dropped));
        let rare = slot.rare.get_or_insert_default();
        rare.end.get_or_insert(end);
        let waiting = std::mem::take(&mut rare.waiting);
        drop(slot);
        drop(waker);
        waiting.into_iter().for_each(|(_, waker)| wake(waker));
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        lock(&self.0.slot)
    }
}

/// What a close frame is to say, where it is a bug of the caller's if that is not legal.
///
/// # Panics
///
/// If the code must not be sent (§7.4) or the reason is longer than 123 bytes.
pub(crate) fn close_frame(code: CloseCode, reason: &str) -> CloseFrame {
    CloseFrame::new(code, reason).expect("a legal close frame (RFC 6455 §5.5, §7.4)")
}

impl Future for Ping {
    type Output = Result<Duration, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = Handle(Arc::clone(&self.record));
        let mut slot = handle.lock();
        if slot.answered != self.before {
            drop(slot);
            return Poll::Ready(Ok(handle.latency().unwrap_or_default()));
        }
        let rare = slot.rare.get_or_insert_default();
        let close = match &rare.end {
            Some(End::Known(CloseInfo { code, reason, .. })) => {
                CloseFrame { code: *code, reason: reason.clone() }
            }
            Some(End::Dropped) => {
                CloseFrame { code: CloseCode::ABNORMAL, reason: Utf8Bytes::new() }
            }
            None => {
                let Rare { waiting, next, .. } = &mut **rare;
                let number = *self.number.get_or_insert_with(|| {
                    *next += 1;
                    *next
                });
                match waiting.iter_mut().find(|(other, _)| *other == number) {
                    Some((_, waker)) => waker.clone_from(cx.waker()),
                    None => waiting.push((number, cx.waker().clone())),
                }
                return Poll::Pending;
            }
        };
        Poll::Ready(Err(Error::Closed(close)))
    }
}

/// A peer may never answer: what does not wait any more leaves nothing here.
impl Drop for Ping {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut slot = lock(&self.record.slot);
        if let Some(rare) = &mut slot.rare {
            rare.waiting.retain(|(other, _)| *other != number);
        }
    }
}

impl fmt::Debug for Ping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ping").finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("latency", &self.latency())
            .field("ended", &self.ended())
            .finish()
    }
}

const UNKNOWN: u32 = u32::MAX;
