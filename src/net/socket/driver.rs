//! The reading loop: bytes, time, and the end of a connection.
//!
//! [`Driver::poll_more`] is where a socket waits. In this order it
//!
//! 1. frames what is owed to the peer (pongs, the answer to a close frame),
//! 2. ends TCP if both close frames went their way, or the peer broke a rule,
//! 3. reads, unless too much waits to be written; what is already here is taken before anything is
//!    written, so that one write answers all of it, until the socket has had its [`ReadBudget`],
//! 4. writes what is framed, looks at the clock, and waits.
//!
//! CloseInfo TCP (§7.1.1) means: write the close frame, shut the writing direction down, read until the
//! peer does the same, drop what comes. Closing at once with bytes unread would make the kernel
//! send a reset, which can overtake the close frame. The close deadline bounds it.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::handle::{Asked, CloseInfo, Handle};
use super::link::Link;
use super::timer::{Timer, now};
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::pool;
use crate::net::buffers::read_buffer::{ReadBuffer, poll_read_buf};
use crate::net::buffers::traffic::Count;
use crate::net::config::Config;
use crate::net::error::Error;
use crate::proto::{
    AsEvent, Close, CloseCode, Deadline, Due, Event, Expired, Message, Receiver, Role, Violation,
};

/// See the module.
#[derive(Debug)]
pub(in crate::net) struct Driver<L> {
    pub(in crate::net) link: L,
    pub(in crate::net) receiver: Receiver,
    pub(in crate::net) input: ReadBuffer,
    /// Whether the application sees pings and pongs.
    pub(in crate::net) report_pings: bool,
    deadline: Deadline,
    timer: Timer,
    read_budget: ReadBudget,
    server: bool,
    /// FrameWriter failed: reported once all is read that the peer has said before.
    failed: Option<io::Error>,
    /// The reading direction has ended.
    eof: bool,
    /// The end was reported: nothing happens any more.
    finished: bool,
    /// What others have of the connection, if they asked for it.
    pub(in crate::net) handle: Option<Handle>,
    pub(in crate::net) received: Count,
}

/// What was read since reading last had to wait. A peer that floods us never makes us wait, so its
/// turn has an end: then what is framed is written, the clock is looked at, and the thread's other
/// tasks go on.
#[derive(Debug, Default)]
struct ReadBudget(u32);

impl ReadBudget {
    /// As much as one read takes.
    const END: u32 = pool::BLOCK as u32;

    /// Sixteen reads end a turn, however little they bring: more than what a well-behaved peer has
    /// on its way, few beside what the runtime lets a task do before it makes everything wait.
    fn note(&mut self, bytes: usize) {
        self.0 += (bytes as u32).max(Self::END / 16);
    }

    fn is_over(&self) -> bool {
        self.0 >= Self::END
    }
}

impl<L> Driver<L> {
    /// How long a peer may do nothing at all.
    pub(in crate::net) fn stall_timeout(&self) -> Option<Duration> {
        self.deadline.stall_timeout()
    }

    /// The same connection over another link.
    pub(in crate::net) fn relink<M: Link>(self, relink: impl FnOnce(L) -> M) -> Driver<M> {
        let Self { link, receiver, input, report_pings, deadline, timer, .. } = self;
        let Self { read_budget, server, failed, eof, finished, handle, received, .. } = self;
        Driver {
            link: relink(link),
            receiver,
            input,
            report_pings,
            deadline,
            timer,
            read_budget,
            server,
            failed,
            eof,
            finished,
            handle,
            received,
        }
    }
}

impl<L: Link> Driver<L> {
    pub(in crate::net) fn new(
        link: L,
        receiver: Receiver,
        role: Role,
        config: &Config,
        input: ReadBuffer,
    ) -> Self {
        Self {
            link,
            receiver,
            input,
            report_pings: config.report_pings,
            deadline: Deadline::new(config.timeouts, now()),
            timer: Timer::default(),
            read_budget: ReadBudget::default(),
            server: matches!(role, Role::Server),
            failed: None,
            eof: false,
            finished: false,
            handle: None,
            received: Count::default(),
        }
    }

    /// A hand on the connection.
    pub(in crate::net) fn handle(&mut self) -> Handle {
        if let Some(handle) = &self.handle {
            return handle.clone();
        }
        // It is told whom to wake when the timer is.
        self.timer.forget();
        let handle = Handle::new(None);
        if self.finished {
            let broken = self.receiver.violation().map(Violation::code);
            handle.end(self.ending(broken, self.receiver.has_closed()));
        }
        self.keep(handle.clone());
        handle
    }

    /// How it ended: with this code, or the peer's (§7.1.5).
    fn ending(&self, failed: Option<CloseCode>, clean: bool) -> CloseInfo {
        let code = failed.or(self.receiver.close_code()).unwrap_or(CloseCode::ABNORMAL);
        let overflowed = self.link.look(FrameWriter::is_overflowed);
        CloseInfo { code, clean, overflowed }
    }

    /// Whether the peer has closed the connection, was closed for it was too slow, or is gone: what
    /// cannot be said to it any more is nobody's fault.
    pub(in crate::net) fn is_leaving(&self) -> bool {
        self.receiver.has_closed()
            || self.link.look(|frame_writer| {
                frame_writer.is_overflowed() || frame_writer.write_buffer.is_broken()
            })
    }

    /// Lets this handle know from now on.
    pub(in crate::net) fn keep(&mut self, handle: Handle) {
        self.received.show(handle.received());
        self.link.show(handle.sent());
        self.handle = Some(handle);
    }

    /// Whether the end was reported.
    pub(in crate::net) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Frames what is owed to the peer.
    pub(in crate::net) fn settle(&mut self) {
        self.link.settle(self.receiver.replies());
    }

    /// The next message, or the end.
    pub(in crate::net) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, Error>> {
        let polled = self.poll_message(cx);
        if let Poll::Ready(Ok(Some(Message::Close(_)))) = polled {
            // Whoever stops listening here has answered nevertheless (§5.5.1). If the answer
            // cannot be written, the next call says so.
            let _ = self.link.poll_write(cx);
        }
        self.input.park();
        polled
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            let receiver = &mut self.receiver;
            // A violation is kept by the receiver, and reported when the peer was told.
            while let Ok(Some(message)) = self.input.take(|bytes| receiver.recv_message(bytes)) {
                // §5.5.2: as soon as is practical, so before whatever the application says next.
                self.link.settle(receiver.replies());
                if !message.as_event().is_control() {
                    self.received.message();
                }
                if self.report_pings || !message.is_ping_or_pong() {
                    return Poll::Ready(Ok(Some(message)));
                }
            }
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(Ok(None));
            }
        }
    }

    /// Receives until the end, and drops it all.
    pub(in crate::net) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let receiver = &mut self.receiver;
            while let Ok(Some(_)) = self.input.take(|bytes| receiver.recv_part(bytes)) {}
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Waits until the receiver has something to look at; `false` when the connection has ended.
    pub(in crate::net) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.input.is_starved() || self.receiver.is_done() {
            return self.poll_more(cx);
        }
        self.settle();
        Poll::Ready(Ok(true))
    }

    /// Waits for bytes; `false` when the connection has ended.
    ///
    /// To be called when the receiver wants more than `input` holds.
    pub(in crate::net) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        loop {
            if self.finished {
                return Poll::Ready(Ok(false));
            }
            self.settle();
            if self.receiver.is_done() {
                // §5.5.1, §7.1.7: what lies behind the end means nothing, however much it is.
                self.input.clear();
            }
            if self.receiver.violation().is_some() || self.server && self.receiver.has_closed() {
                ready!(self.poll_end(cx));
                return Poll::Ready(self.finish(None));
            }
            if !ready!(self.poll_room(cx))? {
                continue;
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => {
                    self.eof = true;
                    // The answer to its close frame may still reach a peer that only stopped
                    // sending; and §7.1.4 wants TCP closed in both directions.
                    let _ = self.link.poll_shutdown(cx);
                    let failed = self.failed.take();
                    return Poll::Ready(self.finish(failed));
                }
                Poll::Ready(Ok(_)) => {
                    self.deadline.heard();
                    self.link.heard();
                    if !self.receiver.is_done() {
                        return Poll::Ready(Ok(true));
                    }
                    self.input.clear();
                }
                Poll::Ready(Err(error)) => {
                    let first = self.failed.take().unwrap_or(error);
                    return Poll::Ready(self.finish(Some(first)));
                }
                Poll::Pending => ready!(self.poll_wait(cx))?,
            }
        }
    }

    /// Waits until so little waits to be written that the peer may be read; `false` where something
    /// else is to be looked at first.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        // Behind our close frame nothing is added: then it is read on, so that a peer that writes
        // before it reads comes to it.
        if self.link.is_full() && !self.link.poll_closed(cx) {
            match self.link.poll_write(cx) {
                Poll::Ready(Err(error)) => self.failed = Some(error),
                Poll::Pending if self.link.is_full() => {
                    self.input.park();
                    return self.poll_deadline(cx).map_ok(|()| false);
                }
                _ => {}
            }
        }
        Poll::Ready(Ok(true))
    }

    /// Nothing is there to be read: writes what is framed, looks at the clock, and waits.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.input.park();
        if let Some(error) = self.failed.take() {
            return Poll::Ready(self.finish(Some(error)).map(drop));
        }
        let mut written = self.link.poll_write(cx);
        if let Poll::Ready(Ok(())) = written
            && !self.receiver.replies().is_empty()
        {
            // There is room for what had to stay behind.
            self.link.settle(self.receiver.replies());
            written = self.link.poll_write(cx);
        }
        match written {
            Poll::Ready(Err(error)) => Poll::Ready(self.finish(Some(error)).map(drop)),
            _ => self.poll_deadline(cx),
        }
    }

    /// Reads, unless this socket has had its turn: then it is as if nothing had come yet.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.read_budget.is_over() {
            self.read_budget = ReadBudget::default();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Self { link, receiver, input, .. } = self;
        let straight = if input.is_empty() {
            receiver.read_straight(|room| poll_read_buf(link.reading(), cx, room))
        } else {
            None
        };
        let polled = match straight {
            Some(polled) => {
                if let Poll::Ready(Ok(1..)) = polled {
                    input.feed();
                }
                polled
            }
            None => {
                let most = link.room();
                input.poll_read(link.reading(), cx, most)
            }
        };
        match polled {
            Poll::Ready(Ok(len)) => {
                self.read_budget.note(len);
                self.received.bytes(len);
            }
            _ => self.read_budget = ReadBudget::default(),
        }
        polled
    }

    /// Ends TCP, for the reasons above.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.finished {
            let shut = self.link.poll_shutdown(cx).is_ready();
            while !self.eof {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => self.eof = true,
                    Poll::Ready(Ok(_)) => self.input.clear(),
                    Poll::Pending => break,
                }
            }
            self.input.park();
            if shut && self.eof {
                break;
            }
            // How it ends is for the caller to report.
            let _ = ready!(self.poll_deadline(cx));
        }
        Poll::Ready(())
    }

    /// Waits for the deadline, and does what it calls for; or what others ask for. An error is the end.
    pub(in crate::net) fn poll_deadline(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if let Some(handle) = &self.handle {
            if self.receiver.took_pong() {
                handle.ponged(now());
            }
            // It knows whom to wake as long as the timer does.
            if (handle.is_asked() || !self.timer.wakes(cx.waker()))
                && let Some(asked) = handle.poll_asked(cx.waker())
            {
                match asked {
                    Asked::Close(close) => self.link.frame(Event::Close(Some(close.as_close()))),
                    Asked::Ping => {
                        self.link.frame(Event::Ping(&[]));
                        handle.pinged(now());
                    }
                }
                return Poll::Ready(Ok(()));
            }
        }
        if self.link.took_bytes() {
            self.deadline.wrote();
        }
        let closing = self.link.poll_closed(cx);
        let present = now();
        let Some(at) = self.deadline.poll(closing, present) else { return Poll::Pending };
        // To a task whose peer floods it the runtime grants nothing more, not even a timer. Before
        // the close any byte counts as life, and the timer is asked: it fires only after the runtime
        // has looked for bytes.
        if !closing || at > present {
            let Self { timer, link, .. } = self;
            ready!(timer.poll(cx, at, || link.rest()));
        }
        match self.deadline.handle(closing, now()) {
            None => {}
            Some(Due::Ping) => {
                self.link.frame(Event::Ping(&[]));
                if let Some(handle) = &self.handle {
                    handle.pinged(now());
                }
            }
            Some(Due::Expired(expired)) => {
                if expired == Expired::Pong {
                    let code = CloseCode::INTERNAL_ERROR;
                    let close = Close { code, reason: "no answer to a ping" };
                    self.link.frame(Event::Close(Some(close)));
                    let _ = self.link.poll_write(cx);
                }
                // §7.1.1: after both close frames a TCP that does not end is no failure.
                return Poll::Ready(match self.finish(None) {
                    Err(Error::Lost) => Err(expired.into()),
                    end => end.map(drop),
                });
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reports how the connection ended, which happens once.
    fn finish(&mut self, error: Option<io::Error>) -> Result<bool, Error> {
        self.finished = true;
        self.input.clear();
        self.input.park();
        self.link.abandon();
        let ended = match (self.receiver.violation(), error) {
            (Some(violation), _) => Err(violation.into()),
            // WakerPair close frames went their way, or ours could not: the peer had said its last.
            (None, _) if self.receiver.has_closed() => Ok(false),
            (None, _) if self.link.is_given_up() => Err(Expired::Pong.into()),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err(Error::Lost),
        };
        if let Some(handle) = &self.handle {
            let failed = ended.as_ref().err().and_then(Error::close_code);
            handle.end(self.ending(failed, ended.is_ok()));
        }
        ended
    }
}
