//! A writer that waits: how long it does, and that it is forgotten when it does not any more.
//!
//! A peer that takes nothing and says nothing is given up, even if nobody polls the reader, whose
//! clock would find it.

use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::io::AsyncWrite;

use super::shared_writer::SharedWriter;
use crate::net::error::Error;
use crate::net::socket::timer::{Timer, now};
use crate::proto::Expired;

/// See the module.
pub(in crate::net) struct StallTimeout<'a, W: AsyncWrite + Unpin + Send + 'static> {
    shared: &'a SharedWriter<W>,
    timer: Timer,
    /// Until when, unless the peer gives another sign of life than what there were by then.
    until: Option<(Instant, u32)>,
    /// Under which it is known to the others.
    waker: Option<Waker>,
}

impl<'a, W: AsyncWrite + Unpin + Send + 'static> StallTimeout<'a, W> {
    /// For one who begins to wait.
    pub(in crate::net) fn new(shared: &'a SharedWriter<W>) -> Self {
        Self { shared, timer: Timer::default(), until: None, waker: None }
    }

    /// Ready when a peer has taken nothing for too long: then the connection is given up.
    pub(in crate::net) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        let Some(stall_timeout) = self.shared.stall_timeout else { return Poll::Pending };
        loop {
            let signs = self.shared.signs_of_life();
            let at = match self.until {
                Some((at, before)) if before == signs => at,
                _ => now() + stall_timeout,
            };
            self.until = Some((at, signs));
            ready!(self.timer.poll(cx, at, || {}));
            if self.shared.signs_of_life() == signs {
                self.shared.give_up();
                return Poll::Ready(Expired::Write.into());
            }
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> Drop for StallTimeout<'_, W> {
    fn drop(&mut self) {
        // Another future of its task may wait under the same waker, and must be asked again then.
        if let Some(waker) = &self.waker
            && self.shared.waiting.dismiss(waker)
        {
            waker.wake_by_ref();
        }
    }
}
