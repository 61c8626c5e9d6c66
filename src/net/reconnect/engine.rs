//! The connections of a client that comes back, one after another.
//!
//! ```text
//!            ┌───────────── retry ◀──────────────┐
//!            ▼                                   │
//! start ─▶ connecting ─▶ hook ─▶ open ─▶ lost, closed by the peer, failed
//!            ▲  │ failed                         │
//!            │  ▼                                ▼
//!          waiting                             ended ◀── closing ◀── closed by this side
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::back_off::BackOff;
use super::config::ReconnectConfig;
use super::disconnect::{AttemptError, Disconnect, ReconnectError, Retry};
use super::shared::{LinkState, ReconnectState, Shared};
use super::trace;
use crate::net::error::Error;
use crate::net::opening::transport::Transport;
use crate::net::socket::driver::ReadMode;
use crate::net::socket::handle::Handle;
use crate::net::socket::websocket::WebSocket;
use crate::proto::{CloseCode, CloseFrame, Message, Misuse};

/// What an attempt gives, in the end.
pub(super) type Attempting =
    Pin<Box<dyn Future<Output = Result<WebSocket<Transport>, AttemptError>> + Send>>;
pub(super) type Connect = Box<dyn FnMut(Attempt) -> Attempting + Send>;
pub(super) type Hook = Box<dyn FnMut(WebSocket<Transport>) -> Attempting + Send>;
pub(super) type Policy = Box<dyn FnMut(&Disconnect, Retry) -> Retry + Send>;

/// An attempt to connect, for the function that makes the connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Which attempt it is since the last connection that lasted: 1 is the first.
    pub number: u32,
    /// How many connections this client has had before.
    pub connections: u64,
    /// Why there is no connection. `None` at first.
    pub cause: Option<Arc<Disconnect>>,
}

/// What happens to a client that comes back.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// A message was received.
    Message(Message),
    /// A connection is open, and the hook has run.
    Connected,
    /// There is no connection: it has ended, or an attempt has failed.
    Disconnected {
        /// Why.
        cause: Arc<Disconnect>,
        /// Messages of which it is not known whether they have arrived, in their order. They were framed, and no pong
        /// has come that proves that the peer got them. They are not sent again.
        ///
        /// If this is the end, [`take_undelivered`](super::client::ReconnectingWebSocket::take_undelivered) has them.
        in_doubt: Vec<Message>,
        /// How long it waits before the next attempt. `None`: this is the end.
        pause: Option<Duration>,
    },
}

/// See the module.
pub(super) struct Engine {
    phase: Phase,
    connect: Connect,
    pub(super) hook: Option<Hook>,
    pub(super) policy: Option<Policy>,
    /// From 0 up to 1.
    pub(super) jitter: Box<dyn FnMut() -> f64 + Send>,
    pub(super) config: ReconnectConfig,
    pub(super) shared: Arc<Shared>,
    back_off: BackOff,
    connections: u64,
    /// Since when there is no connection.
    down_since: Option<Instant>,
    cause: Option<Arc<Disconnect>>,
    /// What has happened and was not received: at most a disconnection, then a connection.
    changes: VecDeque<Change>,
    in_doubt: Vec<Message>,
    received: Option<Message>,
    /// Whether room was made for messages since this was last asked.
    pub(super) made_room: bool,
}

enum Change {
    Connected,
    Disconnected { cause: Arc<Disconnect>, pause: Option<Duration> },
}

enum Phase {
    Start,
    /// Until the deadline. `hook`: it has connected, and the hook runs.
    Connecting {
        attempting: Attempting,
        deadline: Pin<Box<Sleep>>,
        hook: bool,
    },
    Waiting(Pin<Box<Sleep>>),
    Open(Box<Open>),
    Ended(End),
}

/// How it has ended, as long as the task that receives does not know.
#[derive(Debug)]
enum End {
    Due(Option<ReconnectError>),
    Told,
}

struct Open {
    ws: WebSocket<Transport>,
    handle: Handle,
    since: Instant,
    writing: Writing,
}

/// What is done with the writing direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Going,
    /// It has failed. What the peer has said before is still received.
    Failed,
    /// This side has closed with this code.
    Closed(CloseCode),
}

impl Engine {
    pub(super) fn new(connect: Connect) -> Self {
        let config = ReconnectConfig::default();
        let shared = Shared::new(&config);
        Self {
            phase: Phase::Start,
            connect,
            hook: None,
            policy: None,
            jitter: Box::new(rand::random),
            config,
            shared,
            back_off: BackOff::default(),
            connections: 0,
            down_since: None,
            cause: None,
            changes: VecDeque::new(),
            in_doubt: Vec::new(),
            received: None,
            made_room: false,
        }
    }

    /// Goes on as far as that goes without waiting, or until there is a message to be received.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.shared.lock().register(cx.waker());
        while self.poll_phase(cx).is_ready() {}
    }

    /// `Ready`: the phase has changed.
    fn poll_phase(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.phase, Phase::Open(_) | Phase::Ended(_))
            && self.shared.lock().close.is_some()
        {
            self.end(None, None);
            return Poll::Ready(());
        }
        match &mut self.phase {
            Phase::Start => self.begin(),
            Phase::Connecting { .. } => return self.poll_connecting(cx),
            Phase::Waiting(sleep) => {
                let now = std::mem::take(&mut self.shared.lock().retry_now);
                if !now && sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.begin();
            }
            Phase::Open(open) => {
                let (polled, made_room) = open.poll(cx, &self.shared, &mut self.received);
                self.made_room |= made_room;
                match polled {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(disconnect) => self.closed(disconnect),
                }
            }
            Phase::Ended(_) => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Begins an attempt.
    fn begin(&mut self) {
        let number = self.back_off.note_attempt();
        self.down_since.get_or_insert_with(Instant::now);
        self.shared.set_state(ReconnectState::Connecting { attempt: number });
        trace::connecting(number);
        let cause = self.cause.clone();
        let attempting = (self.connect)(Attempt { number, connections: self.connections, cause });
        let deadline = Box::pin(sleep(self.config.attempt_timeout));
        self.phase = Phase::Connecting { attempting, deadline, hook: false };
    }

    fn poll_connecting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Connecting { attempting, deadline, hook } = &mut self.phase else {
            return Poll::Ready(());
        };
        match attempting.as_mut().poll(cx) {
            Poll::Ready(Ok(ws)) => match &mut self.hook {
                Some(run) if !*hook => {
                    *attempting = run(ws);
                    *hook = true;
                }
                _ => self.open(ws),
            },
            Poll::Ready(Err(error)) => self.disconnected(Disconnect::Attempt(error)),
            Poll::Pending => {
                if deadline.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let error = AttemptError::TimedOut(self.config.attempt_timeout);
                self.disconnected(Disconnect::Attempt(error));
            }
        }
        Poll::Ready(())
    }

    fn open(&mut self, mut ws: WebSocket<Transport>) {
        self.connections += 1;
        self.down_since = None;
        let handle = ws.handle();
        let (since, writing) = (Instant::now(), Writing::Going);
        self.phase = Phase::Open(Box::new(Open { ws, handle, since, writing }));
        self.shared.lock().link = LinkState::Up;
        self.shared.set_state(ReconnectState::Open { connection: self.connections });
        trace::connected(self.connections);
        self.changes.push_back(Change::Connected);
    }

    /// The open connection has ended.
    fn closed(&mut self, disconnect: Disconnect) {
        let Phase::Open(open) = &self.phase else { return };
        if open.since.elapsed() >= self.config.stable_after {
            self.back_off.reset();
        }
        let closed = match open.writing {
            Writing::Closed(code) => Some(code),
            Writing::Going | Writing::Failed => None,
        };
        let mut slot = self.shared.lock();
        slot.link = LinkState::Down;
        if closed.is_some() && disconnect.close_code() == closed && !is_failure(&disconnect) {
            // It has answered our close frame, so it got what came before (§5.5.1).
            slot.window.take_framed();
        }
        let in_doubt = slot.window.take_framed();
        slot.drop_unsent();
        let ends = closed.is_some() || slot.close.is_some();
        drop(slot);
        self.made_room = true;
        self.keep_in_doubt(in_doubt);
        if ends {
            let failed = is_failure(&disconnect).then(|| Arc::new(disconnect));
            return self.end(failed, None);
        }
        self.disconnected(disconnect);
    }

    /// There is no connection: decides whether there will be one.
    fn disconnected(&mut self, disconnect: Disconnect) {
        let default = disconnect.retry(&self.config);
        let retry = match &mut self.policy {
            Some(policy) => policy(&disconnect, default),
            None => default,
        };
        let normal = disconnect.is_normal();
        let cause = Arc::new(disconnect);
        self.cause = Some(Arc::clone(&cause));
        let pause = self.back_off.pause(retry, &self.config, (self.jitter)());
        let now = Instant::now();
        let since = *self.down_since.get_or_insert(now);
        let spent = self.config.max_attempts.is_some_and(|most| self.back_off.attempts() >= most);
        let why: Option<fn(Arc<Disconnect>) -> ReconnectError> = match pause {
            None if normal => None,
            None => Some(ReconnectError::Permanent),
            Some(_) if spent => Some(ReconnectError::TooManyAttempts),
            Some(pause) => {
                // No clock goes on for ever.
                let pause = pause.min(YEAR);
                let until = now + pause;
                let limit = self.config.max_time.and_then(|time| since.checked_add(time));
                if limit.is_none_or(|limit| until <= limit) {
                    return self.wait(cause, pause, until);
                }
                Some(ReconnectError::TooLong)
            }
        };
        let error = why.map(|why| why(Arc::clone(&cause)));
        self.end(Some(cause), error);
    }

    fn wait(&mut self, cause: Arc<Disconnect>, pause: Duration, until: Instant) {
        trace::waiting(&cause, pause);
        // What was asked for before was for no pause, or for another. Who sees the state is not ignored.
        self.shared.lock().retry_now = false;
        let state = ReconnectState::Waiting { until, cause: Arc::clone(&cause) };
        self.shared.set_state(state);
        self.note_disconnected(cause, Some(pause));
        self.phase = Phase::Waiting(Box::pin(sleep_until(until)));
    }

    fn end(&mut self, cause: Option<Arc<Disconnect>>, error: Option<ReconnectError>) {
        trace::ended(cause.as_deref(), error.is_some());
        self.phase = Phase::Ended(End::Due(error));
        self.shared.lock().link = LinkState::Ended;
        self.made_room = true;
        if let Some(cause) = &cause {
            self.note_disconnected(Arc::clone(cause), None);
        }
        self.shared.set_state(ReconnectState::Ended { cause });
    }

    /// Notes that there is no connection, for the task that receives. What it has not received before is over.
    fn note_disconnected(&mut self, cause: Arc<Disconnect>, pause: Option<Duration>) {
        self.changes.clear();
        self.changes.push_back(Change::Disconnected { cause, pause });
    }

    /// If the program does not receive, the newest are kept, as many as the window holds.
    fn keep_in_doubt(&mut self, in_doubt: Vec<Message>) {
        self.in_doubt.extend(in_doubt);
        let mut bytes = 0;
        let fits = |message: &&Message| {
            bytes += message.as_bytes().len();
            bytes <= self.config.max_kept_bytes
        };
        let newest = self.in_doubt.iter().rev().take(self.config.max_kept_messages);
        let keep = newest.take_while(fits).count().max(1);
        let excess = self.in_doubt.len().saturating_sub(keep);
        self.in_doubt.drain(..excess);
        self.shared.lock().dropped += excess as u64;
    }

    /// Whether there is something to be received.
    pub(super) fn has_event(&self) -> bool {
        !self.changes.is_empty() || self.received.is_some() || self.is_ended()
    }

    /// Drops a message that was received. Whether there was one.
    pub(super) fn drop_message(&mut self) -> bool {
        self.received.take().is_some()
    }

    /// What there is to be received.
    pub(super) fn take_event(&mut self) -> Option<ReconnectEvent> {
        match self.changes.pop_front() {
            Some(Change::Connected) => return Some(ReconnectEvent::Connected),
            Some(Change::Disconnected { cause, pause }) => {
                // After the end they are with what else was not delivered.
                let in_doubt = match pause {
                    Some(_) => std::mem::take(&mut self.in_doubt),
                    None => Vec::new(),
                };
                return Some(ReconnectEvent::Disconnected { cause, in_doubt, pause });
            }
            None => {}
        }
        self.received.take().map(ReconnectEvent::Message)
    }

    /// How it has ended, once it has. An error is told once.
    pub(super) fn take_end(&mut self) -> Option<Result<(), ReconnectError>> {
        let Phase::Ended(end) = &mut self.phase else { return None };
        match std::mem::replace(end, End::Told) {
            End::Due(Some(error)) => Some(Err(error)),
            End::Due(None) | End::Told => Some(Ok(())),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    pub(super) fn take_in_doubt(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.in_doubt)
    }

    /// Writes everything that was given to the client. Without a connection it waits for one.
    pub(super) fn poll_flushed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ReconnectError>> {
        self.poll(cx);
        let unsent = self.shared.lock().window.unsent().is_some();
        match &mut self.phase {
            Phase::Ended(_) if unsent => Poll::Ready(Err(ReconnectError::Ended)),
            Phase::Open(open) if unsent || open.ws.buffered() > 0 => Poll::Pending,
            _ if unsent => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Whether it is no answer of the peer's.
fn is_failure(disconnect: &Disconnect) -> bool {
    !matches!(disconnect, Disconnect::Closed(_))
}

impl Open {
    /// Writes and reads. `Ready`: the connection has ended. And whether room was made for messages.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        received: &mut Option<Message>,
    ) -> (Poll<Disconnect>, bool) {
        let mut made_room = false;
        loop {
            made_room |= self.forget_arrived(shared);
            if let Err(misuse) = self.write(cx, shared) {
                return (Poll::Ready(Disconnect::Failed(misuse.into())), made_room);
            }
            if received.is_some() {
                return (Poll::Pending, made_room);
            }
            match self.ws.driver.poll_recv(cx, ReadMode::Always) {
                Poll::Pending => {
                    // The pong may just have come.
                    made_room |= self.forget_arrived(shared);
                    return (Poll::Pending, made_room);
                }
                // How it ends is told once it has ended.
                Poll::Ready(Ok(Some(Message::Close(_)))) => {}
                Poll::Ready(Ok(Some(message))) => *received = Some(message),
                Poll::Ready(Ok(None)) => {
                    made_room |= self.forget_arrived(shared);
                    return (Poll::Ready(Disconnect::Closed(self.close_frame())), made_room);
                }
                Poll::Ready(Err(error)) => {
                    made_room |= self.forget_arrived(shared);
                    return (Poll::Ready(Disconnect::Failed(error)), made_room);
                }
            }
        }
    }

    /// Frames and writes what there is.
    ///
    /// # Errors
    ///
    /// The hook has left the connection with a message that is not finished: nothing can be sent.
    fn write(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Result<(), Misuse> {
        let written = match self.writing {
            Writing::Failed => return Ok(()),
            Writing::Going => self.feed(cx, shared),
            Writing::Closed(_) => Ok(()),
        };
        let flushed = written.and_then(|()| match self.ws.poll_flushed(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        });
        match flushed {
            Err(Error::Misuse(misuse)) => return Err(misuse),
            // The task that receives learns why, after what the peer has said before.
            Err(_) if self.writing == Writing::Going => self.writing = Writing::Failed,
            _ => {}
        }
        Ok(())
    }

    /// Frames messages as far as there is room, then the close frame, if the client is to end.
    fn feed(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Result<(), Error> {
        let unsent = || shared.lock().window.unsent().cloned();
        // Others only add at the end, so it is still the next after it was framed.
        while let Some(message) = unsent() {
            if self.ws.poll_feed(cx, &message)?.is_pending() {
                return Ok(());
            }
            shared.lock().window.note_framed(self.handle.proof());
        }
        let (wants_proof, close) = {
            let slot = shared.lock();
            (slot.window.wants_proof(), slot.close.clone())
        };
        if wants_proof {
            self.handle.ping_if_idle();
        }
        if let Some(close) = close
            && self.ws.poll_feed(cx, &close.as_close())?.is_ready()
        {
            self.writing = Writing::Closed(close.code);
            shared.set_state(ReconnectState::Closing);
        }
        Ok(())
    }

    /// Forgets the messages that have arrived, as far as pongs prove it.
    fn forget_arrived(&self, shared: &Shared) -> bool {
        let mut slot = shared.lock();
        slot.window.has_framed() && slot.window.release(self.handle.answered())
    }

    fn close_frame(&self) -> CloseFrame {
        let (code, reason) = match self.handle.ended() {
            Some(info) => (info.code, info.reason),
            None => (CloseCode::ABNORMAL, Default::default()),
        };
        CloseFrame { code, reason }
    }
}

/// Tasks that wait for the client learn that it is gone.
impl Drop for Engine {
    fn drop(&mut self) {
        if !self.is_ended() {
            self.end(None, None);
            self.shared.room.notify_waiters();
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("state", &*self.shared.state.borrow())
            .finish_non_exhaustive()
    }
}
