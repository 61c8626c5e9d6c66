//! The connections of a server: how many there may be, which are open, and how they ended.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::listener::Peer;
use super::report::{End, Full, Reason, Report};
use super::settings::Settings;
use super::table::{Entry, Stage, Table};
use crate::net::Handle;
use crate::proto::CloseFrame;

/// See the module.
pub(super) struct Registry {
    /// What is set so far: handles are taken before all is set, and may admit connections at once.
    settings: Mutex<Arc<Settings>>,
    table: Mutex<Table>,
    /// Told when a connection's task has ended.
    left: Notify,
    pub(super) handshakes: Arc<Semaphore>,
    /// How many may be told at the same time that they are refused.
    rejections: Arc<Semaphore>,
    /// How many plain requests may be answered at the same time while the server is full.
    plain_requests: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
    /// Since when it drains.
    draining_since: OnceLock<Instant>,
    /// What handlers keep of their connections, by its type. Most servers have none.
    lists: Mutex<Vec<Box<dyn Any + Send>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    /// Those that are left are given up.
    Ending,
}

/// A connection's entry in the registry. It is removed when this is dropped.
pub(super) struct Slot {
    registry: Arc<Registry>,
    id: u64,
    full: Option<Full>,
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        let none = || Arc::new(Semaphore::new(0));
        Arc::new(Self {
            settings: Mutex::default(),
            table: Mutex::default(),
            left: Notify::new(),
            handshakes: none(),
            rejections: none(),
            plain_requests: none(),
            phase: watch::Sender::new(Phase::Serving),
            draining_since: OnceLock::new(),
            lists: Mutex::default(),
        })
    }

    /// Sets something. It holds for what comes from now on.
    pub(super) fn set(&self, set: impl FnOnce(&mut Settings)) {
        set(Arc::make_mut(&mut self.settings.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// What is set.
    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on listeners may accept connections. To be called once.
    pub(super) fn begin(&self) {
        let limits = self.settings().limits;
        let handshakes = limits.handshakes.clamp(1, Semaphore::MAX_PERMITS);
        self.handshakes.add_permits(handshakes);
        self.rejections.add_permits(handshakes.min(MAX_REJECTIONS));
        self.plain_requests.add_permits(limits.plain_requests.min(Semaphore::MAX_PERMITS));
    }

    /// An entry for a connection that was accepted, even if there is no room for it.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Slot {
        let limits = self.settings().limits;
        let mut table = self.table();
        let id = table.next_id;
        table.next_id += 1;
        // An IPv4 address that is mapped into IPv6 is the same address.
        let ip = limits.per_address.and_then(|_| peer.ip()).map(|ip| ip.to_canonical());
        let full = if ip.is_some_and(|ip| table.is_full_for(ip, limits.per_address)) {
            Some(Full::Address)
        } else if table.admitted >= limits.connections {
            Some(Full::Everywhere)
        } else {
            None
        };
        if let Some(ip) = ip.filter(|_| full != Some(Full::Address)) {
            table.from.insert(id, ip);
            *table.addresses.entry(ip).or_default() += 1;
        }
        table.entries.insert(id, Entry { abort: None, stage: Stage::Opening });
        Slot { registry: Arc::clone(self), id, full }
    }

    /// A permit to tell a peer that it is refused, if there is one.
    pub(super) fn rejection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.rejections).try_acquire_owned().ok()
    }

    /// A permit to answer a plain request although the server is full, if there is one.
    pub(super) fn plain_request(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.plain_requests).try_acquire_owned().ok()
    }

    /// How to end the task of a connection, if it has not ended. What begins when all are ended is ended, too.
    pub(super) fn set_abort(&self, id: u64, abort: AbortHandle) {
        if let Some(entry) = self.table().entries.get_mut(&id) {
            entry.abort = Some(abort.clone());
        }
        // Asked afterwards: `abort` either finds the entry, or has come before this.
        if *self.phase.borrow() == Phase::Ending {
            abort.abort();
        }
    }

    /// A handler has failed, or the hook.
    pub(super) fn handler_failed(&self) {
        self.table().report.handlers_failed += 1;
    }

    pub(super) fn accept_failed(&self) {
        self.table().report.accepts_failed += 1;
    }

    pub(super) fn report(&self) -> Report {
        let table = self.table();
        let (mut report, handles) = (table.report, table.handles());
        // Summed outside the lock, which every connection that comes or goes needs.
        drop(table);
        for handle in handles {
            report.traffic += handle.traffic();
        }
        report
    }

    /// Tells all connections that the server goes down, once.
    pub(super) fn start_draining(&self) {
        self.draining_since.get_or_init(Instant::now);
        if self.advance(Phase::Draining) {
            // A connection that opens from now on looks at the phase itself.
            let (handles, close) = (self.table().handles(), &self.settings().drain_close);
            handles.iter().for_each(|handle| handle.close_with(close.clone()));
        }
    }

    /// Draining has to end now.
    pub(super) fn start_ending(&self) {
        self.start_draining();
        self.advance(Phase::Ending);
    }

    /// Whether the phase is new.
    fn advance(&self, next: Phase) -> bool {
        self.phase.send_if_modified(|phase| {
            let new = *phase < next;
            *phase = next.max(*phase);
            new
        })
    }

    /// Resolves when the server drains.
    pub(super) async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves when draining has to end at once.
    pub(super) async fn ending(&self) {
        self.reached(Phase::Ending).await;
    }

    async fn reached(&self, phase: Phase) {
        // The sender lives as long as this does.
        let _ = self.phase.subscribe().wait_for(|present| *present >= phase).await;
    }

    /// What connections are told, if the server drains.
    pub(super) fn drain_close(&self) -> Option<CloseFrame> {
        self.is_draining().then(|| self.settings().drain_close.clone())
    }

    /// How long draining may still take.
    pub(super) fn drain_left(&self) -> Duration {
        let since = self.draining_since.get().map(Instant::elapsed).unwrap_or_default();
        self.settings().drain_within.saturating_sub(since)
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Resolves when no connection's task is left.
    pub(super) async fn empty(&self) {
        loop {
            let left = self.left.notified();
            let mut left = std::pin::pin!(left);
            left.as_mut().enable();
            if self.table().entries.is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Ends the tasks of the connections that are left.
    pub(super) fn abort(&self) {
        let aborts: Vec<_> =
            self.table().entries.values().filter_map(|entry| entry.abort.clone()).collect();
        aborts.iter().for_each(AbortHandle::abort);
    }

    /// Counts the connections whose tasks did not end when they were aborted, because their handlers
    /// block.
    pub(super) fn give_up(&self) {
        let mut table = self.table();
        let ids: Vec<_> = table.entries.keys().copied().collect();
        ids.into_iter().for_each(|id| table.end(id, None));
    }

    /// The one list of this type.
    pub(super) fn list_of<L: Clone + Default + Send + 'static>(&self) -> L {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.iter().find_map(|list| list.downcast_ref::<L>()) {
            return list.clone();
        }
        let list = L::default();
        lists.push(Box::new(list.clone()));
        list
    }

    /// The open connections.
    pub(super) fn open(&self) -> Vec<(u64, Handle)> {
        self.table().open().map(|(id, handle)| (id, handle.clone())).collect()
    }

    pub(super) fn handle_of(&self, id: u64) -> Option<Handle> {
        self.table().entries.get(&id).and_then(Entry::handle).cloned()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Why there was no room when the connection came, if there was none.
    pub(super) fn full(&self) -> Option<Full> {
        self.full
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Makes this one of the open connections, if there may be one more.
    pub(super) fn admit(&mut self) -> Result<(), Full> {
        let most = self.registry.settings().limits.connections;
        let mut table = self.registry.table();
        if table.admitted >= most {
            return Err(Full::Everywhere);
        }
        if let Some(entry) = table.entries.get_mut(&self.id) {
            entry.stage = Stage::Admitted;
            table.admitted += 1;
        }
        Ok(())
    }

    /// The opening handshake has succeeded.
    pub(super) fn open(&mut self, handle: &Handle) {
        let mut table = self.registry.table();
        if let Some(entry) = table.entries.get_mut(&self.id)
            && matches!(entry.stage, Stage::Admitted)
        {
            entry.stage = Stage::Open(handle.clone());
            table.report.open += 1;
        }
        drop(table);
        if let Some(close) = self.registry.drain_close() {
            handle.close_with(close);
        }
    }

    /// Counts how it ended. Only the first call counts.
    pub(super) fn end(&mut self, end: End) {
        self.registry.table().end(self.id, Some(end));
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.registry.table();
        table.end(self.id, self.full.map(|full| End::Refused(Reason::Full(full))));
        let entry = table.remove(self.id);
        drop(table);
        drop(entry);
        self.registry.left.notify_waiters();
    }
}

/// How many are told at most that they are refused, however many handshakes there may be.
const MAX_REJECTIONS: usize = 1024;
