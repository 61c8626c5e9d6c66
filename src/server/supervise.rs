//! How a server ends: it drains, it waits for its connections, and at the deadline it aborts what is left.

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::registry::Registry;
use super::report::Report;
use super::unless::unless;

/// What serves the connections of a server.
pub(super) trait Serving {
    /// Resolves when all listeners are closed and all connections have ended.
    async fn ended(&mut self);

    /// Accepts no more connections.
    fn abort(&mut self);
}

/// Waits until the server drains, and until it has. It drains when `until` resolves, at the latest.
pub(super) async fn supervise(
    registry: &Registry,
    until: impl Future<Output = ()>,
    mut serving: impl Serving,
) -> Report {
    // If it panics, the server drains all the same.
    let stopped = unless(registry.draining(), catch(until)).await;
    registry.start_draining();
    let late = async {
        unless(registry.ending(), after(registry.drain_left())).await;
    };
    if unless(late, serving.ended()).await.is_none() {
        registry.start_ending();
        serving.abort();
        registry.abort();
        if unless(after(ABORT_WITHIN), serving.ended()).await.is_none() {
            registry.give_up();
        }
    }
    if let Some(Err(panic)) = stopped {
        resume_unwind(panic);
    }
    registry.report()
}

/// Connections that were adopted: other servers have accepted them.
pub(super) struct Adopted(pub(super) Arc<Registry>);

impl Serving for Adopted {
    async fn ended(&mut self) {
        self.0.empty().await;
    }

    /// Nothing is accepted here, and what is draining admits nothing.
    fn abort(&mut self) {}
}

/// Resolves after this time, by the clock of the runtime or of a thread. A runtime's clock stands still
/// while the worker that would look at it is blocked, even if another worker is free.
async fn after(time: Duration) {
    let (waiting, cancelled) = std::sync::mpsc::channel::<Infallible>();
    let (over, is_over) = oneshot::channel::<Infallible>();
    let clock = thread::Builder::new().name("server-clock".into()).spawn(move || {
        let _ = cancelled.recv_timeout(time);
        drop(over);
    });
    let by_thread = async {
        match clock {
            Ok(_) => drop(is_over.await),
            Err(_) => pending().await,
        }
    };
    unless(by_thread, sleep(time)).await;
    drop(waiting);
}

/// Runs a future to its end, be that a panic.
async fn catch(future: impl Future<Output = ()>) -> thread::Result<()> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// How long tasks that were aborted are waited for. One that blocks its thread ends later, or never.
const ABORT_WITHIN: Duration = Duration::from_millis(200);
