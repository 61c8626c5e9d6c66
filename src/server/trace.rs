//! What a server tells of its connections with the feature `tracing`: a span for each, in which
//! everything happens that its handler does, and events at its turning points. `trace_off.rs` stands in
//! for it in builds without.
//!
//! | event | level | |
//! |---|---|---|
//! | `refused` | info | with the status of the answer; who gets none leaves no word |
//! | `answered` | info | a plain request, by the hook; with the status of the answer |
//! | `opened` | info | |
//! | `ended` | info | with code, messages and bytes both ways, round trip |
//! | `failed` | warn, info | the handler returned an error, or panicked; info if the connection had failed, if the peer has left or was too slow, or for an error while the server drains |
//! | `accepting failed` | warn | with the system's error |
//!
//! What a peer controls is escaped and cut short, so a peer cannot write lines into a log or move a
//! terminal's cursor.

use std::fmt::Display;
use std::io;

use http::StatusCode;

use super::listener::Peer;
use crate::net::Handle;
use crate::net::escape::escaped;

/// The span of one connection.
pub(super) struct Trace {
    span: tracing::Span,
}

impl Trace {
    pub(super) fn new(id: u64, peer: Peer) -> Self {
        use tracing::field::Empty;
        let span = tracing::info_span!(
            "connection",
            id,
            %peer,
            path = Empty,
            subprotocol = Empty,
            code = Empty,
            clean = Empty,
            messages_received = Empty,
            bytes_received = Empty,
            messages_sent = Empty,
            bytes_sent = Empty,
            round_trip_us = Empty,
        );
        Self { span }
    }

    pub(super) fn requested(&self, path: &str) {
        self.span.record("path", tracing::field::display(escaped(path)));
    }

    pub(super) fn refused(&self, status: StatusCode) {
        let status = status.as_u16();
        self.within(|| tracing::info!(status, "refused"));
    }

    pub(super) fn answered(&self, status: StatusCode) {
        let status = status.as_u16();
        self.within(|| tracing::info!(status, "answered"));
    }

    pub(super) fn opened(&self, handle: &Handle) {
        if let Some(protocol) = handle.protocol() {
            self.span.record("subprotocol", tracing::field::debug(escaped(protocol)));
        }
        self.within(|| tracing::info!("opened"));
    }

    /// What is not the handler's doing is no cause for alarm.
    pub(super) fn failed(&self, error: &dyn Display, by_others: bool) {
        let error = escaped(&error.to_string());
        self.within(|| match by_others {
            true => tracing::info!(%error, "failed"),
            false => tracing::warn!(%error, "failed"),
        });
    }

    pub(super) fn ended(&self, handle: &Handle) {
        if let Some(ending) = handle.ended() {
            self.span.record("code", ending.code.get());
            self.span.record("clean", ending.clean);
        }
        let traffic = handle.traffic();
        self.span.record("messages_received", traffic.messages_received);
        self.span.record("bytes_received", traffic.bytes_received);
        self.span.record("messages_sent", traffic.messages_sent);
        self.span.record("bytes_sent", traffic.bytes_sent);
        if let Some(latency) = handle.latency() {
            self.span.record("round_trip_us", latency.as_micros() as u64);
        }
        self.within(|| tracing::info!("ended"));
    }

    /// Does something in the span.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        self.span.in_scope(work)
    }

    pub(super) fn accepting_failed(error: &io::Error) {
        tracing::warn!(%error, "accepting failed");
    }
}
