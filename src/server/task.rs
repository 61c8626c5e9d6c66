//! One connection's task: the opening handshake, the handler, the closing handshake.
//!
//! ```text
//!               ┌─ the handler runs ──────────────▶ returned, failed, panicked ─┐
//! admission ────┤                                                               ├─▶ counted
//!               └─ its socket comes back ─▶ closed, beside the handler ─────────┘
//! ```

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::admission::{Admission, Context, Opened};
use super::connection::{ReturnedSocket, ServerConnection};
use super::listener::Accepted;
use super::outcome::{Failure, HandlerOutcome};
use super::registry::Slot;
use super::report::End;
use super::trace::Trace;
use crate::net::{Handle, close_frame};
use crate::proto::{CloseCode, CloseFrame};

/// Serves a connection that was accepted.
///
/// This is what every connection's task holds as long as it lives, so what is large or soon over is
/// boxed.
pub(super) async fn serve<D, H, F>(context: Arc<Context<D, H>>, arrived: Box<(Admission, Accepted)>)
where
    H: Fn(ServerConnection<D>) -> F,
    F: Future<Output: HandlerOutcome>,
{
    let opening = async {
        let (admission, accepted) = *arrived;
        admission.open(&context, accepted).await.map(OpenConnection::begin)
    };
    let Some((mut open, connection)) = Box::pin(opening).await else { return };
    let failure = match open.start(|| (context.handler)(connection)) {
        Ok(mut handling) => {
            let failure = poll_fn(|cx| open.poll_handler(&mut handling, cx)).await;
            handling.end(failure)
        }
        Err(failure) => Some(failure),
    };
    open.finish(failure).await;
}

/// An open connection.
pub(super) struct OpenConnection {
    slot: Slot,
    trace: Trace,
    handle: Handle,
    socket: Socket,
}

/// The future of a handler. Boxed, because a pinned future is kept twice.
pub(super) struct Handling<F> {
    future: Pin<Box<F>>,
    started: bool,
}

impl<F> Handling<F> {
    /// Drops the future, which may panic, too.
    pub(super) fn end(self, failure: Option<Failure>) -> Option<Failure> {
        match catch_unwind(AssertUnwindSafe(|| drop(self))) {
            Ok(()) => failure,
            Err(_) => Some(Failure::Panic),
        }
    }
}

/// Where the socket of a connection is.
enum Socket {
    /// The handler has it, and gives it back here.
    Lent(oneshot::Receiver<Box<ReturnedSocket>>),
    /// The handler has ended, and has given it back.
    Returned(Box<ReturnedSocket>),
    /// It came back while the handler runs.
    Closing {
        closing: Pin<Box<dyn Future<Output = ()> + Send>>,
        by_peer: bool,
    },
    Closed {
        by_peer: bool,
    },
    /// The handler took it away from the server.
    TakenAway,
}

impl OpenConnection {
    /// The connection is open: what its handler gets, and what stays with the server.
    pub(super) fn begin<D>(opened: Opened<D>) -> (Self, ServerConnection<D>) {
        let Opened { mut slot, trace, peer, mut socket, data } = opened;
        let handle = socket.handle();
        trace.opened(&handle);
        slot.open(&handle);
        let (give_back, returned) = oneshot::channel();
        let connection = ServerConnection::new(data, slot.id(), peer, socket, give_back);
        (Self { slot, trace, handle, socket: Socket::Lent(returned) }, connection)
    }

    /// Calls the handler. A panic ends the handler, not the server.
    pub(super) fn start<F>(&self, handler: impl FnOnce() -> F) -> Result<Handling<F>, Failure> {
        catch_unwind(AssertUnwindSafe(|| Box::pin(self.trace.within(handler))))
            .map(|future| Handling { future, started: false })
            .map_err(|_| Failure::Panic)
    }

    /// Runs the handler a step further. It gives the failure when the handler has ended.
    #[inline]
    pub(super) fn poll_handler<F>(
        &mut self,
        handling: &mut Handling<F>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Failure>>
    where
        F: Future<Output: HandlerOutcome>,
    {
        // The socket is watched from the beginning: it leaves word once whom to wake.
        if !handling.started {
            handling.started = true;
            self.poll_returned(cx);
        }
        let failure = |outcome: F::Output| outcome.failure().map(Failure::from);
        let poll = || handling.future.as_mut().poll(cx).map(failure);
        match catch_unwind(AssertUnwindSafe(|| self.trace.within(poll))) {
            Ok(Poll::Pending) => {
                self.poll_beside(cx);
                Poll::Pending
            }
            Ok(Poll::Ready(failure)) => Poll::Ready(failure),
            Err(_) => Poll::Ready(Some(Failure::Panic)),
        }
    }

    /// Takes the socket if the handler has given it back. If not, the task is woken when it does.
    fn poll_returned(&mut self, cx: &mut TaskContext<'_>) {
        if let Socket::Lent(returned) = &mut self.socket
            && let Poll::Ready(returned) = Pin::new(returned).poll(cx)
        {
            self.take(returned.ok());
        }
    }

    /// Looks after the socket while the handler waits. This runs with every message, so it asks no more
    /// than whether the socket is there.
    #[inline]
    fn poll_beside(&mut self, cx: &mut TaskContext<'_>) {
        if let Socket::Lent(returned) = &mut self.socket {
            match returned.try_recv() {
                Err(TryRecvError::Empty) => return,
                Ok(socket) => self.take(Some(socket)),
                Err(TryRecvError::Closed) => self.take(None),
            }
        }
        if let Socket::Closing { closing, by_peer } = &mut self.socket
            && closing.as_mut().poll(cx).is_ready()
        {
            self.socket = Socket::Closed { by_peer: *by_peer };
            self.ended(End::Closed(self.handle.ended()));
        }
    }

    /// The socket came back while the handler runs: it is closed.
    #[cold]
    fn take(&mut self, socket: Option<Box<ReturnedSocket>>) {
        self.socket = match socket {
            None => Socket::TakenAway,
            Some(socket) => {
                let by_peer = socket.is_leaving();
                Socket::Closing {
                    closing: Box::pin(socket.close(self.closing_frame(None))),
                    by_peer,
                }
            }
        };
    }

    /// The handler has ended: judges it, and closes the connection.
    pub(super) async fn finish(mut self, failure: Option<Failure>) {
        if let Some(failure) = &failure {
            // Whether the peer ends the connection is known to the task that receives, which may be
            // another one than the handler's.
            if failure.is_end_of_connection() {
                self.returned().await;
            } else if let Socket::Lent(returned) = &mut self.socket
                && let Ok(socket) = returned.try_recv()
            {
                self.socket = Socket::Returned(socket);
            }
            self.judge(failure);
        }
        self.returned().await;
        let closing_frame = self.closing_frame(failure.as_ref());
        match std::mem::replace(&mut self.socket, Socket::Closed { by_peer: false }) {
            Socket::Returned(socket) => Box::pin(socket.close(closing_frame)).await,
            Socket::Closing { closing, .. } => closing.await,
            Socket::Closed { .. } => return,
            Socket::TakenAway => return self.ended(End::Dropped),
            Socket::Lent(_) => unreachable!("it has been waited for"),
        }
        self.ended(End::Closed(self.handle.ended()));
    }

    /// Waits for the socket, if the handler has not given it back.
    async fn returned(&mut self) {
        if let Socket::Lent(returned) = &mut self.socket {
            self.socket = returned.await.map_or(Socket::TakenAway, Socket::Returned);
        }
    }

    /// Decides whose fault a failure is.
    fn judge(&self, failure: &Failure) {
        let registry = self.slot.registry();
        let is_error = matches!(failure, Failure::Error { .. });
        let lost = self.handle.ended().is_some_and(|ending| !ending.clean);
        let is_end = failure.is_end_of_connection();
        let by_peer = match &self.socket {
            // Some types hide what they wrap. Then the connection knows whether it has told an end.
            Socket::Returned(socket) => {
                socket.is_leaving() && (is_end || is_error && socket.has_refused())
            }
            Socket::Closing { by_peer, .. } | Socket::Closed { by_peer } => *by_peer && is_end,
            Socket::Lent(_) | Socket::TakenAway => false,
        };
        let by_others = lost || by_peer || is_error && registry.is_draining();
        if !by_others {
            registry.handler_failed();
        }
        self.trace.failed(failure, by_others);
    }

    /// What the peer is told if it is the server that closes.
    fn closing_frame(&self, failure: Option<&Failure>) -> CloseFrame {
        match self.slot.registry().drain_close() {
            _ if failure.is_some() => close_frame(CloseCode::INTERNAL_ERROR, "the server failed"),
            Some(drain_close) => drain_close.clone(),
            None => close_frame(CloseCode::NORMAL, ""),
        }
    }

    fn ended(&mut self, end: End) {
        self.slot.end(end);
        self.trace.ended(&self.handle);
    }
}
