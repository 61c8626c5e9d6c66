//! What the client shares with its handles: the messages, what is asked for, the state.

use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::config::{ReconnectConfig, Unsent};
use super::disconnect::{Disconnect, ReconnectError};
use super::window::Window;
use crate::net::socket::handle::close_frame;
use crate::net::sync::{Mutex, MutexGuard, lock, wake};
use crate::proto::{CloseCode, CloseFrame, Message, Misuse};

/// How a client that comes back is connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ReconnectState {
    /// A connection is being made, or will be when the client is first polled.
    Connecting {
        /// Which attempt it is since the last connection that lasted: 1 is the first.
        attempt: u32,
    },
    /// A connection is open.
    Open {
        /// Which connection of this client it is: 1 is the first.
        connection: u64,
    },
    /// It waits before the next attempt.
    Waiting {
        /// When the attempt begins.
        until: Instant,
        /// Why there is no connection.
        cause: Arc<Disconnect>,
    },
    /// This side closes the connection for good.
    Closing,
    /// It has ended.
    Ended {
        /// Why. `None`: this side has closed it.
        cause: Option<Arc<Disconnect>>,
    },
}

/// See the module.
pub(super) struct Shared {
    slot: Mutex<Slot>,
    pub(super) state: watch::Sender<ReconnectState>,
    /// Told when messages can be taken that could not.
    pub(super) room: Notify,
}

#[derive(Default)]
pub(super) struct Slot {
    pub(super) window: Window,
    unsent: Unsent,
    pub(super) link: LinkState,
    /// What the connection is to be closed with, if the client is to end.
    pub(super) close: Option<CloseFrame>,
    /// The pause is to be cut short.
    pub(super) retry_now: bool,
    /// How many messages were dropped.
    pub(super) dropped: u64,
    /// The task that drives the client.
    driver: Option<Waker>,
}

/// What can be done with a message now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LinkState {
    /// It waits for the next connection.
    #[default]
    Down,
    Up,
    /// None is taken any more.
    Ended,
}

/// What became of a message that was offered.
#[derive(Debug)]
pub(super) enum Taken {
    Yes,
    /// There is no room: here it is.
    Full(Message),
}

impl Shared {
    pub(super) fn new(config: &ReconnectConfig) -> Arc<Self> {
        let (state, _) = watch::channel(ReconnectState::Connecting { attempt: 1 });
        let shared = Self { slot: Mutex::default(), state, room: Notify::new() };
        shared.configure(config);
        Arc::new(shared)
    }

    pub(super) fn configure(&self, config: &ReconnectConfig) {
        let mut slot = self.lock();
        slot.window.configure(config);
        slot.unsent = config.unsent;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Slot> {
        lock(&self.slot)
    }

    /// Takes a message if there is room for it.
    pub(super) fn offer(&self, message: Message) -> Result<Taken, ReconnectError> {
        check(&message)?;
        let mut slot = self.lock();
        if slot.link == LinkState::Ended || slot.close.is_some() {
            return Err(ReconnectError::Ended);
        }
        match message {
            // Nothing may follow it (§5.5.1), so it is the end.
            Message::Close(close) => {
                let normal = || close_frame(CloseCode::NORMAL, "");
                slot.close = Some(close.unwrap_or_else(normal));
            }
            _ if slot.link == LinkState::Down && slot.unsent == Unsent::Drop => {
                slot.dropped += 1;
                return Ok(Taken::Yes);
            }
            message if !slot.window.has_room() => return Ok(Taken::Full(message)),
            message => slot.window.push(message),
        }
        wake_driver(slot);
        Ok(Taken::Yes)
    }

    /// Asks for the end. The first frame counts.
    pub(super) fn close(&self, close: CloseFrame) {
        let mut slot = self.lock();
        slot.close.get_or_insert(close);
        wake_driver(slot);
    }

    /// Asks for an attempt now.
    pub(super) fn retry_now(&self) {
        let mut slot = self.lock();
        slot.retry_now = true;
        wake_driver(slot);
    }

    pub(super) fn set_state(&self, state: ReconnectState) {
        self.state.send_replace(state);
    }
}

impl Slot {
    /// Notes the task that is to be woken when something is asked for.
    pub(super) fn register(&mut self, waker: &Waker) {
        self.driver.get_or_insert_with(|| waker.clone()).clone_from(waker);
    }

    /// Whether a message can be taken.
    pub(super) fn poll_room(&self) -> Poll<Result<(), ReconnectError>> {
        if self.link == LinkState::Ended || self.close.is_some() {
            return Poll::Ready(Err(ReconnectError::Ended));
        }
        let drops = self.link == LinkState::Down && self.unsent == Unsent::Drop;
        match drops || self.window.has_room() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Drops what was not framed, if the application wants that. For when there is no connection.
    pub(super) fn drop_unsent(&mut self) {
        if self.unsent == Unsent::Drop {
            self.dropped += self.window.take_unsent().len() as u64;
        }
    }
}

/// Wakes the task that drives the client, for what it was asked for.
fn wake_driver(mut slot: MutexGuard<'_, Slot>) {
    let driver = slot.driver.take();
    drop(slot);
    driver.into_iter().for_each(wake);
}

/// Control frames have limits that are known without a connection (§5.5, §7.4).
fn check(message: &Message) -> Result<(), ReconnectError> {
    match message {
        Message::Ping(payload) | Message::Pong(payload) if payload.len() > MAX_CONTROL => {
            Err(Misuse::LongControl { len: payload.len() }.into())
        }
        Message::Close(Some(CloseFrame { code, reason })) => {
            CloseFrame::new(*code, reason.clone())?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// §5.5.
const MAX_CONTROL: usize = 125;
