//! The writing direction between tasks.
//!
//! [`SharedWriter`] is the lock: held for framing, and for a write that does not block, never across an
//! `await`. No task is woken before it is free again.
//!
//! Bytes have positions, counted from when the socket was split. Who flushes waits for the position up
//! to which bytes are framed at that moment, and not for those that others frame later.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::AsyncWrite;

use super::pressure::{Gauge, Pressure, TellLater};
use super::waker_set::{News, Waiter, WakeLater, WakerSet};
use crate::net::buffers::frame_writer::FrameWriter;
use crate::net::buffers::offer::{Offered, WhenFull};
use crate::net::error::{Error, copy_of};
use crate::net::overflow::Overflow;
use crate::net::socket::link::at_once;
use crate::net::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::net::sync::{Arc, Mutex, MutexGuard, lock};
use crate::proto::Ratio;
use crate::proto::{AsEvent, Close, CloseCode, CloseFrame, Event, Misuse};

/// The writing direction, shared.
pub(in crate::net) struct SharedWriter<W> {
    inner: Mutex<Inner<W>>,
    pub(in crate::net) waiting: Arc<WakerSet>,
    /// How often the peer was heard.
    ///
    /// Relaxed is enough: a writer gives the peer up if this has not changed for seconds, and nothing
    /// else is read because of it. That a change is seen a moment late does not matter.
    heard: AtomicU32,
    /// What becomes of messages for which there is no room.
    pub(in crate::net) policy: Overflow,
    /// How long a peer may take nothing before a writer that waits gives it up.
    pub(in crate::net) stall_timeout: Option<Duration>,
}

pub(in crate::net) struct Inner<W> {
    /// `None` once it was given up: who still holds a writer holds no descriptor.
    stream: Option<W>,
    pub(in crate::net) frame_writer: FrameWriter,
    /// Up to which position the transport has taken bytes, and flushed them.
    taken: u64,
    flushed: u64,
    /// Where the close frame ends, once it is framed.
    closed: Option<u64>,
    /// Boxed, because until the end there is none.
    end: Option<Box<End>>,
    /// Boxed, because most connections have none.
    gauge: Option<Box<Gauge>>,
}

/// What each direction learns of the end from the other.
#[derive(Default)]
struct End {
    /// How writing has failed, for the reader. With [`News::Failed`] and without an error, the peer was
    /// given up.
    failure: Option<io::Error>,
    /// How the connection ends, for the writers: then it is not the caller's fault that nothing can be
    /// sent.
    ending: Option<CloseFrame>,
}

/// What is framed at some moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) struct Framed {
    position: u64,
    /// Messages that wait to be framed, counted as the backlog counts them.
    backlogged: u64,
}

/// The lock, and those to be woken once it is free.
pub(super) struct Held<'a, W> {
    // Dropped first.
    pub(super) inner: MutexGuard<'a, Inner<W>>,
    wakes: WakeLater,
    pressure: Option<TellLater>,
}

impl<W> Held<'_, W> {
    /// Looks whether the pressure has changed.
    fn gauge(&mut self) {
        let Inner { gauge, frame_writer, .. } = &*self.inner;
        let Some(gauge) = gauge else { return };
        if gauge.look(frame_writer.buffered(), frame_writer.high_water()) {
            self.pressure.get_or_insert_with(|| gauge.tell_later());
        }
    }
}

impl<W: AsyncWrite + Unpin + Send + 'static> SharedWriter<W> {
    pub(in crate::net) fn new(
        stream: W,
        frame_writer: FrameWriter,
        stall_timeout: Option<Duration>,
    ) -> Arc<Self> {
        let waiting = WakerSet::default();
        waiting.raise(News::Pending);
        let policy = frame_writer.policy();
        let mut inner = Inner {
            stream: Some(stream),
            taken: 0,
            flushed: 0,
            closed: None,
            end: None,
            gauge: None,
            frame_writer,
        };
        // Positions are counted from here.
        inner.frame_writer.write_buffer.take_taken();
        if inner.frame_writer.sender.has_closed() {
            inner.closed = Some(inner.framed().position);
            waiting.raise(News::Closed);
        }
        Arc::new(Self {
            inner: Mutex::new(inner),
            waiting: Arc::new(waiting),
            heard: AtomicU32::new(0),
            policy,
            stall_timeout,
        })
    }

    pub(in crate::net) fn look<T>(&self, look: impl FnOnce(&mut Inner<W>) -> T) -> T {
        look(&mut lock(&self.inner))
    }

    pub(super) fn hold(&self) -> Held<'_, W> {
        Held { inner: lock(&self.inner), wakes: WakeLater::default(), pressure: None }
    }

    /// Frames an event once there is room.
    pub(in crate::net) fn poll_feed(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        event: &impl AsEvent,
    ) -> Poll<Result<(), Error>> {
        self.poll_with(cx, waiter, |inner| inner.offer(event, WhenFull::Wait))
    }

    /// Waits for room, and frames nothing.
    pub(in crate::net) fn poll_room(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
    ) -> Poll<Result<(), Error>> {
        self.poll_with(cx, waiter, |inner| Ok(inner.frame_writer.has_room()))
    }

    /// Offers the next part of a message, and waits for room. `began` says whether the message under
    /// way is this writer's.
    pub(in crate::net) fn poll_part(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        part: Event<'_>,
        fin: bool,
        began: &PartsBegun,
    ) -> Poll<Result<(), Error>> {
        let polled = self.poll_with(cx, waiter, |Inner { frame_writer, .. }| {
            if part.is_control() {
                return frame_writer.offer_part(part, fin);
            }
            // §5.4: fragments of one message MUST NOT be interleaved with another's.
            if frame_writer.sender.is_unfinished() && !began.get() {
                return Err(Misuse::Unfinished);
            }
            let offered = frame_writer.offer_part(part, fin)?;
            if offered == Offered::Queued {
                began.set(!fin);
            }
            Ok(offered)
        });
        if polled.is_ready() && fin {
            // What was published meanwhile was to be written at once, and waited for this alone.
            let held = &mut self.hold();
            if held.inner.frame_writer.has_backlog() {
                self.write_now(held);
            }
        }
        polled
    }

    /// Makes an offer until it is not answered with [`Full`](Offered::Full).
    fn poll_with(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        mut offer: impl FnMut(&mut Inner<W>) -> Result<Offered, Misuse>,
    ) -> Poll<Result<(), Error>> {
        self.waiting.arrive(waiter);
        let held = &mut self.hold();
        held.inner.check()?;
        // §5.5.1: after a close frame nothing may be framed, which is said at once.
        let closed = held.inner.frame_writer.sender.has_closed();
        if !closed && !waiter.has_waited() && self.waiting.is_room_awaited() {
            // Others were here before. The first is told once more, after this writer is in the list: it
            // may have left since, without a next one to tell, or be a future that is not polled now.
            self.waiting.wait_for_room(waiter, cx.waker());
            if held.inner.frame_writer.is_full() {
                let written = self.write(held);
                held.inner.check_write(written)?;
            } else {
                self.waiting.release(held.inner.flushed, true, &mut held.wakes);
            }
            return Poll::Pending;
        }
        if !closed && held.inner.frame_writer.is_full() {
            let written = self.write(held);
            held.inner.check_write(written)?;
        }
        let mut offered = self.framing(held, &mut offer);
        if matches!(offered, Ok(Offered::Full)) {
            // The transport is asked once more, because it may have had room before this was told.
            self.waiting.wait_for_room(waiter, cx.waker());
            let written = self.write(held);
            held.inner.check_write(written)?;
            if held.inner.frame_writer.is_full() {
                return Poll::Pending;
            }
            offered = self.framing(held, &mut offer);
        }
        let waited = waiter.has_waited();
        self.waiting.done(waiter);
        if waited && self.waiting.is_room_awaited() {
            if !closed && held.inner.frame_writer.is_full() {
                // The next waits for the transport, so that must know.
                let _ = self.write(held);
            } else {
                self.waiting.release(held.inner.flushed, true, &mut held.wakes);
            }
        }
        Poll::Ready(offered.map(drop).map_err(|misuse| held.inner.explain(misuse)))
    }

    /// Offers an event without waiting. What the transport takes now is written, if `write` says
    /// so.
    pub(in crate::net) fn offer(
        self: &Arc<Self>,
        event: &impl AsEvent,
        when_full: WhenFull,
        write: bool,
    ) -> Result<Offered, Error> {
        let held = &mut self.hold();
        if held.inner.frame_writer.is_full() {
            self.write_now(held);
        }
        held.inner.check()?;
        let offered = self.framing(held, |inner| inner.offer(event, when_full));
        if write {
            self.write_now(held);
        }
        offered.map_err(|misuse| held.inner.explain(misuse))
    }

    /// Closes the connection, because the writer has gone that alone could end the message under way.
    /// Nothing is written here, where a task may be falling apart: the reader is woken for it.
    #[cold]
    pub(in crate::net) fn leave_unfinished(&self) {
        let held = &mut self.hold();
        // A connection that is over, or was closed since, has ended otherwise.
        if !held.inner.is_over() && held.inner.frame_writer.sender.is_unfinished() {
            let close =
                Close { code: CloseCode::INTERNAL_ERROR, reason: "a message was left unfinished" };
            let framed = self.framing(held, |inner| inner.frame_writer.feed(close));
            debug_assert_eq!(framed, Ok(()));
        }
    }

    /// Gives the transport up, and tells all that wait.
    pub(in crate::net) fn abandon(&self) {
        let mut held = self.hold();
        held.inner.frame_writer.abandon();
        held.gauge();
        let (gauge, stream) = (held.inner.gauge.take(), held.inner.stream.take());
        self.waiting.wake_all(&mut held.wakes);
        drop(held);
        // Their ends are no business of the lock's.
        drop((gauge, stream));
    }

    /// Gives the peer up; the reader ends the connection.
    pub(in crate::net) fn give_up(&self) {
        self.waiting.raise(News::Failed);
        self.abandon();
    }

    /// Whether a writer has given the peer up.
    pub(in crate::net) fn is_given_up(&self) -> bool {
        self.waiting.has(News::Failed) && self.look(|inner| inner.failure().is_none())
    }

    /// How writing has failed, for the reader.
    pub(in crate::net) fn failure(&self) -> io::Error {
        let error = self.look(|inner| inner.failure().map(copy_of));
        error.unwrap_or(io::ErrorKind::TimedOut.into())
    }

    /// Notes how the connection ends.
    pub(in crate::net) fn note_ending(&self, close: &CloseFrame) {
        self.look(|inner| {
            inner.end.get_or_insert_default().ending.get_or_insert_with(|| close.clone());
        });
    }

    /// Notes that bytes came from the peer.
    pub(in crate::net) fn heard(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes whenever the peer takes or says something. A kernel with megabytes of room tells only
    /// now and then that something was taken, so what a slow peer sends counts, too.
    pub(in crate::net) fn signs_of_life(&self) -> u64 {
        self.look(|inner| inner.taken).wrapping_add(self.heard.load(Ordering::Relaxed).into())
    }

    /// Frames an event at once.
    pub(in crate::net) fn frame(&self, event: Event<'_>) -> Result<(), Error> {
        let held = &mut self.hold();
        let framed = self.framing(held, |inner| inner.frame_writer.feed(event));
        framed.map_err(|misuse| held.inner.explain(misuse))
    }

    /// Frames what is owed to the peer, and the like.
    pub(in crate::net) fn with(&self, frame: impl FnOnce(&mut FrameWriter)) {
        self.framing(&mut self.hold(), |inner| frame(&mut inner.frame_writer));
    }

    /// Frames a close frame, unless one is framed. Gives what is framed then.
    pub(in crate::net) fn close(&self, close: Close<'_>) -> Result<Framed, Error> {
        let held = &mut self.hold();
        if held.inner.closed.is_none() {
            held.inner.check()?;
        }
        self.framing(held, |inner| inner.frame_writer.feed(close))?;
        let framed = held.inner.framed();
        Ok(Framed { position: held.inner.closed.unwrap_or(framed.position), ..framed })
    }

    /// How many bytes wait to be written, and how many messages were dropped for want of room.
    pub(in crate::net) fn load(&self) -> (usize, u64) {
        self.look(|inner| (inner.frame_writer.buffered(), inner.frame_writer.dropped()))
    }

    /// Tells from now on whether much waits to be written.
    pub(in crate::net) fn pressure(&self, low_water: usize) -> Pressure {
        self.look(|inner| {
            let is_high = inner.frame_writer.is_full();
            if inner.is_over() {
                return Gauge::new(low_water, false).pressure();
            }
            let gauge = || Box::new(Gauge::new(low_water, is_high));
            inner.gauge.get_or_insert_with(gauge).pressure()
        })
    }

    /// How much compression has spared of what was sent.
    pub(in crate::net) fn ratio(&self) -> Ratio {
        self.look(|inner| inner.frame_writer.sender.ratio())
    }

    /// Waits until all is written that was framed at some moment; without one, that is now.
    pub(in crate::net) fn poll_flush(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        waiter: &mut Waiter,
        framed: &mut Option<Framed>,
    ) -> Poll<Result<(), Error>> {
        self.waiting.arrive(waiter);
        let held = &mut self.hold();
        let framed = match framed {
            Some(framed) => framed,
            None => {
                held.inner.check()?;
                framed.insert(held.inner.framed())
            }
        };
        let mut enlisted = false;
        loop {
            if held.inner.is_written(framed) {
                break;
            }
            held.inner.check()?;
            match self.write(held) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::from_transport(error))),
                Poll::Ready(Ok(())) => break,
                Poll::Pending if held.inner.is_written(framed) => break,
                Poll::Pending if enlisted => return Poll::Pending,
                Poll::Pending => {
                    // The transport is asked once more, because it may have had room before this was
                    // told.
                    enlisted = true;
                    self.waiting.wait_for(framed.position, waiter, cx.waker());
                }
            }
        }
        self.waiting.done(waiter);
        Poll::Ready(Ok(()))
    }

    /// Writes what is framed, for the reader.
    pub(in crate::net) fn poll_write(self: &Arc<Self>) -> Poll<io::Result<()>> {
        self.write(&mut self.hold())
    }

    /// Ends the writing direction, once everything is written; for the reader.
    pub(in crate::net) fn poll_shutdown(self: &Arc<Self>) -> Poll<()> {
        let held = &mut self.hold();
        let was_over = held.inner.is_over();
        let polled = self.ask(held, FrameWriter::poll_shutdown).unwrap_or(Poll::Ready(()));
        if !was_over && held.inner.is_over() {
            // The last write has failed. Those who wait for it, or for room, wait in vain.
            self.waiting.wake_all(&mut held.wakes);
        }
        polled
    }

    /// Writes what is framed, on behalf of all that wait.
    fn write(self: &Arc<Self>, held: &mut Held<'_, W>) -> Poll<io::Result<()>> {
        let polled = self.ask(held, FrameWriter::poll_write).unwrap_or(Poll::Ready(Ok(())));
        if let Poll::Ready(Err(error)) = &polled {
            held.inner.end.get_or_insert_default().failure.get_or_insert_with(|| copy_of(error));
            self.waiting.raise(News::Failed);
            self.waiting.wake_all(&mut held.wakes);
        }
        polled
    }

    /// Writes what the transport takes now, whatever the runtime still grants this task.
    pub(super) fn write_now(self: &Arc<Self>, held: &mut Held<'_, W>) {
        // An error is the reader's to tell.
        let _ = at_once(&mut Context::from_waker(Waker::noop()), |_| self.write(held));
    }

    /// Frames something.
    pub(super) fn framing<T>(
        &self,
        held: &mut Held<'_, W>,
        frame: impl FnOnce(&mut Inner<W>) -> T,
    ) -> T {
        let framed = frame(&mut held.inner);
        // A large message may have been written in part already.
        held.inner.note_taken();
        self.waiting.raise(News::Pending);
        if held.inner.frame_writer.sender.has_closed() && held.inner.closed.is_none() {
            held.inner.closed = Some(held.inner.framed().position);
            self.waiting.raise(News::Closed);
            self.waiting.wake_reader(&mut held.wakes);
            // Those that wait for room wait in vain.
            self.waiting.release(held.inner.flushed, true, &mut held.wakes);
        }
        held.gauge();
        framed
    }

    /// Polls the transport, to write all or to end, on behalf of all that wait for it. `None`: it
    /// was given up.
    fn ask<T>(
        self: &Arc<Self>,
        held: &mut Held<'_, W>,
        poll: impl FnOnce(&mut FrameWriter, Pin<&mut W>, &mut Context<'_>) -> Poll<T>,
    ) -> Option<Poll<T>> {
        let Inner { stream, frame_writer, .. } = &mut *held.inner;
        let mut stream = Pin::new(stream.as_mut()?);
        let all = Waker::from(Arc::clone(&self.waiting));
        let cx = &mut Context::from_waker(&all);
        let polled = poll(frame_writer, stream.as_mut(), cx);
        if frame_writer.took_bytes() {
            self.waiting.raise(News::Took);
        }
        if polled.is_ready() {
            self.waiting.lower(News::Pending);
        }
        held.inner.note_taken();
        let Inner { stream, taken, flushed, .. } = &mut *held.inner;
        if polled.is_pending()
            && taken > flushed
            && self.waiting.is_awaited(*taken)
            && let Some(stream) = stream
            // An error comes again with the next write.
            && let Poll::Ready(Ok(())) = Pin::new(stream).poll_flush(cx)
        {
            *flushed = *taken;
        }
        held.gauge();
        let room = !held.inner.frame_writer.is_full();
        self.waiting.release(held.inner.flushed, room, &mut held.wakes);
        Some(polled)
    }
}

impl<W: AsyncWrite + Unpin> Inner<W> {
    fn offer(&mut self, event: &impl AsEvent, when_full: WhenFull) -> Result<Offered, Misuse> {
        self.with_stream(|frame_writer, stream| frame_writer.offer(event, when_full, stream))
    }

    /// Large messages are written at once, so that they are not copied. No task waits for the transport
    /// then, because the write buffer tries only where it was not full.
    pub(super) fn with_stream<T>(
        &mut self,
        frame: impl FnOnce(&mut FrameWriter, Pin<&mut W>) -> Result<T, Misuse>,
    ) -> Result<T, Misuse> {
        // Who is here has checked that it was not given up.
        let Some(stream) = &mut self.stream else { return Err(Misuse::Closed) };
        frame(&mut self.frame_writer, Pin::new(stream))
    }
}

impl<W> Inner<W> {
    /// Whether nothing can be written any more.
    pub(super) fn is_over(&self) -> bool {
        self.frame_writer.write_buffer.is_broken()
    }

    /// Tells a caller that nothing can be written any more, if that is so, and notes that it was told.
    fn check(&mut self) -> Result<(), Error> {
        if !self.is_over() {
            return Ok(());
        }
        self.frame_writer.note_refused();
        Err(self.ended())
    }

    /// The error of a connection on which nothing can be written any more.
    pub(super) fn ended(&self) -> Error {
        match self.ending() {
            Some(close) => Error::Closed(close.clone()),
            None => Error::closed_abnormally(),
        }
    }

    fn failure(&self) -> Option<&io::Error> {
        self.end.as_ref()?.failure.as_ref()
    }

    fn ending(&self) -> Option<&CloseFrame> {
        self.end.as_ref()?.ending.as_ref()
    }

    /// Why nothing was framed: how the peer has ended the connection, if it was the peer, or that it was
    /// too slow.
    #[cold]
    fn explain(&mut self, misuse: Misuse) -> Error {
        let (ending, overflowed) = (self.ending().cloned(), self.frame_writer.is_overflowed());
        match Error::from(misuse).explained(ending, overflowed) {
            Ok(explained) => {
                self.frame_writer.note_refused();
                explained
            }
            Err(error) => error,
        }
    }

    /// The same for one who has just tried to write, and is told how that failed.
    fn check_write(&mut self, written: Poll<io::Result<()>>) -> Result<(), Error> {
        if let Poll::Ready(Err(error)) = written {
            return Err(Error::from_transport(error));
        }
        self.check()
    }

    fn note_taken(&mut self) {
        let write_buffer = &mut self.frame_writer.write_buffer;
        self.taken += u64::from(write_buffer.take_taken());
        if write_buffer.is_flushed() {
            self.flushed = self.taken;
        }
    }

    fn framed(&self) -> Framed {
        let position = self.taken + self.frame_writer.write_buffer.len() as u64;
        Framed { position, backlogged: self.frame_writer.backlogged() }
    }

    /// Whether all of that is written.
    fn is_written(&self, framed: &mut Framed) -> bool {
        if self.frame_writer.holds_backlog(framed.backlogged) {
            return false;
        }
        if framed.backlogged > 0 {
            // What waited to be framed is framed now, or was dropped.
            *framed = Framed { backlogged: 0, ..self.framed() };
        }
        self.flushed >= framed.position
    }
}

/// Whether the message that is under way in parts is a writer's own.
///
/// It is looked at and changed under the lock of the writing direction alone, and where the writer is
/// dropped, when no other task has it. So relaxed is enough: the lock orders it.
#[derive(Debug)]
pub(in crate::net) struct PartsBegun(AtomicBool);

impl PartsBegun {
    pub(in crate::net) fn new(begun: bool) -> Self {
        Self(AtomicBool::new(begun))
    }

    pub(in crate::net) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, begun: bool) {
        self.0.store(begun, Ordering::Relaxed);
    }
}
