//! What the log says of a client that comes back. `trace_off.rs` stands in for it in builds without the feature
//! `tracing`.
//!
//! | event | level | |
//! |---|---|---|
//! | `connecting` | debug | with the number of the attempt |
//! | `connected` | info | with the number of the connection |
//! | `disconnected` | info | with the cause, and the pause before the next attempt |
//! | `ended` | info, warn | with the cause, if there is one; warn if the client gave up |

use std::time::Duration;

use super::disconnect::Disconnect;
use crate::net::escape::escaped;

const TARGET: &str = "bowstring::reconnect";

pub(super) fn connecting(attempt: u32) {
    tracing::debug!(target: TARGET, attempt, "connecting");
}

pub(super) fn connected(connection: u64) {
    tracing::info!(target: TARGET, connection, "connected");
}

pub(super) fn waiting(cause: &Disconnect, pause: Duration) {
    let cause = escaped(&cause.to_string());
    tracing::info!(target: TARGET, %cause, pause_ms = pause.as_millis() as u64, "disconnected");
}

pub(super) fn ended(cause: Option<&Disconnect>, gave_up: bool) {
    let cause = cause.map(|cause| escaped(&cause.to_string()));
    let cause = cause.as_deref().map(tracing::field::display);
    match gave_up {
        true => tracing::warn!(target: TARGET, cause, "ended"),
        false => tracing::info!(target: TARGET, cause, "ended"),
    }
}
