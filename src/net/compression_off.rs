//! Stands in for compression in builds without the feature `deflate`: it is neither offered nor taken.

use crate::handshake::{ClientRequest, DeflateParams, Extension};
use crate::proto::{Compression, Role};

/// How messages are compressed. There is no way without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deflate {}

/// What the compression of a connection may cost in memory. It is nothing without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {}

pub(in crate::net) fn by_default() -> Option<Deflate> {
    None
}

pub(in crate::net) fn offer(_: Option<Deflate>, request: &ClientRequest) -> ClientRequest {
    request.clone().without_deflate()
}

pub(in crate::net) fn answer(
    _: Option<Deflate>,
    _: &[Extension],
) -> Option<(DeflateParams, Extension)> {
    None
}

pub(in crate::net) fn agreed(
    _: Option<Deflate>,
    _: Role,
    _: Option<DeflateParams>,
) -> Option<Compression> {
    None
}
