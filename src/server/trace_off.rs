//! Stands in for the spans in builds without the feature `tracing`: nothing is told.

use std::fmt::Display;
use std::io;

use http::StatusCode;

use super::listener::Peer;
use crate::net::Handle;

/// The span of one connection: nothing.
pub(super) struct Trace;

impl Trace {
    pub(super) fn new(_: u64, _: Peer) -> Self {
        Self
    }

    pub(super) fn requested(&self, _: &str) {}

    pub(super) fn refused(&self, _: StatusCode) {}

    pub(super) fn answered(&self, _: StatusCode) {}

    pub(super) fn opened(&self, _: &Handle) {}

    pub(super) fn failed(&self, _: &dyn Display, _: bool) {}

    pub(super) fn ended(&self, _: &Handle) {}

    #[inline]
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    pub(super) fn accepting_failed(_: &io::Error) {}
}
