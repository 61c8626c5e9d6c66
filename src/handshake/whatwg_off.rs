//! How `parse` reads without the feature `url`: strictly.

use super::uri::{Uri, UriError};
use std::str::FromStr;

/// A user name and a password, unescaped. There is none here: §3 has no place for them.
#[derive(Debug)]
pub(super) enum Userinfo {}

impl Userinfo {
    pub(super) fn user(&self) -> &[u8] {
        match *self {}
    }

    pub(super) fn password(&self) -> &[u8] {
        match *self {}
    }
}

pub(super) fn read(text: &str) -> Result<(Uri, Option<Userinfo>), UriError> {
    Ok((Uri::strict(text)?, None))
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::strict(text)
    }
}
