//! Stands in for the spans in builds without the feature `tracing`: nothing is told.

use std::future::Future;

use super::handle::Handle;
use crate::handshake::Uri;
use crate::net::error::Error;

/// The span of an open connection: nothing.
#[derive(Debug, Default)]
pub(in crate::net) struct ClientSpan {}

#[inline]
pub(in crate::net) async fn follow<T>(
    _: &Uri,
    opening: impl Future<Output = Result<T, Error>>,
    keep: impl FnOnce(T, ClientSpan) -> T,
) -> Result<T, Error> {
    Ok(keep(opening.await?, ClientSpan {}))
}

impl ClientSpan {
    #[inline]
    pub(in crate::net) fn opened(&mut self, _: bool, _: impl FnOnce() -> Handle) {}

    #[inline]
    pub(in crate::net) fn ended(&mut self) {}
}
