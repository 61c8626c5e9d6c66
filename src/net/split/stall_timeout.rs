//! A writer that waits: how long it does, and that it is forgotten when it does not any more.
//!
//! A peer that takes nothing and says nothing is given up, even if no task polls the reader, whose
//! clock would find it.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::AsyncWrite;

use super::shared_writer::SharedWriter;
use super::waker_set::Waiter;
use crate::net::error::Error;
use crate::net::socket::timer::{Timer, now};
use crate::net::sync::Arc;
use crate::proto::Expired;

/// See the module.
pub(in crate::net) struct StallTimeout<'a, W: AsyncWrite + Unpin + Send + 'static> {
    shared: &'a Arc<SharedWriter<W>>,
    waiter: Waiter,
    timer: Timer,
    /// Until when, unless the peer gives another sign of life than what there were by then.
    until: Option<(Instant, u64)>,
}

impl<'a, W: AsyncWrite + Unpin + Send + 'static> StallTimeout<'a, W> {
    /// For one who may have to wait.
    pub(in crate::net) fn new(shared: &'a Arc<SharedWriter<W>>) -> Self {
        Self { shared, waiter: Waiter::new(), timer: Timer::default(), until: None }
    }

    /// Polls until it is ready, but no longer than the peer may do nothing.
    pub(in crate::net) async fn wait<T>(
        &mut self,
        mut poll: impl FnMut(&mut Context<'_>, &mut Waiter) -> Poll<Result<T, Error>>,
    ) -> Result<T, Error> {
        poll_fn(|cx| match poll(cx, &mut self.waiter) {
            Poll::Pending => self.poll_expired(cx).map(Err),
            done => done,
        })
        .await
    }

    /// Ready when a peer has taken nothing for too long: then the connection is given up.
    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
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
        self.shared.waiting.leave(&mut self.waiter);
    }
}
