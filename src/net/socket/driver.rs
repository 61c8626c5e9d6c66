//! The reading loop: bytes and time. How it ends is in [`ending`](super::ending).
//!
//! [`Lifecycle`] decides what ends a connection, and when. The driver does the I/O.
//! [`Driver::poll_more`] is where a socket waits. In this order it
//!
//! 1. frames what is owed to the peer (pongs, the answer to a close frame),
//! 2. ends TCP after both close frames, or after the peer broke a rule,
//! 3. reads, unless too much waits to be written. What is already here is taken before anything is
//!    written, so that one write answers all of it, until the socket has used up its [`ReadBudget`],
//! 4. writes what is framed, looks at the clock, and waits.

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::handle::{Asked, Handle, HandleOwner};
use super::link::Link;
use super::read_budget::ReadBudget;
use super::reported::Reported;
use super::span::ClientSpan;
use super::timer::{Timer, now};
use crate::net::buffers::read_buffer::{ReadBuffer, poll_read_buf};
use crate::net::buffers::traffic::Count;
use crate::net::config::Config;
use crate::net::error::{Error, copy_of};
use crate::net::keys::masking_key;
use crate::proto::{AsEvent, Due, Event, Lifecycle, Message};

/// See the module.
#[derive(Debug)]
pub(in crate::net) struct Driver<L> {
    pub(in crate::net) link: L,
    pub(in crate::net) lifecycle: Lifecycle,
    pub(in crate::net) input: ReadBuffer,
    /// Whether the application sees pings and pongs.
    pub(in crate::net) report_pings: bool,
    pub(super) phase: Phase,
    /// How the transport failed first, if it did: for the report.
    pub(super) error: Option<io::Error>,
    timer: Timer,
    read_budget: ReadBudget,
    /// What others have of the connection, if they asked for it.
    pub(in crate::net) handle: Option<HandleOwner>,
    pub(in crate::net) received: Count,
    /// What a client tells of the connection.
    pub(super) span: ClientSpan,
}

/// What is done with the transport.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It is read, and frames are taken from what came.
    Reading,
    /// Writing has failed. What the peer has said before is still read.
    WriteFailed,
    /// It is being ended: everything is written, its writing direction is shut down, and it is read to
    /// the end (`eof`).
    Ending { eof: bool, report: Report },
    /// It was given up: nothing happens any more.
    Ended(Report),
}

/// Whether the task that receives knows how the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Due,
    Told,
}

/// Whether bytes are read while there is no room for more to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) enum ReadMode {
    /// No: each message that is received may be answered with as much.
    UntilFull,
    /// Yes: the task that sends waits for room itself.
    Always,
}

impl<L> Driver<L> {
    /// How long a peer may do nothing at all.
    pub(in crate::net) fn stall_timeout(&self) -> Option<Duration> {
        self.lifecycle.stall_timeout()
    }

    /// The same connection over another link.
    pub(in crate::net) fn relink<M: Link>(self, relink: impl FnOnce(L) -> M) -> Driver<M> {
        let Self { link, lifecycle, input, report_pings, phase, error, timer, .. } = self;
        let Self { read_budget, handle, received, span, .. } = self;
        let link = relink(link);
        Driver {
            link,
            lifecycle,
            input,
            report_pings,
            phase,
            error,
            timer,
            read_budget,
            handle,
            received,
            span,
        }
    }

    /// Whether nothing happens any more.
    pub(in crate::net) fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether everything goes on as usual.
    pub(in crate::net) fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Reading)
    }
}

impl<L: Link> Driver<L> {
    pub(in crate::net) fn new(
        link: L,
        lifecycle: Lifecycle,
        config: &Config,
        input: ReadBuffer,
    ) -> Self {
        Self {
            link,
            lifecycle,
            input,
            report_pings: config.report_pings,
            phase: Phase::Reading,
            error: None,
            timer: Timer::default(),
            read_budget: ReadBudget::default(),
            handle: None,
            received: Count::default(),
            span: ClientSpan::default(),
        }
    }

    /// Tells in this span what becomes of the connection.
    pub(in crate::net) fn trace(&mut self, mut span: ClientSpan) {
        let compressed = self.lifecycle.receiver().has_compression();
        span.opened(compressed, || self.handle());
        self.span = span;
    }

    /// A handle on the connection.
    pub(in crate::net) fn handle(&mut self) -> Handle {
        if let Some(handle) = &self.handle {
            return Handle::clone(handle);
        }
        // It is told whom to wake when the timer is.
        self.timer.forget();
        let handle = Handle::new(None);
        self.keep(handle.clone());
        self.tell_ending();
        handle
    }

    /// Lets this handle know from now on.
    pub(in crate::net) fn keep(&mut self, handle: Handle) {
        self.received.show(handle.received());
        self.link.show(handle.sent());
        self.handle = Some(HandleOwner(handle));
    }

    /// Frames what is owed to the peer.
    #[inline]
    pub(in crate::net) fn queue_replies(&mut self) {
        if !self.lifecycle.receiver_mut().replies().is_empty() {
            self.queue_all_replies();
        }
    }

    #[cold]
    fn queue_all_replies(&mut self) {
        if self.lifecycle.receiver().is_done() {
            // Before the close frame: from then on nothing can be sent, and this is why.
            self.tell_ending();
        }
        self.link.queue_replies(self.lifecycle.receiver_mut().replies());
    }

    /// The next message, or the end.
    pub(in crate::net) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        mode: ReadMode,
    ) -> Poll<Result<Option<Message>, Error>> {
        let polled = self.poll_message(cx, mode);
        if let Poll::Ready(Ok(Some(Message::Close(_)))) = polled {
            // The answer goes out (§5.5.1), even if the application receives no more. If it cannot be
            // written, the next call says so.
            let _ = self.link.poll_write(cx);
        }
        self.input.park();
        polled
    }

    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        mode: ReadMode,
    ) -> Poll<Result<Option<Message>, Error>> {
        loop {
            let receiver = self.lifecycle.receiver_mut();
            // A violation is kept by the receiver, for `poll_more`.
            let Ok(Some(message)) = self.input.take(|bytes| receiver.recv_message(bytes)) else {
                if !ready!(self.poll_more(cx, mode))? {
                    return Poll::Ready(Ok(None));
                }
                continue;
            };
            // §5.5.2: as soon as is practical, so before what the application says next.
            self.queue_replies();
            if !message.as_event().is_control() {
                self.received.message();
            }
            if !message.is_ping_or_pong() || self.is_reported(&message) {
                return Poll::Ready(Ok(Some(message)));
            }
        }
    }

    /// Whether the application receives this ping or pong.
    #[cold]
    fn is_reported(&self, message: &Message) -> bool {
        Reported::new(self.report_pings, self.lifecycle.receiver()).has(&message.as_event())
    }

    /// Waits until the receiver has something to look at; `false` when the connection has ended.
    pub(in crate::net) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Error>> {
        if self.input.is_starved() || self.lifecycle.receiver().is_done() {
            return self.poll_more(cx, ReadMode::UntilFull);
        }
        self.queue_replies();
        Poll::Ready(Ok(true))
    }

    /// Waits for bytes; `false` when the connection has ended.
    ///
    /// To be called when the receiver wants more than `input` holds. That the peer broke a rule is
    /// reported at once: it may take its time to end TCP, which goes on in the next call.
    pub(in crate::net) fn poll_more(
        &mut self,
        cx: &mut Context<'_>,
        mode: ReadMode,
    ) -> Poll<Result<bool, Error>> {
        loop {
            match self.phase {
                Phase::Ended(_) => return Poll::Ready(self.report()),
                Phase::Ending { report: Report::Due, .. }
                    if self.lifecycle.receiver().violation().is_some() =>
                {
                    // As much of the end as goes without waiting, in case of no other call.
                    let _ = self.link.poll_shutdown(cx);
                    return Poll::Ready(self.report());
                }
                _ => {}
            }
            if ready!(self.poll_step(cx, mode)) {
                return Poll::Ready(Ok(true));
            }
        }
    }

    /// Waits for bytes that the receiver can look at. `false`: the phase has changed.
    pub(super) fn poll_step(&mut self, cx: &mut Context<'_>, mode: ReadMode) -> Poll<bool> {
        loop {
            match self.phase {
                Phase::Reading | Phase::WriteFailed => {}
                Phase::Ending { .. } => {
                    ready!(self.poll_end(cx));
                    return Poll::Ready(false);
                }
                Phase::Ended(_) => return Poll::Ready(false),
            }
            self.queue_replies();
            if self.lifecycle.receiver().is_done() {
                // §5.5.1, §7.1.7: what comes after the end means nothing, however much it is.
                self.input.clear();
                let close_sent = self.link.poll_closed(cx);
                if self.lifecycle.should_end_transport(close_sent) {
                    self.phase = Phase::Ending { eof: false, report: Report::Due };
                    return Poll::Ready(false);
                }
            }
            if mode == ReadMode::UntilFull && !ready!(self.poll_room(cx)) {
                continue;
            }
            let paused = self.read_budget.is_over();
            match self.poll_read(cx) {
                Poll::Ready(Ok(0)) => {
                    // The answer to its close frame may still reach a peer that only stopped
                    // sending; and §7.1.4 wants TCP closed in both directions.
                    let _ = self.link.poll_shutdown(cx);
                    self.end(None);
                }
                Poll::Ready(Ok(_)) => {
                    self.lifecycle.note_received();
                    self.link.note_received();
                    if !self.lifecycle.receiver().is_done() {
                        return Poll::Ready(true);
                    }
                    self.input.clear();
                }
                Poll::Ready(Err(error)) => self.end(Some(error)),
                Poll::Pending => ready!(self.poll_wait(cx, paused)),
            }
        }
    }

    /// Waits until so little waits to be written that the peer may be read; `false` where something
    /// else is to be looked at first.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        // After our close frame nothing is added: then it is read on, so that a peer that writes
        // before it reads comes to it.
        if self.link.is_full()
            && !self.link.poll_closed(cx)
            && self.poll_write(cx).is_pending()
            && self.link.is_full()
        {
            self.input.park();
            return self.poll_deadline(cx).map(|_| false);
        }
        Poll::Ready(true)
    }

    /// Writes what is framed. An error is told to the caller, and, once all is read that the peer has
    /// said before, to the task that receives.
    #[inline]
    pub(in crate::net) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.link.poll_write(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.write_failed(error))),
        }
    }

    #[cold]
    fn write_failed(&mut self, error: io::Error) -> Error {
        let told = Error::from_transport(copy_of(&error));
        if let Phase::Reading = self.phase {
            self.phase = Phase::WriteFailed;
            self.error = Some(error);
        }
        told
    }

    /// Nothing is there to be read, or reading is `paused`: writes what is framed, looks at the clock,
    /// and waits.
    fn poll_wait(&mut self, cx: &mut Context<'_>, paused: bool) -> Poll<()> {
        self.input.park();
        let mut written = self.poll_write(cx).is_ready();
        if written && !self.lifecycle.receiver_mut().replies().is_empty() {
            // There is room for what had to wait.
            self.queue_replies();
            written = self.poll_write(cx).is_ready();
        }
        if written
            && !paused
            && let Phase::WriteFailed = self.phase
        {
            self.end(None);
            return Poll::Ready(());
        }
        // How it ends is for the caller to report.
        self.poll_deadline(cx).map(drop)
    }

    /// Reads, unless this socket has used up its budget: then it is as if nothing had come yet.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.read_budget.is_over() {
            self.read_budget = ReadBudget::default();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Self { link, lifecycle, input, .. } = self;
        let receiver = lifecycle.receiver_mut();
        let direct = if input.is_empty() { receiver.direct_buffer() } else { None };
        let polled = match direct {
            Some(mut room) => {
                let polled = poll_read_buf(link.reading(), cx, &mut room);
                if let Poll::Ready(Ok(len @ 1..)) = polled {
                    receiver.advance_direct(len);
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

    /// Waits for the deadline, and does what it calls for; or what others ask for. An error is the end.
    pub(in crate::net) fn poll_deadline(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if let Some(handle) = &self.handle {
            if self.lifecycle.receiver_mut().take_pong() {
                handle.note_pong(now());
            }
            // It knows whom to wake as long as the timer does.
            if (handle.is_asked() || !self.timer.wakes(cx.waker()))
                && let Some(asked) = handle.poll_asked(cx.waker())
            {
                match asked {
                    Asked::Close(close) => self.link.frame(Event::Close(Some(close.as_close()))),
                    Asked::Ping if self.lifecycle.is_pinged() => {}
                    Asked::Ping => self.send_ping(true),
                }
                return Poll::Ready(Ok(()));
            }
        }
        if self.link.took_bytes() {
            self.lifecycle.note_written();
        }
        let closing = self.link.poll_closed(cx);
        let present = now();
        let Some(at) = self.lifecycle.poll_timeout(closing, present) else {
            if !self.timer.wakes(cx.waker()) {
                // Nothing is timed, and only the handle knows this task.
                self.timer.forget();
            }
            return Poll::Pending;
        };
        // To a task whose peer floods it the runtime grants nothing more, not even a timer. Before
        // the close any byte counts as life, and the timer is asked: it fires only after the runtime
        // has looked for bytes.
        if !closing || at > present {
            let Self { timer, link, .. } = self;
            ready!(timer.poll(cx, at, || link.rest()));
        }
        let unwritten = self.link.look(|frame_writer| frame_writer.buffered() > 0);
        match self.lifecycle.handle_timeout(closing, unwritten, now()) {
            None => {}
            Some(Due::Ping) => self.send_ping(false),
            Some(due @ Due::GiveUp(_)) => {
                if let Some(close) = due.close() {
                    self.link.frame(Event::Close(Some(close)));
                    let _ = self.link.poll_write(cx);
                }
                self.end(None);
                return Poll::Ready(self.failure(None).map_or(Ok(()), Err));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Frames a ping. Its pong is told from others by a payload, which the peer cannot guess. That is for tasks that
    /// ask how long the peer took to answer, and for applications that receive pongs, but not this one.
    fn send_ping(&mut self, asked: bool) {
        if self.handle.is_none() && !self.report_pings {
            return self.link.frame(Event::Ping(&[]));
        }
        let present = now();
        let receiver = self.lifecycle.receiver();
        let payload = receiver.awaited_pong().unwrap_or_else(masking_key);
        self.link.frame(Event::Ping(&payload));
        self.lifecycle.note_ping(payload, present);
        if let Some(handle) = &self.handle {
            handle.note_ping(present, asked);
        }
    }
}
