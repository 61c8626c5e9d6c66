//! Work that is given up when something else comes first.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Does something, unless `stop` comes first. That is looked at first: work that never has to wait
/// uses up all that the runtime grants a task.
///
/// What is large is pinned by the caller: passed by value it would take its space twice.
pub(super) async fn unless<T>(
    stop: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut stop, mut work) = (pin!(stop), pin!(work));
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(cx).map(Some),
    })
    .await
}
