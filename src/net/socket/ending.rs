//! How a connection ends: TCP is ended, and all who have to know are told, each once.
//!
//! To end TCP (§7.1.1) means: write the close frame, shut the writing direction down, read until the
//! peer does the same, drop what comes. If this side closed at once with bytes unread, the kernel
//! would send a reset, which can overtake the close frame. The close deadline bounds it.

use std::io;
use std::task::{Context, Poll, ready};

use super::driver::{Driver, Phase, ReadMode, Report};
use super::handle::CloseInfo;
use super::link::Link;
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::error::{Error, copy_of};
use crate::proto::{CloseFrame, Ending, Expired};

impl<L> Driver<L> {
    /// The failure, if this end is one; `error` is the transport's.
    pub(super) fn failure(&self, error: Option<io::Error>) -> Option<Error> {
        Some(match self.lifecycle.ending()? {
            Ending::Closed(_) => return None,
            Ending::Violation(violation) => violation.into(),
            Ending::Timeout(expired) => expired.into(),
            _ => error.map_or(Error::Lost, Error::from_transport),
        })
    }

    /// Tells the task that receives how the connection ended, which happens once. `false` is the end.
    pub(super) fn report(&mut self) -> Result<bool, Error> {
        let report = match &mut self.phase {
            Phase::Ending { report, .. } | Phase::Ended(report) => report,
            Phase::Reading | Phase::WriteFailed => return Ok(true),
        };
        match std::mem::replace(report, Report::Told) {
            Report::Due => {
                let error = self.error.take();
                self.failure(error).map_or(Ok(false), Err)
            }
            Report::Told => Ok(false),
        }
    }
}

impl<L: Link> Driver<L> {
    /// Tells all who want to know how the connection ends, if that is known.
    #[cold]
    pub(super) fn tell_ending(&mut self) {
        let Some(ending) = self.lifecycle.ending() else { return };
        let close = ending.close_frame();
        self.link.note_ending(&close);
        if let Some(handle) = &self.handle {
            let CloseFrame { code, reason } = close;
            let overflowed = self.link.look(FrameWriter::is_overflowed);
            let expired = match ending {
                Ending::Timeout(expired) => Some(expired),
                _ => None,
            };
            let clean = ending.is_clean();
            handle.end(CloseInfo { code, reason, clean, expired, overflowed });
        }
    }

    /// Whether the peer has closed the connection, was too slow and was closed, or is gone: what
    /// cannot be sent to it any more is not the caller's fault.
    pub(in crate::net) fn is_leaving(&self) -> bool {
        self.lifecycle.receiver().has_closed()
            || self.link.look(|frame_writer| {
                frame_writer.is_overflowed() || frame_writer.write_buffer.is_broken()
            })
    }

    /// Why nothing can be sent: how the peer has ended the connection, if it was the peer, or that it
    /// was too slow.
    #[cold]
    pub(in crate::net) fn explain(&mut self, error: Error) -> Error {
        let ending = self.lifecycle.ending().map(|ending| ending.close_frame());
        match error.explained(ending, self.link.look(FrameWriter::is_overflowed)) {
            Ok(explained) => {
                self.link.note_refused();
                explained
            }
            Err(error) => error,
        }
    }

    /// Whether a caller was told that nothing can be sent because the connection has ended.
    pub(in crate::net) fn has_refused(&self) -> bool {
        self.link.look(FrameWriter::has_refused)
    }

    /// Receives until the end, drops it all, and reports how it ended.
    pub(in crate::net) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_drain(cx));
        Poll::Ready(self.report().map(drop))
    }

    /// The same for a task that only sends: the one that receives is told as well.
    pub(in crate::net) fn poll_sink_close(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_drain(cx));
        let Phase::Ended(Report::Due) = self.phase else { return Poll::Ready(Ok(())) };
        let error = self.error.as_ref().map(copy_of);
        Poll::Ready(self.failure(error).map_or(Ok(()), Err))
    }

    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let receiver = self.lifecycle.receiver_mut();
            // Whole messages: if this is given up, no half of one is taken for a message later.
            while let Ok(Some(_)) = self.input.take(|bytes| receiver.recv_message(bytes)) {}
            if self.is_ended() {
                return Poll::Ready(());
            }
            ready!(self.poll_step(cx, ReadMode::UntilFull));
        }
    }

    /// Ends TCP; see the module.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Phase::Ending { mut eof, .. } = self.phase {
            let shut = self.link.poll_shutdown(cx).is_ready();
            while !eof {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => eof = true,
                    Poll::Ready(Ok(_)) => self.input.clear(),
                    Poll::Pending => break,
                }
            }
            self.input.park();
            if let Phase::Ending { eof: seen, .. } = &mut self.phase {
                *seen = eof;
            }
            if shut && eof {
                self.end(None);
            } else {
                // How it ends is for the caller to report.
                let _ = ready!(self.poll_deadline(cx));
            }
        }
        Poll::Ready(())
    }

    /// Ends the connection; `error` is how the transport failed, if it did and nothing failed before.
    pub(super) fn end(&mut self, error: Option<io::Error>) {
        if self.link.is_given_up() {
            self.lifecycle.give_up(Expired::Write);
        }
        self.lifecycle.handle_eof();
        self.error = self.error.take().or(error);
        self.phase = Phase::Ended(match self.phase {
            Phase::Reading | Phase::WriteFailed => Report::Due,
            Phase::Ending { report, .. } | Phase::Ended(report) => report,
        });
        self.input.clear();
        self.input.park();
        self.tell_ending();
        self.link.abandon();
        self.span.ended();
    }
}
