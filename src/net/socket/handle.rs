//! A hand on a connection for whoever does not hold it: to close it, and to learn how it is.
//!
//! [`Handle`]s and the reading task share a small record. A close or a ping that is asked for wakes the
//! reading task, and that frames it where it would wait: so no lock is taken per message.

use std::fmt;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::net::buffers::traffic::{Seen, Traffic};
use crate::net::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::net::sync::{Arc, Mutex, MutexGuard, lock, wake};
use crate::proto::{CloseCode, CloseFrame, Misuse};

/// A hand on a connection; clones are cheap, and none keeps the connection open.
///
/// ```no_run
/// # async fn example(mut ws: bowstring::WebSocket<tokio::net::TcpStream>) {
/// let handle = ws.handle();
/// tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
/// handle.close(1008, "you were asked to leave").unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct Handle(Arc<Record>);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseInfo {
    /// The close code of the connection (§7.1.5): the peer's, 1005 if its close frame had none, 1006
    /// if none came; or the one that told it which rule it broke (§7.1.7).
    pub code: CloseCode,
    /// Whether the closing handshake took place (§7.1.4).
    pub clean: bool,
    /// Whether it was closed because messages were taken too slowly, as
    /// [`Overflow::Close`](crate::net::Overflow::Close) wants it.
    pub overflowed: bool,
}

struct Record {
    /// There is something that the reading task was asked for and has not looked at.
    asked: AtomicBool,
    /// Microseconds from the last ping to its pong; `UNKNOWN` before there is one.
    latency: AtomicU32,
    /// The subprotocol. It is here because most connections have neither that nor a handle.
    protocol: Option<Box<str>>,
    received: Seen,
    sent: Seen,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    /// Boxed, because it is rarely there.
    close: Option<Box<CloseFrame>>,
    /// Whether a ping was asked for.
    ping: bool,
    /// The reading task, while it waits.
    waker: Option<Waker>,
    /// When the oldest ping was framed whose pong has not come.
    pinged: Option<Instant>,
    ended: Option<CloseInfo>,
}

/// What the reading task is asked for.
pub(in crate::net) enum Asked {
    Close(Box<CloseFrame>),
    Ping,
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
    /// [`Timeouts::close`](crate::proto::Timeouts::close). What is sent afterwards is
    /// [`Misuse`](crate::net::Error::Misuse). The connection must be polled.
    ///
    /// The first call counts. A connection that is closing already goes on as it is.
    ///
    /// # Errors
    ///
    /// If the code must not be sent (§7.4) or the reason is longer than 123 bytes: nothing is asked
    /// for then. [`CloseFrame::truncated`] cuts a reason.
    pub fn close(&self, code: impl Into<CloseCode>, reason: &str) -> Result<(), Misuse> {
        self.close_with(CloseFrame::new(code, reason)?);
        Ok(())
    }

    /// The same with a close frame that is known to be legal.
    pub(crate) fn close_with(&self, close: CloseFrame) {
        self.ask(|slot| {
            let first = slot.close.is_none();
            slot.close.get_or_insert_with(|| Box::new(close));
            first
        });
    }

    /// Sends a ping (§5.5.2) behind what has been framed, and returns at once: when its pong has come,
    /// [`latency`](Self::latency) tells how long that took. The keep-alive has none for a peer that is
    /// never quiet. The connection must be polled for it.
    ///
    /// While a ping is on its way, no other is sent.
    pub fn ping(&self) {
        self.ask(|slot| {
            slot.ping = slot.pinged.is_none();
            slot.ping
        });
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

    /// How long the peer took to answer the last ping: that of the keep-alive, which goes out when it
    /// has been quiet for [`keep_alive`](crate::proto::Timeouts::keep_alive), or one that was
    /// [asked for](Self::ping). `None` before the first. A pong that nobody asked for (§5.5.3) and that
    /// comes meanwhile is taken for the answer.
    pub fn latency(&self) -> Option<Duration> {
        let micros = self.0.latency.load(Ordering::Relaxed);
        (micros != UNKNOWN).then(|| Duration::from_micros(micros.into()))
    }

    /// How the connection ended, once it has: once whoever receives was told. One that was dropped
    /// has not.
    pub fn ended(&self) -> Option<CloseInfo> {
        self.lock().ended
    }

    /// What has gone over the connection.
    pub fn traffic(&self) -> Traffic {
        Traffic::of(&self.0.received, &self.0.sent)
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
            // Behind a close frame there is no ping.
            let ping = std::mem::take(&mut slot.ping).then_some(Asked::Ping);
            return slot.close.clone().map(Asked::Close).or(ping);
        }
        slot.waker.get_or_insert_with(|| waker.clone()).clone_from(waker);
        None
    }

    pub(in crate::net) fn pinged(&self, at: Instant) {
        self.lock().pinged.get_or_insert(at);
    }

    pub(in crate::net) fn ponged(&self, at: Instant) {
        if let Some(pinged) = self.lock().pinged.take() {
            let micros = at.saturating_duration_since(pinged).as_micros();
            let micros = u32::try_from(micros).unwrap_or(UNKNOWN).min(UNKNOWN - 1);
            self.0.latency.store(micros, Ordering::Relaxed);
        }
    }

    pub(in crate::net) fn end(&self, ending: CloseInfo) {
        let mut slot = self.lock();
        slot.ended = Some(ending);
        let waker = slot.waker.take();
        drop(slot);
        drop(waker);
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

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("latency", &self.latency())
            .field("ended", &self.ended())
            .finish()
    }
}

const UNKNOWN: u32 = u32::MAX;
