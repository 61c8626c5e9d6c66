//! Stands in for compression in builds without the feature `deflate`: nothing of it can exist, so
//! every `Option` of it is `None` and takes no room.

use super::error::Violation;
use super::framed::Framed;
use super::opcode::Opcode;
use super::ratio::Ratio;

/// permessage-deflate as agreed (RFC 7692). There is none without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {}

/// How one end compresses (RFC 7692 §7.1). There is none without the feature `deflate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {}

pub(super) type BoxedInflater = Inflater;
pub(super) type BoxedDeflater = Deflater;

#[derive(Debug)]
pub(super) enum Inflater {}

#[derive(Debug)]
pub(super) enum Deflater {}

/// The compressed frames of a message for many: none.
#[derive(Default)]
pub(super) struct DeflatedFrames;

impl Inflater {
    pub(super) fn boxed(compression: &Compression) -> BoxedInflater {
        match *compression {}
    }

    pub(super) fn ratio(&self) -> Ratio {
        match *self {}
    }

    pub(super) fn push(
        &mut self,
        _: &[u8],
        _: bool,
        _: impl FnMut(&[u8], u64) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        match *self {}
    }

    pub(super) fn pass(&mut self, _: u64) {
        match *self {}
    }
}

impl Deflater {
    pub(super) fn boxed(compression: &Compression) -> BoxedDeflater {
        match *compression {}
    }

    pub(super) fn ratio(&self) -> Ratio {
        match *self {}
    }

    pub(super) fn is_able(&self) -> bool {
        match *self {}
    }

    pub(super) fn message(&mut self, _: &[u8], _: impl FnOnce(&[u8], bool)) {
        match *self {}
    }

    pub(super) fn stands_alone(&self) -> bool {
        match *self {}
    }

    pub(super) fn share<'p>(
        &mut self,
        _: Opcode,
        _: &[u8],
        _: &'p DeflatedFrames,
    ) -> Option<&'p Framed> {
        match *self {}
    }

    pub(super) fn part(&mut self, _: &[u8], _: bool, _: impl FnOnce(&[u8])) {
        match *self {}
    }

    pub(super) fn rest(&mut self) {
        match *self {}
    }
}
