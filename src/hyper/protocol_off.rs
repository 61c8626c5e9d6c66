//! Stands in for `:protocol` in builds without the feature `http2`: no request has one.

use http::Extensions;

pub(super) fn of(_: &Extensions) -> Option<&str> {
    None
}
