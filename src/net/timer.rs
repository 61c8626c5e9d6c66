//! One timer per connection, set lazily.
//!
//! Deadlines move away with every byte that arrives; the runtime's timer is left where it is, and
//! when it goes off too early it is set again. A busy connection so touches the timer wheel once per
//! keep-alive interval instead of once per message.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant as StdInstant;

use tokio::time::{Instant, Sleep, sleep_until};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Timer {
    /// Boxed, because most of a socket's life it is only waited for.
    sleep: Option<Pin<Box<Sleep>>>,
    /// It went off, in time or too early, since somebody last asked: so another while has gone by.
    pub(super) went_off: bool,
}

impl Timer {
    /// Ready once `at` has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, at: StdInstant) -> Poll<()> {
        let at = Instant::from_std(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            self.went_off = true;
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

/// The runtime's clock, which tests can stop.
pub(super) fn now() -> StdInstant {
    Instant::now().into_std()
}
