//! One connection's life: its request, the answer, the handler, its end.
//!
//! ```text
//! TLS ─▶ request read ─▶ legal? 4xx ─▶ draining? 503 ─▶ origin? 403 ─▶ hook ─▶ full? 503 ─▶ 101 ─▶ handler ─▶ close
//!               └─ it was full when they came: 503 429
//! ```

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{sleep, timeout};

use super::connection::{Left, ServerConnection};
use super::listener::{Accepted, Peer};
use super::registry::{End, Full, Place, Registry};
use super::reply::{Accept, Answer};
use super::request::Request;
use super::trace::Trace;
use crate::handshake::{Origins, RequestError, write_response};
use crate::net::{Config, Error, Handle, Incoming, Transport, WebSocket, close_frame};
use crate::proto::{CloseCode, CloseFrame, Expired, Misuse};

/// The handshake hook.
pub(super) type Hook<D> = Box<
    dyn Fn(Request) -> Pin<Box<dyn Future<Output = Result<Accept<D>, Answer>> + Send>>
        + Send
        + Sync,
>;

/// What every connection of a server needs.
pub(super) struct Context<D, H> {
    pub(super) registry: Arc<Registry>,
    pub(super) config: Config,
    pub(super) origins: Origins,
    pub(super) hook: Hook<D>,
    pub(super) handler: H,
}

/// What a handler returns: nothing, or a result.
///
/// Its error is shown in the log, with feature `tracing`: without that it is told nowhere, but that
/// [`Report::handlers_failed`](super::Report::handlers_failed) counts those that are the handler's own
/// doing. The peer learns nothing of it but 1011, "the server failed".
pub trait Outcome {
    /// The error, if it is one.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<T, E: std::fmt::Display> Outcome for Result<T, E> {
    fn failure(self) -> Option<String> {
        // With what has caused it, where errors show that so.
        self.err().map(|error| format!("{error:#}"))
    }
}

/// Somebody who has come.
pub(super) struct Arrival {
    pub(super) accepted: Accepted,
    pub(super) place: Place,
    /// That there may be one more opening handshake.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Serves a connection that was accepted.
///
/// This is what every connection's task holds as long as it lives, so what is large or soon over is
/// boxed.
pub(super) async fn serve<D, H, F>(context: Arc<Context<D, H>>, arrival: Box<Arrival>)
where
    H: Fn(ServerConnection<D>) -> F,
    F: Future<Output: Outcome>,
{
    let trace = Trace::new(arrival.place.id(), arrival.accepted.peer);
    let opened = Box::pin(open(&context, arrival, &trace)).await;
    let Some((mut place, connection, handle, mut home)) = opened else { return };
    // A panic is the handler's, not the server's. Boxed, because a pinned future is kept twice.
    let start = || Box::pin(trace.within(|| (context.handler)(connection)));
    let handled = match catch_unwind(AssertUnwindSafe(start)) {
        Ok(mut handling) => {
            poll_fn(|cx| {
                let poll = || trace.within(|| handling.as_mut().poll(cx).map(Outcome::failure));
                match catch_unwind(AssertUnwindSafe(poll)) {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(None)) => Poll::Ready(Ok(())),
                    Ok(Poll::Ready(Some(error))) => Poll::Ready(Err(Some(error))),
                    Err(_) => Poll::Ready(Err(None)),
                }
            })
            .await
        }
        Err(_) => Err(None),
    };
    // How a connection ends is known where it is received from, which may be another task.
    let early = match &handled {
        Err(Some(error)) if is_of_a_connection(error) => Some((&mut home).await.ok()),
        _ => None,
    };
    if let Err(error) = &handled {
        // The connection had failed, which is the peer's doing; or it was being closed for everybody
        // has to go, or by the peer, and what the handler had yet to say could not be sent (§5.5.1).
        let lost = handle.ended().is_some_and(|ending| !ending.clean);
        let leaving = early.iter().flatten().any(|left| left.is_leaving());
        let by_others = lost || leaving || error.is_some() && context.registry.is_draining();
        let error = error.as_ref().map(|error| error as &dyn Display);
        failed(&context.registry, &trace, error, by_others);
    }
    // The handler may have taken it away.
    let left = match early {
        Some(left) => left,
        None => home.await.ok(),
    };
    if let Some(left) = left {
        let farewell = match context.registry.farewell() {
            _ if handled.is_err() => close_frame(CloseCode::INTERNAL_ERROR, "the server failed"),
            Some(farewell) => farewell.clone(),
            None => close_frame(CloseCode::NORMAL, ""),
        };
        Box::pin(see_off(left, farewell)).await;
        place.end(End::Seen(handle.ended()));
    }
    trace.ended(&handle);
}

/// Whether this, which is text by now, is the end of some connection, of this one perhaps.
fn is_of_a_connection(error: &str) -> bool {
    let io = Error::from(std::io::Error::other("")).to_string();
    let pong = Error::from(Expired::Pong);
    [Misuse::Closed.into(), Error::Closed, Error::Overflow, Error::Lost, pong]
        .iter()
        .map(Error::to_string)
        .chain([io])
        .any(|end| error.contains(&end))
}

/// Tells that a handler has failed, or the hook; without an error, it has panicked. What is counted is
/// what the log warns of.
fn failed(registry: &Registry, trace: &Trace, error: Option<&dyn Display>, by_others: bool) {
    if !by_others {
        registry.handler_failed();
    }
    trace.failed(error, by_others);
}

/// Answers somebody who cannot be let in.
pub(super) async fn refuse(accepted: Accepted, id: u64, config: Config, full: Full) {
    let trace = Trace::new(id, accepted.peer);
    let refusing = |status| trace.refused(status);
    let Some(stream) = accepted.transport(&config, refusing).await else { return };
    let Ok(incoming) = Incoming::read_noting(stream, &config, refusing).await else { return };
    let Answer(answer) = no_room(full);
    refusing(answer.status());
    let _ = incoming.respond(answer).await;
}

fn no_room(full: Full) -> Answer {
    match full {
        Full::Everywhere => Answer::new(StatusCode::SERVICE_UNAVAILABLE)
            .text("the server has as many connections as it takes\n"),
        Full::Address => Answer::new(StatusCode::TOO_MANY_REQUESTS)
            .text("there are as many connections from this address as the server takes\n"),
    }
}

/// Makes a connection of it, if it may be one.
async fn open<D, H>(
    context: &Context<D, H>,
    arrival: Box<Arrival>,
    trace: &Trace,
) -> Option<(Place, ServerConnection<D>, Handle, oneshot::Receiver<Box<Left>>)> {
    let Arrival { accepted, mut place, permit } = *arrival;
    let peer = accepted.peer;
    let (mut socket, data) = handshake(context, accepted, &mut place, permit, trace).await?;
    let handle = socket.handle();
    trace.opened(&handle);
    place.open(&handle);
    let (way, home) = oneshot::channel();
    let connection = ServerConnection::new(data, place.id(), peer, socket, way);
    Some((place, connection, handle, home))
}

/// The opening handshake. How it fails is the peer's business, and whoever is turned away may take
/// their time: before they are answered they make room for one more handshake.
async fn handshake<D, H>(
    context: &Context<D, H>,
    accepted: Accepted,
    place: &mut Place,
    permit: OwnedSemaphorePermit,
    trace: &Trace,
) -> Option<(WebSocket<Transport>, D)> {
    let Context { registry, config, .. } = context;
    // Whoever is about to ask, or was answered, when the server drains is told; nobody who stays silent,
    // or stays, is waited for.
    let drained = || async {
        registry.draining().await;
        sleep(GRACE).await;
    };
    let peer = accepted.peer;
    let mut door = Door { registry, trace, permit };
    let mut incoming = {
        let read = async {
            let stream = accepted.transport(config, |status| door.turn_away(status)).await?;
            Incoming::read_noting(stream, config, |status| door.turn_away(status)).await.ok()
        };
        // Pinned here: handed over by value they would have room made for them twice.
        let (drained, read) = (pin!(drained()), pin!(read));
        unless(drained, read).await??
    };
    trace.requested(incoming.request().uri().path());
    let fault = incoming.fault().map(RequestError::status);
    if let Some(status) = fault.filter(|_| incoming.wants_upgrade()) {
        door.turn_away(status);
        unless(drained(), incoming.accept()).await;
        return None;
    }
    let decided = decide(context, &mut incoming, peer, place, trace).await;
    let Accept { data, protocol, headers, config } = match decided {
        Ok(accept) => accept,
        Err(Instead::Refused(Answer(answer))) => {
            door.turn_away(answer.status());
            unless(drained(), incoming.respond(answer)).await;
            return None;
        }
        Err(Instead::Answered(Answer(answer))) => {
            door.answer(answer.status());
            place.end(End::Answered);
            unless(drained(), incoming.respond(answer)).await;
            return None;
        }
    };
    if let Some(config) = config {
        incoming.set_config(*config);
    }
    match fault {
        Some(status) => door.turn_away(status),
        None => drop(door),
    }
    let accepting = incoming.accept_with(protocol.as_deref(), &headers);
    let socket = unless(drained(), accepting).await?.ok()?;
    Some((socket, data))
}

/// Where somebody is who has not been let in.
struct Door<'a> {
    registry: &'a Registry,
    trace: &'a Trace,
    /// Their place among the handshakes, or among the refusals.
    permit: OwnedSemaphorePermit,
}

impl Door<'_> {
    /// They are about to be told that they are refused.
    fn turn_away(&mut self, status: StatusCode) {
        self.trace.refused(status);
        self.registry.make_room(&mut self.permit);
    }

    /// They are about to get the page that they asked for.
    fn answer(&mut self, status: StatusCode) {
        self.trace.answered(status);
        self.registry.make_room(&mut self.permit);
    }
}

/// What is said instead of yes.
enum Instead {
    Refused(Answer),
    /// It was a plain request, and this is what the hook says to it.
    Answered(Answer),
}

impl From<Answer> for Instead {
    fn from(answer: Answer) -> Self {
        Self::Refused(answer)
    }
}

/// Whether to accept a request, or what else to answer. Everything it says can be answered.
async fn decide<D, H>(
    context: &Context<D, H>,
    incoming: &mut Incoming<Transport>,
    peer: Peer,
    place: &mut Place,
    trace: &Trace,
) -> Result<Accept<D>, Instead> {
    let Context { registry, config, origins, hook, .. } = context;
    if registry.is_draining() {
        return Err(going_down().into());
    }
    let wants_upgrade = incoming.wants_upgrade();
    let tls = incoming.get_ref().is_tls();
    if wants_upgrade && !origins.allow(incoming.request(), tls) {
        let text = "pages of this origin may not connect (RFC 6455 §10.2)\n";
        return Err(Answer::new(StatusCode::FORBIDDEN).text(text).into());
    }
    let request = Request::new(incoming.take_request(), peer, incoming.upgrade());
    #[cfg(feature = "rustls-tls")]
    let request = request.with_tls(incoming.get_ref().tls());
    let sorry = || Answer::new(StatusCode::INTERNAL_SERVER_ERROR);
    // A panic is the hook's, not the server's.
    let asked = catch_unwind(AssertUnwindSafe(|| hook(request))).map_err(|_| {
        failed(registry, trace, None, false);
        sorry()
    });
    let mut asked = asked?;
    let answered = poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| asked.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    });
    let accept = match timeout(config.handshake_timeout, answered).await {
        Ok(Some(Ok(accept))) => accept,
        // A hook may say what HTTP does not allow, such as 101 or a 204 with a body.
        Ok(Some(Err(answer))) if write_response(&answer.0).is_err() => return Err(sorry().into()),
        Ok(Some(Err(answer))) if !wants_upgrade => return Err(Instead::Answered(answer)),
        Ok(Some(Err(answer))) => return Err(answer.into()),
        Ok(None) => {
            failed(registry, trace, None, false);
            return Err(sorry().into());
        }
        Err(_) => {
            let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE);
            return Err(answer.text("deciding on this took too long\n").into());
        }
    };
    if registry.is_draining() {
        return Err(going_down().into());
    }
    // Or choose what was not offered, or a header field that is the handshake's own.
    match incoming.check(accept.protocol.as_deref(), &accept.headers) {
        Err(Error::Build(_)) => Err(sorry().into()),
        // Or accept a plain request, which gets 426 all the same.
        Err(_) => Ok(accept),
        Ok(_) => place.admit().map(|()| accept).map_err(|full| no_room(full).into()),
    }
}

fn going_down() -> Answer {
    Answer::new(StatusCode::SERVICE_UNAVAILABLE).text("the server is going down\n")
}

/// Sees the closing handshake through, whoever began it.
async fn see_off(left: Box<Left>, CloseFrame { code, reason }: CloseFrame) {
    // How it ended is in the handle.
    let _ = match *left {
        Left::Whole(mut socket) => socket.close(code, &reason).await,
        Left::Half(mut reader) => reader.close(code, &reason).await,
    };
}

/// Does something, unless `stop` comes first. That is looked at first: work that never has to wait
/// uses up all that the runtime grants a task.
pub(super) async fn unless<T>(
    stop: impl Future<Output = ()>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let (mut stop, mut work) = (pin!(stop), pin!(work));
    poll_fn(|cx| match stop.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => work.as_mut().poll(cx).map(Some),
    })
    .await
}

/// How long a request that is under way is waited for when the server drains.
const GRACE: Duration = Duration::from_millis(500);
