//! What a client tells of its connections with the feature `tracing`: a span for each, from the beginning of its
//! opening to its end. `span_off.rs` stands in for it in builds without.
//!
//! | event | |
//! |---|---|
//! | `opened` | |
//! | `failed` | there was no connection; with the error |
//! | `ended` | the span has code, messages and bytes both ways, round trip |
//!
//! The span's target is `bowstring::client`. It has the address without its query, which often holds a token. Reading
//! and writing happen in the caller's span.

use std::future::Future;

use tracing::Instrument;
use tracing::field::Empty;

use super::handle::Handle;
use crate::handshake::Uri;
use crate::net::error::Error;
use crate::net::escape::escaped;

const TARGET: &str = "bowstring::client";

/// The span of an open connection. Nothing for a server's, and if no subscriber wants it.
#[derive(Debug, Default)]
pub(in crate::net) struct ClientSpan(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    span: tracing::Span,
    /// `None` before it was opened.
    handle: Option<Handle>,
}

/// Opens a connection in a span of its own, which what is opened keeps.
pub(in crate::net) async fn follow<T>(
    uri: &Uri,
    opening: impl Future<Output = Result<T, Error>>,
    keep: impl FnOnce(T, ClientSpan) -> T,
) -> Result<T, Error> {
    let span = tracing::info_span!(
        target: TARGET,
        "connection",
        uri = Empty,
        subprotocol = Empty,
        compressed = Empty,
        code = Empty,
        clean = Empty,
        messages_received = Empty,
        bytes_received = Empty,
        messages_sent = Empty,
        bytes_sent = Empty,
        round_trip_us = Empty,
    );
    if span.is_disabled() {
        return Ok(keep(opening.await?, ClientSpan(None)));
    }
    let path = uri.resource().split('?').next().unwrap_or_default();
    let scheme = if uri.secure() { "wss" } else { "ws" };
    let shown = escaped(&format!("{scheme}://{}{path}", uri.host_header()));
    span.record("uri", tracing::field::display(shown));
    match opening.instrument(span.clone()).await {
        Ok(opened) => Ok(keep(opened, ClientSpan(Some(Box::new(Open { span, handle: None }))))),
        Err(error) => {
            let said = escaped(&error.to_string());
            span.in_scope(|| tracing::info!(target: TARGET, error = %said, "failed"));
            Err(error)
        }
    }
}

impl ClientSpan {
    /// Notes what the opening handshake has agreed on.
    pub(in crate::net) fn opened(&mut self, compressed: bool, handle: impl FnOnce() -> Handle) {
        let Some(open) = &mut self.0 else { return };
        let handle = handle();
        if let Some(protocol) = handle.protocol() {
            open.span.record("subprotocol", tracing::field::debug(escaped(protocol)));
        }
        open.span.record("compressed", compressed);
        open.handle = Some(handle);
        open.span.in_scope(|| tracing::info!(target: TARGET, "opened"));
    }

    /// Notes the end. Only the first call has an effect.
    pub(in crate::net) fn ended(&mut self) {
        let Some(open) = self.0.take() else { return };
        let Open { span, handle: Some(handle) } = *open else { return };
        if let Some(ending) = handle.ended() {
            span.record("code", ending.code.get());
            span.record("clean", ending.clean);
        }
        let traffic = handle.traffic();
        span.record("messages_received", traffic.messages_received);
        span.record("bytes_received", traffic.bytes_received);
        span.record("messages_sent", traffic.messages_sent);
        span.record("bytes_sent", traffic.bytes_sent);
        if let Some(latency) = handle.latency() {
            span.record("round_trip_us", latency.as_micros() as u64);
        }
        span.in_scope(|| tracing::info!(target: TARGET, "ended"));
    }
}

/// One that is dropped has ended, too: it has no code then.
impl Drop for ClientSpan {
    fn drop(&mut self) {
        self.ended();
    }
}
