//! Stands in for the events in builds without the feature `tracing`: nothing is told.

use std::time::Duration;

use super::disconnect::Disconnect;

pub(super) fn connecting(_: u32) {}

pub(super) fn connected(_: u64) {}

pub(super) fn waiting(_: &Disconnect, _: Duration) {}

pub(super) fn ended(_: Option<&Disconnect>, _: bool) {}
