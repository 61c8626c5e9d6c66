//! The accept loop: it accepts no more than it may, and goes on when the system runs out of something.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::unconstrained;
use tokio::time::sleep;

use super::admission::{Admission, Context};
use super::connection::ServerConnection;
use super::listener::{Accepted, BACKLOG, Listener};
use super::outcome::HandlerOutcome;
use super::task;
use super::trace::Trace;
use super::unless::unless;

/// Accepts until the server drains, and then the connections that had come before.
pub(super) async fn accept<D, H, F>(context: Arc<Context<D, H>>, listener: Listener)
where
    D: Send + 'static,
    H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let registry = &context.registry;
    // Those that have come when it drains are told, rather than reset. They are no more than the backlog
    // holds, or a flood would keep the server for ever. They come on top of the handshakes, but not for
    // long.
    let last = Arc::new(Semaphore::new(BACKLOG as usize + 1));
    while let Some(accepted) = unless(registry.draining(), listener.accept()).await {
        match accepted {
            Ok(accepted) => {
                let permit = match unless(registry.draining(), one(&registry.handshakes)).await {
                    Some(permit) => permit,
                    None => one(&last).await,
                };
                admit(&context, accepted, permit);
            }
            // The peer has gone already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // The system is out of something, such as file descriptors. Asking again at once would
            // use up a core for nothing.
            Err(error) => {
                registry.accept_failed();
                Trace::accepting_failed(&error);
                unless(registry.draining(), sleep(PAUSE)).await;
            }
        }
    }
    for _ in 0..BACKLOG {
        tokio::task::yield_now().await;
        match at_once(listener.accept()).await {
            Some(Ok(accepted)) => admit(&context, accepted, one(&last).await),
            // That peer has gone already; there may be more after it.
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Some(Err(_)) | None => break,
        }
    }
}

/// One of these permits, once there is one.
async fn one(permits: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(permits).acquire_owned().await.expect("it is never closed")
}

fn admit<D, H, F>(context: &Arc<Context<D, H>>, accepted: Accepted, permit: OwnedSemaphorePermit)
where
    D: Send + 'static,
    H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
    F: Future<Output: HandlerOutcome> + Send + 'static,
{
    let registry = &context.registry;
    let slot = registry.enter(accepted.peer);
    let permit = if slot.full().is_some() {
        // A flood of connections for which there is no room takes no handshake from the others.
        drop(permit);
        // If too many are being refused already, they end without an answer.
        let Some(rejection) = registry.rejection() else { return };
        rejection
    } else {
        permit
    };
    let (id, peer) = (slot.id(), accepted.peer);
    let arrived = Box::new((Admission::new(slot, peer, permit), accepted));
    let spawned = tokio::spawn(task::serve(Arc::clone(context), arrived));
    registry.set_abort(id, spawned.abort_handle());
}

/// What a future gives without waiting.
async fn at_once<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // There may be more of them than the runtime lets a task do.
    unconstrained(poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    }))
    .await
}

/// How long nothing is accepted after accepting failed.
const PAUSE: Duration = Duration::from_millis(100);
