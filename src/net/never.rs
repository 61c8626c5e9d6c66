//! A stream that cannot exist: it stands in for those that a build has not.

// A build that has all of them does not use it.
#![allow(dead_code)]

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream over `S` that cannot exist.
#[derive(Debug)]
// It has no name outside, but `Transport` has variants of it.
#[allow(unreachable_pub)]
pub struct Never<S>(Infallible, PhantomData<S>);

impl<S> Never<S> {
    pub(in crate::net) fn never(&self) -> ! {
        match self.0 {}
    }
}

impl<S: Unpin> AsyncRead for Never<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl<S: Unpin> AsyncWrite for Never<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}
