//! Stands in for the counters in builds without the feature `metrics`: nothing is counted, and all of
//! this takes no room.

/// What has gone over a connection, or over all of a server's. It has fields with the feature
/// `metrics`; without it nothing is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {}

/// One direction.
#[derive(Debug, Default)]
pub(in crate::net) struct Count {}

/// The same for others to look at.
#[derive(Debug, Default)]
pub(in crate::net) struct Seen {}

impl Count {
    #[inline]
    pub(in crate::net) fn message(&mut self) {}

    #[inline]
    pub(in crate::net) fn bytes(&mut self, _: usize) {}

    pub(in crate::net) fn show(&mut self, _: &Seen) {}
}

impl Traffic {
    pub(in crate::net) fn of(_: &Seen, _: &Seen) -> Self {
        Self {}
    }
}

impl std::ops::AddAssign for Traffic {
    fn add_assign(&mut self, _: Self) {}
}
