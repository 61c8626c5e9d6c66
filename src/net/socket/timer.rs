//! One timer per connection, set lazily.
//!
//! Deadlines move away with every byte that arrives; the runtime's timer is left where it is, and
//! when it goes off too early it is set again. A busy connection so touches the timer wheel once per
//! keep-alive interval instead of once per message.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant as StdInstant;

use tokio::task::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct Timer {
    /// Boxed, because most of a socket's life it is only waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom it wakes.
    waker: Option<Waker>,
}

impl Timer {
    /// Whether it is set for this task.
    #[inline]
    pub(in crate::net) fn wakes(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|own| own.will_wake(waker))
    }

    /// Forgets whom it wakes: the task is asked anew.
    pub(in crate::net) fn forget(&mut self) {
        self.waker = None;
    }

    /// Ready once `at` has come. Tells when it goes off, in time or too early: about once per
    /// keep-alive interval, however busy the connection is.
    pub(in crate::net) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        at: StdInstant,
        mut tell: impl FnMut(),
    ) -> Poll<()> {
        let at = Instant::from_std(at);
        if let Some(sleep) = &self.sleep
            && at >= sleep.deadline()
            && self.wakes(cx.waker())
            && !sleep.is_elapsed()
        {
            // It is set, early enough, and will wake this task: nothing is to be done.
            return Poll::Pending;
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        // Where the runtime grants the task no more, a `Sleep` would be pending without being set.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            tell();
            if sleep.deadline() >= at {
                // It would be ready again. No task is woken by it from here on, so the next one
                // must register anew.
                self.sleep = None;
                self.waker = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        self.waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        Poll::Pending
    }
}

/// The runtime's clock, which tests can stop.
pub(in crate::net) fn now() -> StdInstant {
    Instant::now().into_std()
}
