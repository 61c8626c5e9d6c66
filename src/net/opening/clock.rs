//! The deadlines of opening a connection: one for all of it, one for each step.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::tls;
use crate::net::connect_error::OpeningStep;
use crate::net::error::Error;

/// When all has to be done.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Clock {
    /// `None` if it is farther away than a clock can tell.
    end: Option<Instant>,
}

impl Clock {
    pub(in crate::net) fn start(limit: Duration) -> Self {
        Self { end: Instant::now().checked_add(limit) }
    }

    /// When a step has to end that begins now.
    pub(super) fn end_of(&self, limit: Option<Duration>) -> Option<Instant> {
        let own = limit.and_then(|limit| Instant::now().checked_add(limit));
        match (self.end, own) {
            (Some(all), Some(own)) => Some(all.min(own)),
            (all, own) => all.or(own),
        }
    }

    /// Does what may be left undone when the time is over.
    pub(super) async fn before_end(&self, work: impl Future<Output = ()>) {
        match self.end {
            Some(end) => tokio::time::timeout_at(end, work).await.unwrap_or_default(),
            None => work.await,
        }
    }

    /// Does a step, and says in its error which one it was.
    pub(in crate::net) async fn step<T>(
        &self,
        step: OpeningStep,
        limit: Option<Duration>,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let done = match self.end_of(limit) {
            Some(end) => tokio::time::timeout_at(end, work).await,
            None => Ok(work.await),
        };
        done.map_err(|_| Error::HandshakeTimeout(step))?.map_err(|error| {
            match tls::explain(error) {
                Error::Io(error) => Error::Opening(step, error),
                other => other,
            }
        })
    }
}
