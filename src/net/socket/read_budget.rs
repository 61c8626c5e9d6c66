//! How much a socket reads before others go on.

use crate::net::buffers::pool;

/// What was read since reading last had to wait. A peer that floods us never makes us wait, so there is a limit.
/// At the limit, what is framed is written, the clock is looked at, and other tasks of the thread go on.
#[derive(Debug, Default)]
pub(super) struct ReadBudget(u32);

impl ReadBudget {
    /// As much as one read takes.
    const END: u32 = pool::BLOCK as u32;

    /// Sixteen reads use it up, however little they bring. That is more than a well-behaved peer has on
    /// its way, and few compared with what the runtime lets a task do before it makes it wait.
    pub(super) fn note(&mut self, bytes: usize) {
        self.0 += (bytes as u32).max(Self::END / 16);
    }

    pub(super) fn is_over(&self) -> bool {
        self.0 >= Self::END
    }
}
