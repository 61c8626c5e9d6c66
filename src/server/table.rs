//! The table of a server's connections: what is known of each, and how many there are.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use tokio::task::AbortHandle;

use super::report::{End, Reason, Report};
use crate::net::Handle;

/// See the module.
#[derive(Default)]
pub(super) struct Table {
    pub(super) entries: HashMap<u64, Entry>,
    /// How many of them are open, or are about to be.
    pub(super) admitted: usize,
    pub(super) next_id: u64,
    /// Those that have ended, and how many are open. The traffic of the open ones is in their handles.
    pub(super) report: Report,
    /// Where they come from, and how many from each address, where that counts.
    pub(super) from: HashMap<u64, IpAddr>,
    pub(super) addresses: HashMap<IpAddr, usize>,
}

/// What is known of one connection as long as its task runs.
pub(super) struct Entry {
    pub(super) abort: Option<AbortHandle>,
    pub(super) stage: Stage,
}

/// How far a connection is.
pub(super) enum Stage {
    /// Its opening handshake is under way.
    Opening,
    /// It counts as open, and the 101 is being written.
    Admitted,
    Open(Handle),
    /// It is counted in the report as ended.
    Ended,
}

impl Entry {
    /// The handle of a connection that is open.
    pub(super) fn handle(&self) -> Option<&Handle> {
        match &self.stage {
            Stage::Open(handle) => Some(handle),
            _ => None,
        }
    }
}

impl Table {
    pub(super) fn is_full_for(&self, ip: IpAddr, limit: Option<usize>) -> bool {
        let here = self.addresses.get(&ip).copied().unwrap_or_default();
        limit.is_some_and(|limit| here >= limit)
    }

    /// The handles of those that are open.
    pub(super) fn handles(&self) -> Vec<Handle> {
        self.open().map(|(_, handle)| handle.clone()).collect()
    }

    pub(super) fn open(&self) -> impl Iterator<Item = (u64, &Handle)> {
        self.entries.iter().filter_map(|(id, entry)| Some((*id, entry.handle()?)))
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
    pub(super) fn end(&mut self, id: u64, end: Option<End>) {
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

    /// Removes what is left of a connection.
    pub(super) fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id);
        self.leave_address(id);
        // A flood must not leave its tables allocated.
        shrink(&mut self.entries);
        shrink(&mut self.from);
        shrink(&mut self.addresses);
        entry
    }
}

/// Gives memory back that a table has not needed for long, so that it costs nothing on the whole.
fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}
