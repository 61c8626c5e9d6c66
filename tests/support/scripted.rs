//! The scripted transport of `crates/testing`, which cannot know [`Split`]: here it does.

#![allow(unreachable_pub, reason = "a test binary has no outside")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bowstring::net::Split;
use bowstring_testing::io::scripted::{self, Peer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The transport: [`scripted::Scripted`], which can be split in halves.
#[derive(Debug)]
pub struct Scripted(scripted::Scripted);

pub fn scripted() -> (Scripted, Peer) {
    let (stream, peer) = scripted::scripted();
    (Scripted(stream), peer)
}

impl Split for Scripted {
    type Read = Self;
    type Write = Self;

    fn split(self) -> (Self, Self) {
        let (read, write) = self.0.halves();
        (Self(read), Self(write))
    }
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
