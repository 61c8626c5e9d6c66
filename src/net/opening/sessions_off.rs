//! Stands in for connections of HTTP/2 in builds without the feature `http2`: there are none.

/// There are none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sessions {}

impl Sessions {
    pub(super) fn forget(&mut self) {}
}
