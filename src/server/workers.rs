//! What serves the listeners of a server: the accept loops of one runtime, or threads with a runtime each.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::accept_loop;
use super::admission::Context;
use super::connection::ServerConnection;
use super::listener::Listener;
use super::outcome::HandlerOutcome;
use super::registry::Registry;
use super::supervise::Serving;
use super::unless::unless;

/// The accept loops on this runtime.
pub(super) struct Accepting {
    accepting: JoinSet<()>,
    registry: Arc<Registry>,
}

impl Accepting {
    pub(super) fn start<D, H, F>(context: &Arc<Context<D, H>>, listeners: Vec<Listener>) -> Self
    where
        D: Send + 'static,
        H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept_loop::accept(Arc::clone(context), listener));
        }
        Self { accepting, registry: Arc::clone(&context.registry) }
    }
}

impl Serving for Accepting {
    async fn ended(&mut self) {
        // They answer those that were about to be accepted.
        while self.accepting.join_next().await.is_some() {}
        self.registry.empty().await;
    }

    fn abort(&mut self) {
        self.accepting.abort_all();
    }
}

/// Threads that serve, each with a runtime of its own. They end by themselves when the server drains.
pub(super) struct Workers {
    /// Closed when all threads have ended, however they did.
    running: mpsc::Receiver<Infallible>,
}

impl Workers {
    pub(super) fn start<D, H, F>(
        threads: NonZero<usize>,
        context: &Arc<Context<D, H>>,
        listeners: &[Listener],
    ) -> io::Result<Self>
    where
        D: Send + 'static,
        H: Fn(ServerConnection<D>) -> F + Send + Sync + 'static,
        F: Future<Output: HandlerOutcome> + Send + 'static,
    {
        let (ends, running) = mpsc::channel(1);
        let (go, start) = watch::channel(false);
        for number in 0..threads.get() {
            let runtime = thread_runtime()?;
            let shared = listeners.iter().map(|listener| {
                let _entered = runtime.enter();
                listener.share()?.register()
            });
            let listeners = shared.collect::<io::Result<Vec<_>>>()?;
            let (context, ends, mut start) = (Arc::clone(context), ends.clone(), start.clone());
            let work = async move {
                // All that may fail comes before the first thread serves.
                if start.wait_for(|go| *go).await.is_err() {
                    return;
                }
                let mut accepting = Accepting::start(&context, listeners);
                let ended = async {
                    context.registry.draining().await;
                    accepting.ended().await;
                };
                unless(context.registry.ending(), ended).await;
            };
            thread::Builder::new().name(format!("server-{number}")).spawn(move || {
                runtime.block_on(work);
                drop(runtime);
                drop(ends);
            })?;
        }
        go.send_replace(true);
        Ok(Self { running })
    }
}

impl Serving for Workers {
    async fn ended(&mut self) {
        let _ = self.running.recv().await;
    }

    /// They have heard it from the registry.
    fn abort(&mut self) {}
}

fn thread_runtime() -> io::Result<runtime::Runtime> {
    // Under a flood a turn takes milliseconds: after a few, look for what else has come, from the
    // network and from other threads.
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().event_interval(8).global_queue_interval(8).build()
}
