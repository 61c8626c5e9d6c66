//! Stands in for HTTP/2 in builds without the feature `http2`: no request comes by it.

use http::Extensions;
use hyper_util::server::conn::auto::Builder;

use crate::net::Config;

pub(super) fn protocol(_: &Extensions) -> Option<&str> {
    None
}

pub(super) fn configure<E>(_: &mut Builder<E>, _: &Config) {}
