//! Who is here: the connections that are open, how many there may be, and how they ended.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;

use super::listener::Peer;
use crate::net::{CloseInfo, Handle};
use crate::proto::CloseFrame;

/// How many connections a server takes.
///
/// Whoever comes when there are as many is answered before the hook is asked, whatever they ask for: a
/// health check gets 503 from a full server, and 429 from an address at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open connections: those that have finished the opening handshake. While there are as many,
    /// whoever comes, and whoever finishes theirs, is answered with 503. Default 100,000. The system's
    /// limit on open files is often lower: while that is reached, nothing is accepted.
    pub connections: usize,
    /// Connections whose opening handshake is under way, beside those that are open; what comes beyond
    /// waits to be accepted. Default 8,192, of about 8 KiB each; within a TLS handshake about 18 KiB.
    /// What the peer sends comes on top: its head, twice, and up to 16 KiB behind it, so 48 KiB at
    /// most with the default [`head`](crate::Config::head); or 72 KiB, for who sends rustls as much of a
    /// handshake as it takes. Each listener may have accepted one more, who waits for the others.
    ///
    /// Beside them as many again, but no more than 1,024, may be under way to a refusal. Beyond that,
    /// whoever has come to find no room sees the end without an answer, and others who are refused
    /// keep their place among the handshakes until they have gone.
    pub handshakes: usize,
    /// Connections from one IP address, open or not yet; what comes beyond is answered with 429.
    /// Default: no limit, for behind a proxy, or a large office's router, there is one address for
    /// all, and with IPv6 one household has many.
    pub per_address: Option<usize>,
}

/// How a server's connections ended, so far. Those that are still open are in `open`; those that have
/// not been answered yet are nowhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections whose opening handshake has succeeded and that have not ended.
    pub open: u64,
    /// They ended with a closing handshake (§7.1.4).
    pub closed: u64,
    /// They ended without: the transport failed, the peer broke a rule or a deadline.
    pub failed: u64,
    /// They were open still when draining had to end, or the handler took them away from the server.
    /// These are connections; how many messages were dropped, each connection
    /// [counts for itself](crate::net::Writer::dropped).
    pub dropped: u64,
    /// Plain HTTP requests, of health checks for instance, that the hook answered, with whatever
    /// status.
    pub answered: u64,
    /// All others that got another answer than 101, or none: whoever asked for a WebSocket connection
    /// and got none, whose request was illegal, for whom there was no room, who came while the server
    /// drained, who left or was left before they had asked; and plain requests that the server answered
    /// in place of the hook, with 426 for instance, or 500.
    pub refused: u64,
    /// Of those that have ended: how many were closed because they took messages too slowly; see
    /// [`Overflow::Close`](crate::net::Overflow::Close).
    pub overflowed: u64,
    /// Handlers that returned an error or panicked though their peer had behaved, and hooks that
    /// panicked: what the log warns of. Not what a handler returns when its connection has failed, nor
    /// that it could not send because the peer has closed it, or was closed for its slowness, nor an
    /// error while the server drains. Their connections are counted above all the same.
    pub handlers_failed: u64,
    /// What has gone over all of them.
    pub traffic: crate::net::Traffic,
}

/// See the module.
pub(super) struct Registry {
    /// Known once it serves: handles are taken before. Until then nobody comes.
    terms: OnceLock<Terms>,
    seats: Mutex<Seats>,
    /// Told when a connection has gone.
    gone: tokio::sync::Notify,
    pub(super) handshakes: Arc<Semaphore>,
    /// How many may be told at the same time that they are refused.
    refusals: Arc<Semaphore>,
    draining: watch::Sender<bool>,
}

/// What a server had been set to when it began to serve.
struct Terms {
    limits: ServerLimits,
    /// What everybody is told when it drains.
    farewell: CloseFrame,
}

#[derive(Default)]
struct Seats {
    taken: HashMap<u64, Seat>,
    /// How many of them are open, or are being told so.
    admitted: usize,
    next_id: u64,
    /// Those that have ended, and how many are open; what has gone over those is in their handles.
    report: Report,
    /// Where they come from, and how many from each address, where that counts.
    from: HashMap<u64, IpAddr>,
    addresses: HashMap<IpAddr, usize>,
}

/// What is known of one connection.
struct Seat {
    abort: Option<AbortHandle>,
    handle: Option<Handle>,
}

/// Why somebody cannot be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Everywhere,
    Address,
}

/// How one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    Refused,
    /// The server has seen it off.
    Seen(Option<CloseInfo>),
    Dropped,
}

/// A connection's place; it is given up when this is dropped.
pub(super) struct Place {
    registry: Arc<Registry>,
    id: u64,
    /// Whether it is one of those that are open, or are being told so.
    admitted: bool,
    end: Option<End>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self { connections: 100_000, handshakes: 8_192, per_address: None }
    }
}

impl Registry {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            terms: OnceLock::new(),
            seats: Mutex::default(),
            gone: tokio::sync::Notify::new(),
            handshakes: Arc::new(Semaphore::new(0)),
            refusals: Arc::new(Semaphore::new(0)),
            draining: watch::Sender::new(false),
        })
    }

    /// From now on somebody may come. To be called once.
    pub(super) fn begin(&self, limits: ServerLimits, farewell: CloseFrame) {
        if self.terms.set(Terms { limits, farewell }).is_ok() {
            let handshakes = limits.handshakes.clamp(1, Semaphore::MAX_PERMITS);
            self.handshakes.add_permits(handshakes);
            self.refusals.add_permits(handshakes.min(REFUSALS));
        }
    }

    fn terms(&self) -> &Terms {
        self.terms.get().expect("nobody comes before it serves")
    }

    /// A place for somebody who has come; or the number under which they are told that there is none.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Result<Place, (u64, Full)> {
        let limits = &self.terms().limits;
        let mut seats = self.seats();
        let id = seats.next_id;
        seats.next_id += 1;
        // One that is mapped into IPv6 is the same.
        let ip = limits.per_address.and_then(|_| peer.ip()).map(|ip| ip.to_canonical());
        let full = if seats.admitted >= limits.connections {
            Some(Full::Everywhere)
        } else if ip.is_some_and(|ip| !seats.enter_address(ip, limits.per_address)) {
            Some(Full::Address)
        } else {
            None
        };
        if let Some(full) = full {
            seats.report.refused += 1;
            return Err((id, full));
        }
        seats.taken.insert(id, Seat { abort: None, handle: None });
        if let Some(ip) = ip {
            seats.from.insert(id, ip);
        }
        Ok(Place { registry: Arc::clone(self), id, admitted: false, end: None })
    }

    /// A place among those who are told that they are refused, if there is one.
    pub(super) fn refusal(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.refusals).try_acquire_owned().ok()
    }

    /// Somebody will be refused: their place among the handshakes is for another, if there is one for
    /// them among the refusals.
    pub(super) fn make_room(&self, handshake: &mut OwnedSemaphorePermit) {
        if let Some(refusal) = self.refusal() {
            *handshake = refusal;
        }
    }

    /// How to end the task of a place, if it has not ended.
    pub(super) fn set_abort(&self, id: u64, abort: AbortHandle) {
        if let Some(seat) = self.seats().taken.get_mut(&id) {
            seat.abort = Some(abort);
        }
    }

    /// A handler has failed, or the hook.
    pub(super) fn handler_failed(&self) {
        self.seats().report.handlers_failed += 1;
    }

    pub(super) fn report(&self) -> Report {
        let seats = self.seats();
        let mut report = seats.report;
        for handle in seats.taken.values().filter_map(|seat| seat.handle.as_ref()) {
            report.traffic += handle.traffic();
        }
        report
    }

    /// Tells everybody, once.
    pub(super) fn start_draining(&self) {
        let started = self.draining.send_if_modified(|draining| !std::mem::replace(draining, true));
        if started {
            // Whoever gets a handle from now on looks for the farewell itself.
            let handles: Vec<Handle> =
                self.seats().taken.values().filter_map(|seat| seat.handle.clone()).collect();
            handles.iter().for_each(|handle| self.bid_farewell(handle));
        }
    }

    fn bid_farewell(&self, handle: &Handle) {
        handle.close_with(self.terms().farewell.clone());
    }

    /// Resolves when the server drains.
    pub(super) async fn draining(&self) {
        // The sender lives as long as this does.
        let _ = self.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// What everybody is told, if the server drains.
    pub(super) fn farewell(&self) -> Option<&CloseFrame> {
        self.is_draining().then(|| &self.terms().farewell)
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when everybody has gone.
    pub(super) async fn empty(&self) {
        loop {
            let gone = self.gone.notified();
            let mut gone = std::pin::pin!(gone);
            gone.as_mut().enable();
            if self.seats().taken.is_empty() {
                return;
            }
            gone.await;
        }
    }

    /// Ends the tasks of whoever is still here.
    pub(super) fn abort(&self) {
        let aborts: Vec<_> =
            self.seats().taken.values().filter_map(|seat| seat.abort.clone()).collect();
        aborts.iter().for_each(AbortHandle::abort);
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Whether there may be one more from there.
    fn enter_address(&mut self, ip: IpAddr, limit: Option<usize>) -> bool {
        let here = self.addresses.get(&ip).copied().unwrap_or_default();
        let room = limit.is_none_or(|limit| here < limit);
        if room {
            self.addresses.insert(ip, here + 1);
        }
        room
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
}

impl Place {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether there may be one more open connection: then it is this.
    pub(super) fn admit(&mut self) -> Result<(), Full> {
        let most = self.registry.terms().limits.connections;
        let mut seats = self.registry.seats();
        if seats.admitted >= most {
            return Err(Full::Everywhere);
        }
        seats.admitted += 1;
        self.admitted = true;
        Ok(())
    }

    /// The opening handshake has succeeded.
    pub(super) fn open(&mut self, handle: &Handle) {
        let mut seats = self.registry.seats();
        seats.report.open += 1;
        if let Some(seat) = seats.taken.get_mut(&self.id) {
            seat.handle = Some(handle.clone());
        }
        drop(seats);
        if self.registry.is_draining() {
            self.registry.bid_farewell(handle);
        }
    }

    pub(super) fn end(&mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut seats = self.registry.seats();
        let Some(seat) = seats.taken.remove(&self.id) else { return };
        seats.leave_address(self.id);
        seats.admitted -= usize::from(self.admitted);
        let report = &mut seats.report;
        let opened = seat.handle.is_some();
        report.open -= u64::from(opened);
        if let Some(handle) = &seat.handle {
            report.traffic += handle.traffic();
        }
        let unsaid = if opened { End::Dropped } else { End::Refused };
        match self.end.unwrap_or(unsaid) {
            End::Answered => report.answered += 1,
            End::Refused => report.refused += 1,
            End::Seen(ending) => {
                let clean = ending.is_some_and(|ending| ending.clean);
                *(if clean { &mut report.closed } else { &mut report.failed }) += 1;
                report.overflowed += u64::from(ending.is_some_and(|ending| ending.overflowed));
            }
            End::Dropped => report.dropped += 1,
        }
        // A flood must not leave its tables behind.
        let Seats { taken, from, addresses, .. } = &mut *seats;
        shrink(taken);
        shrink(from);
        shrink(addresses);
        drop(seats);
        drop(seat);
        self.registry.gone.notify_waiters();
    }
}

/// Gives up what a table has not needed for long, so that it costs nothing on the whole.
fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}

/// How many are told at most that they are refused, however many handshakes there may be.
const REFUSALS: usize = 1024;
