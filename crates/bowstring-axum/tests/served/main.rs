//! Programs served by axum over HTTP/1.1 and HTTP/2.
//!
//! The programs of `tests/programs` are compiled twice: with axum's own `ws`, and with this crate. All that differs is the
//! import. What they see and send must be the same, save where a test says why it is not.

#![allow(missing_docs, reason = "a test binary has no outside")]
#![allow(clippy::duplicate_mod, reason = "programs are compiled twice, on purpose")]

mod compatible;
mod extras;
mod managed;
mod negotiated;
mod quiet;
mod rejected;
mod support;

#[path = "../programs"]
mod on_axum {
    use axum::extract::ws;

    pub(crate) mod chat;
    pub(crate) mod diary;
    pub(crate) mod examples;
    pub(crate) mod surface;
}

#[path = "../programs"]
mod on_bowstring {
    use bowstring_axum as ws;

    pub(crate) mod chat;
    pub(crate) mod diary;
    pub(crate) mod examples;
    pub(crate) mod surface;
}
