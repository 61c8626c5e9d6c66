//! The connections of a server: how many there may be, which are open, and how they ended.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;

use super::listener::Peer;
use crate::net::{CloseInfo, Handle};
use crate::proto::{CloseCode, CloseFrame};

/// How many connections a server takes.
///
/// ```
/// use bowstring::server::ServerLimits;
///
/// let mut limits = ServerLimits::default();
/// limits.connections = 10_000;
/// limits.per_address = Some(20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open connections: those that have finished the opening handshake. While there are as many,
    /// every further opening handshake is answered with 503. Default 100,000.
    ///
    /// The system's limit on open files is often lower. While that is reached, nothing is accepted.
    pub connections: usize,
    /// Connections whose opening handshake is under way, beside those that are open. What comes
    /// beyond waits to be accepted. Default 8,192.
    ///
    /// Each costs about 8 KiB, or 18 KiB within a TLS handshake. What the peer sends comes on top: its
    /// head twice, and up to 16 KiB after it. With the default [`head`](crate::Config::head) that is
    /// 48 KiB at most. A peer that sends as much of a TLS handshake as rustls takes costs 72 KiB. Each
    /// listener may have accepted one more, which waits for the others.
    ///
    /// As many again, but no more than 1,024, may be on their way to a refusal. Beyond that, a
    /// connection for which there is no room ends without an answer. Others that are refused keep
    /// their place among the handshakes until they have gone.
    pub handshakes: usize,
    /// Connections from one IP address, open or not yet. What comes beyond is answered with 429,
    /// plain requests too. Default: no limit. All clients of a proxy, or of a large office, share one
    /// address, and with IPv6 one household has many.
    pub per_address: Option<usize>,
    /// Plain HTTP requests that the hook may answer at the same time while the server is full, so
    /// that a health check or metrics stay readable. Those beyond get 503. Default 64.
    ///
    /// A server that is not full has no such limit: there plain requests count as handshakes.
    pub plain_requests: usize,
}

/// How a server's connections have ended so far, as [`ServerHandle::report`](super::ServerHandle::report)
/// tells it at any time and [`Server::serve`](super::Server::serve) at the end.
///
/// Each connection that was accepted is counted once: in `open` while it is open, then in one of
/// `closed`, `failed`, `dropped`, `answered`, `refused`. One whose request is not answered yet is in
/// none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections whose opening handshake has succeeded and that have not ended.
    pub open: u64,
    /// They ended with a closing handshake (§7.1.4).
    pub closed: u64,
    /// They ended without one: the transport failed, or the peer broke a rule or a deadline.
    pub failed: u64,
    /// They were still open when draining had to end, or the handler took them away from the server.
    /// These are connections. How many messages were dropped,
    /// [each connection](crate::net::Writer::dropped) counts for itself.
    pub dropped: u64,
    /// Plain HTTP requests that the hook answered, with any status: health checks, for instance.
    pub answered: u64,
    /// Requests that got another answer than 101 from the server, or none at all.
    /// [`refusals`](Self::refusals) counts them by their reason.
    pub refused: u64,
    /// Why requests were refused. The sum is `refused`.
    pub refusals: Refusals,
    /// Of `failed`: the peer broke a rule of the protocol, and a close frame told it which (§7.1.7).
    pub violations: u64,
    /// Of `failed`: the peer did not do something in time. It answered no ping, took no bytes, or did
    /// not end the closing handshake. The rest of `failed` were lost: the transport failed.
    pub timeouts: u64,
    /// Of those that have ended: they were closed because they took messages too slowly. See
    /// [`Overflow::Close`](crate::net::Overflow::Close).
    pub overflowed: u64,
    /// Handlers and hooks that failed by themselves: what the log warns of. A hook fails when it
    /// panics. A handler fails when it panics, or returns an error that is not its peer's doing;
    /// [`HandlerOutcome`](super::HandlerOutcome) says what that is. Their connections are counted above all the same.
    pub handlers_failed: u64,
    /// Times that accepting failed, because the system is out of file descriptors for instance.
    pub accepts_failed: u64,
    /// What has gone over all of them.
    pub traffic: crate::net::Traffic,
}

/// Why a server refused requests; see [`Report::refusals`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// There were as many [connections](ServerLimits::connections) as there may be: 503, or the end.
    pub full: u64,
    /// There were as many from this [address](ServerLimits::per_address) as there may be: 429, or the
    /// end.
    pub address: u64,
    /// The server drains: 503.
    pub draining: u64,
    /// A page of a foreign [origin](super::Server::origins) asked: 403.
    pub origin: u64,
    /// The request was not a legal opening handshake: 400, 405, 426, 431, 501, 505. A plain request
    /// that the hook accepts gets 426 and is counted here.
    pub illegal: u64,
    /// The hook refused an opening handshake, with the status it chose.
    pub hook: u64,
    /// The hook did not decide in time: 503.
    pub hook_timeout: u64,
    /// The hook panicked, or said what cannot be sent: 500.
    pub hook_failed: u64,
    /// The peer left, or its TLS handshake or request failed or took too long.
    pub unfinished: u64,
}

/// See the module.
pub(super) struct Registry {
    /// Known once the server serves, because handles are taken before. Until then no connection comes.
    settings: OnceLock<Settings>,
    table: Mutex<Table>,
    /// Told when a connection's task has ended.
    left: Notify,
    pub(super) handshakes: Arc<Semaphore>,
    /// How many may be told at the same time that they are refused.
    rejections: Arc<Semaphore>,
    /// How many plain requests may be answered at the same time while the server is full.
    plain_requests: Arc<Semaphore>,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    /// Those that are left are given up.
    Ending,
}

/// How a server was configured when it began to serve.
struct Settings {
    limits: ServerLimits,
    /// What connections are told when it drains.
    drain_close: CloseFrame,
}

#[derive(Default)]
struct Table {
    entries: HashMap<u64, Entry>,
    /// How many of them are open, or are about to be.
    admitted: usize,
    next_id: u64,
    /// Those that have ended, and how many are open. The traffic of the open ones is in their handles.
    report: Report,
    /// Where they come from, and how many from each address, where that counts.
    from: HashMap<u64, IpAddr>,
    addresses: HashMap<IpAddr, usize>,
}

/// What is known of one connection as long as its task runs.
struct Entry {
    abort: Option<AbortHandle>,
    stage: Stage,
}

/// How far a connection is.
enum Stage {
    /// Its opening handshake is under way.
    Opening,
    /// It counts as open, and the 101 is being written.
    Admitted,
    Open(Handle),
    /// It is counted in the report as ended.
    Ended,
}

/// Why there is no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Everywhere,
    Address,
}

/// Why a request is refused; see [`Refusals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Full(Full),
    Draining,
    Origin,
    Illegal,
    Hook,
    HookTimeout,
    HookFailed,
    Unfinished,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The hook answered a plain request.
    Answered,
    Refused(Reason),
    /// The closing handshake is over, or the connection failed.
    Closed(Option<CloseInfo>),
    Dropped,
}

/// A connection's entry in the registry. It is removed when this is dropped.
pub(super) struct Slot {
    registry: Arc<Registry>,
    id: u64,
    full: Option<Full>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { connections: 100_000, handshakes: 8_192, per_address: None, plain_requests: 64 }
    }
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        let none = || Arc::new(Semaphore::new(0));
        Arc::new(Self {
            settings: OnceLock::new(),
            table: Mutex::default(),
            left: Notify::new(),
            handshakes: none(),
            rejections: none(),
            plain_requests: none(),
            phase: watch::Sender::new(Phase::Serving),
        })
    }

    /// From now on connections may come. To be called once.
    pub(super) fn begin(&self, limits: ServerLimits, drain_close: CloseFrame) {
        if self.settings.set(Settings { limits, drain_close }).is_ok() {
            let handshakes = limits.handshakes.clamp(1, Semaphore::MAX_PERMITS);
            self.handshakes.add_permits(handshakes);
            self.rejections.add_permits(handshakes.min(MAX_REJECTIONS));
            self.plain_requests.add_permits(limits.plain_requests.min(Semaphore::MAX_PERMITS));
        }
    }

    fn settings(&self) -> &Settings {
        self.settings.get().expect("no connection comes before it serves")
    }

    /// An entry for a connection that was accepted, even if there is no room for it.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Slot {
        let limits = &self.settings().limits;
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

    /// How to end the task of a connection, if it has not ended.
    pub(super) fn set_abort(&self, id: u64, abort: AbortHandle) {
        if let Some(entry) = self.table().entries.get_mut(&id) {
            entry.abort = Some(abort);
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
        if self.advance(Phase::Draining) {
            // A connection that opens from now on looks at the phase itself.
            let handles = self.table().handles();
            handles.iter().for_each(|handle| self.send_drain_close(handle));
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

    fn send_drain_close(&self, handle: &Handle) {
        handle.close_with(self.settings().drain_close.clone());
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
    pub(super) fn drain_close(&self) -> Option<&CloseFrame> {
        self.is_draining().then(|| &self.settings().drain_close)
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

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn is_full_for(&self, ip: IpAddr, limit: Option<usize>) -> bool {
        let here = self.addresses.get(&ip).copied().unwrap_or_default();
        limit.is_some_and(|limit| here >= limit)
    }

    fn handles(&self) -> Vec<Handle> {
        let handle = |entry: &Entry| match &entry.stage {
            Stage::Open(handle) => Some(handle.clone()),
            _ => None,
        };
        self.entries.values().filter_map(handle).collect()
    }

    fn leave_address(&mut self, id: u64) {
        if let Some(ip) = self.from.remove(&id)
            && let Some(here) = self.addresses.get_mut(&ip)
        {
            *here -= 1;
            if *here == 0 {
                self.addresses.remove(&ip);
            }
        }
    }

    /// Counts how a connection ended, unless it is counted already. Without an end it was cut off where
    /// it was.
    fn end(&mut self, id: u64, end: Option<End>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let report = &mut self.report;
        match std::mem::replace(&mut entry.stage, Stage::Ended) {
            Stage::Ended => return,
            Stage::Opening => {}
            Stage::Admitted => self.admitted -= 1,
            Stage::Open(handle) => {
                self.admitted -= 1;
                report.open -= 1;
                report.traffic += handle.traffic();
                report.count(end.unwrap_or(End::Dropped));
                // The transport is gone, even if the handler goes on.
                self.leave_address(id);
                return;
            }
        }
        report.count(end.unwrap_or(End::Refused(Reason::Unfinished)));
    }
}

impl Report {
    fn count(&mut self, end: End) {
        match end {
            End::Answered => self.answered += 1,
            End::Refused(reason) => {
                self.refused += 1;
                *self.refusals.of(reason) += 1;
            }
            End::Closed(ending) => {
                let Some(CloseInfo { code, clean, expired, overflowed, .. }) = ending else {
                    self.failed += 1;
                    return;
                };
                *(if clean { &mut self.closed } else { &mut self.failed }) += 1;
                self.violations += u64::from(!clean && code != CloseCode::ABNORMAL);
                self.timeouts += u64::from(expired.is_some());
                self.overflowed += u64::from(overflowed);
            }
            End::Dropped => self.dropped += 1,
        }
    }
}

impl Refusals {
    fn of(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Full(Full::Everywhere) => &mut self.full,
            Reason::Full(Full::Address) => &mut self.address,
            Reason::Draining => &mut self.draining,
            Reason::Origin => &mut self.origin,
            Reason::Illegal => &mut self.illegal,
            Reason::Hook => &mut self.hook,
            Reason::HookTimeout => &mut self.hook_timeout,
            Reason::HookFailed => &mut self.hook_failed,
            Reason::Unfinished => &mut self.unfinished,
        }
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
        if self.registry.is_draining() {
            self.registry.send_drain_close(handle);
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
        let entry = table.entries.remove(&self.id);
        table.leave_address(self.id);
        // A flood must not leave its tables allocated.
        let Table { entries, from, addresses, .. } = &mut *table;
        shrink(entries);
        shrink(from);
        shrink(addresses);
        drop(table);
        drop(entry);
        self.registry.left.notify_waiters();
    }
}

/// Gives memory back that a table has not needed for long, so that it costs nothing on the whole.
fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}

/// How many are told at most that they are refused, however many handshakes there may be.
const MAX_REJECTIONS: usize = 1024;
