//! The opening handshake of one connection: from being accepted to being open, or refused.
//!
//! ```text
//! TLS ─▶ request read ─▶ room? 503 429 ─▶ legal? 4xx ─▶ draining? 503 ─▶ origin? 403 ─▶ hook ─▶ room? 503 ─▶ 101
//! ```
//!
//! [`Admission`] is the connection on this way. A check that fails gives a [`Rejection`], and
//! [`Admission::reject`] is the one place where a peer is told.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use http::header::HOST;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

use super::admit_error::AdmitError;
use super::listener::{Accepted, Peer};
use super::outcome::Failure;
use super::registry::{Registry, Slot};
use super::reply::{Accept, Answer};
use super::report::{End, Full, Reason};
use super::request::Request;
use super::settings::Settings;
use super::trace::Trace;
use super::unless::unless;
use crate::handshake::{RequestError, write_response_head};
use crate::net::{Acceptance, Incoming, Transport, WebSocket};

/// The handshake hook.
pub(super) type Hook<D> = Box<dyn Fn(Request) -> Asking<D> + Send + Sync>;

/// A hook that was asked.
type Asking<D> = Pin<Box<dyn Future<Output = Result<Accept<D>, Answer>> + Send>>;

/// What every connection of a server needs.
pub(super) struct Context<D, H> {
    pub(super) registry: Arc<Registry>,
    pub(super) settings: Arc<Settings>,
    pub(super) hook: Hook<D>,
    pub(super) handler: H,
}

/// A connection whose opening handshake is under way.
pub(super) struct Admission {
    slot: Slot,
    trace: Trace,
    peer: Peer,
    /// Permits one more opening handshake, or one more refusal.
    permit: OwnedSemaphorePermit,
    /// Permits one more plain request while the server is full.
    plain: Option<OwnedSemaphorePermit>,
}

/// A connection whose opening handshake has succeeded.
pub(super) struct Opened<D> {
    pub(super) slot: Slot,
    pub(super) trace: Trace,
    pub(super) peer: Peer,
    pub(super) socket: WebSocket<Transport>,
    pub(super) data: D,
}

/// Why a connection is not opened, and what its peer is told.
enum Rejection {
    /// The request is not a legal opening handshake, which has an answer of its own.
    Illegal(StatusCode),
    Refused(Reason, Box<Answer>),
    /// It is a plain request, and this is the hook's answer.
    Answered(Box<Answer>),
    /// The peer has gone.
    Gone,
}

/// What came of asking the hook.
enum Asked<D> {
    Decided(Result<Accept<D>, Answer>),
    Panicked,
    TimedOut,
    Draining,
    Gone,
}

impl Admission {
    pub(super) fn new(slot: Slot, peer: Peer, permit: OwnedSemaphorePermit) -> Self {
        Self { trace: Trace::new(slot.id(), peer), slot, peer, permit, plain: None }
    }

    /// Makes the opening handshake. `None` if it failed; then the peer was told what can be told.
    pub(super) async fn open<D, H>(
        mut self,
        context: &Context<D, H>,
        accepted: Accepted,
    ) -> Option<Opened<D>> {
        let mut incoming = {
            let (config, stop) = (&context.settings.config, drained(&context.registry));
            let read = async {
                let refusing = |status| self.refusing(status, Reason::Illegal);
                let stream = accepted.transport(config, refusing).await?;
                let refusing = |status| self.refusing(status, Reason::Illegal);
                Incoming::read_noting(stream, config, refusing).await.ok()
            };
            let (stop, read) = (pin!(stop), pin!(read));
            unless(stop, read).await??
        };
        self.trace.requested(incoming.request().uri().path());
        match self.decide(context, &mut incoming).await {
            Ok((acceptance, data)) => {
                self.accept(&context.registry, incoming, acceptance, data).await
            }
            Err(rejection) => {
                self.reject(&context.registry, incoming, rejection).await;
                None
            }
        }
    }

    /// Whether to accept a request. The rejection it gives can be answered.
    async fn decide<D, H>(
        &mut self,
        context: &Context<D, H>,
        incoming: &mut Incoming<Transport>,
    ) -> Result<(Acceptance, D), Rejection> {
        let Context { registry, settings, .. } = context;
        let wants_upgrade = incoming.wants_upgrade();
        self.check_room(wants_upgrade)?;
        let illegal = incoming.fault().map(RequestError::status);
        if let Some(status) = illegal.filter(|_| wants_upgrade) {
            return Err(Rejection::Illegal(status));
        }
        if registry.is_draining() {
            return Err(AdmitError::Draining.into());
        }
        let headers = incoming.request().headers();
        // RFC 9112 §3.2: or a proxy in front of us might have meant another host.
        if headers.get_all(HOST).iter().count() > 1 {
            let answer = Answer::new(StatusCode::BAD_REQUEST).text("more than one Host\n");
            return Err(Rejection::refused(Reason::Illegal, answer));
        }
        if wants_upgrade && !settings.origins.allow(incoming.request(), incoming.get_ref().is_tls())
        {
            return Err(AdmitError::Origin.into());
        }
        let Accept { data, protocol, headers, config } = self.ask(context, incoming).await?;
        let settle = || {
            if registry.is_draining() {
                return Err(AdmitError::Draining.into());
            }
            if let Some(status) = illegal {
                // A plain request cannot be accepted.
                return Err(Rejection::Illegal(status));
            }
            // The hook may choose what was not offered, or a header field that is the handshake's own.
            if let Some(config) = config {
                incoming.set_config(*config);
            }
            let checked = incoming.check(protocol.as_deref(), &headers);
            let acceptance = checked.map_err(|_| Rejection::hook_failed())?;
            self.slot.admit().map_err(AdmitError::from)?;
            Ok(acceptance)
        };
        match settle() {
            Ok(acceptance) => Ok((acceptance, data)),
            // What the hook gave is the application's, too.
            Err(rejection) => match catch_unwind(AssertUnwindSafe(|| drop(data))) {
                Ok(()) => Err(rejection),
                Err(_) => Err(self.hook_panicked()),
            },
        }
    }

    /// Whether there was room for the connection when it came. A plain request may be answered even if
    /// there was none.
    fn check_room(&mut self, wants_upgrade: bool) -> Result<(), Rejection> {
        let Some(full) = self.slot.full() else { return Ok(()) };
        if full == Full::Everywhere && !wants_upgrade {
            self.plain = self.slot.registry().plain_request();
        }
        if self.plain.is_some() { Ok(()) } else { Err(AdmitError::from(full).into()) }
    }

    /// Asks the hook.
    async fn ask<D, H>(
        &self,
        context: &Context<D, H>,
        incoming: &mut Incoming<Transport>,
    ) -> Result<Accept<D>, Rejection> {
        let Context { registry, settings, hook, .. } = context;
        let wants_upgrade = incoming.wants_upgrade();
        let request = Request::new(incoming.take_request(), self.peer, incoming.upgrade());
        let request = request.with_tls(incoming.get_ref().tls());
        // A panic of the hook's ends this request, not the server.
        let asked = match catch_unwind(AssertUnwindSafe(|| hook(request))) {
            Err(_) => Asked::Panicked,
            Ok(mut asking) => {
                let asked = {
                    let late = sleep(settings.config.handshake_timeout);
                    let (late, draining) = (pin!(late), pin!(registry.draining()));
                    let gone = pin!(incoming.closed());
                    first(&mut asking, late, draining, gone).await
                };
                match catch_unwind(AssertUnwindSafe(|| drop(asking))) {
                    Ok(()) => asked,
                    Err(_) => Asked::Panicked,
                }
            }
        };
        let answer = match asked {
            Asked::Decided(Ok(accept)) => return Ok(accept),
            Asked::Decided(Err(answer)) => answer,
            Asked::Panicked => return Err(self.hook_panicked()),
            Asked::TimedOut => {
                let answer = Answer::new(StatusCode::SERVICE_UNAVAILABLE);
                let answer = answer.text("deciding on this took too long\n");
                return Err(Rejection::refused(Reason::HookTimeout, answer));
            }
            Asked::Draining => return Err(AdmitError::Draining.into()),
            Asked::Gone => return Err(Rejection::Gone),
        };
        // It may say what HTTP does not allow, such as 101 or a 204 with a body.
        Err(if write_response_head(&answer.0).is_err() {
            Rejection::hook_failed()
        } else if wants_upgrade {
            Rejection::refused(Reason::Hook, answer)
        } else {
            Rejection::Answered(Box::new(answer))
        })
    }

    /// The hook has failed by itself.
    fn hook_panicked(&self) -> Rejection {
        self.slot.registry().handler_failed();
        self.trace.failed(&Failure::Panic, false);
        Rejection::hook_failed()
    }

    /// Answers 101.
    async fn accept<D>(
        self,
        registry: &Registry,
        incoming: Incoming<Transport>,
        acceptance: Acceptance,
        data: D,
    ) -> Option<Opened<D>> {
        let Self { slot, trace, peer, permit, .. } = self;
        drop(permit);
        let (stop, answer) = (pin!(drained(registry)), pin!(incoming.accept_checked(acceptance)));
        let socket = unless(stop, answer).await?.ok()?;
        Some(Opened { slot, trace, peer, socket, data })
    }

    /// Tells the peer that its connection is not opened.
    async fn reject(
        mut self,
        registry: &Registry,
        incoming: Incoming<Transport>,
        rejection: Rejection,
    ) {
        let answer = match rejection {
            Rejection::Gone => return,
            Rejection::Illegal(status) => {
                self.refusing(status, Reason::Illegal);
                let (stop, answer) = (pin!(drained(registry)), pin!(incoming.accept()));
                unless(stop, answer).await;
                return;
            }
            Rejection::Refused(reason, answer) => {
                self.refusing(answer.0.status(), reason);
                answer
            }
            Rejection::Answered(answer) => {
                self.trace.answered(answer.0.status());
                self.slot.end(End::Answered);
                self.make_room();
                answer
            }
        };
        let (stop, answer) = (pin!(drained(registry)), pin!(incoming.respond(answer.0)));
        unless(stop, answer).await;
    }

    /// The peer is about to be told that it is refused.
    fn refusing(&mut self, status: StatusCode, reason: Reason) {
        self.trace.refused(status);
        self.slot.end(End::Refused(reason));
        self.make_room();
    }

    /// A peer that was answered takes as long as it likes to leave. So another gets its place among the
    /// handshakes, if there is a place among the refusals.
    fn make_room(&mut self) {
        self.plain = None;
        if let Some(rejection) = self.slot.registry().rejection() {
            self.permit = rejection;
        }
    }
}

impl Rejection {
    fn refused(reason: Reason, answer: Answer) -> Self {
        Self::Refused(reason, Box::new(answer))
    }

    fn hook_failed() -> Self {
        Self::refused(Reason::HookFailed, Answer::new(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// What the server refuses by itself has one text, however the connection comes.
impl From<AdmitError> for Rejection {
    fn from(error: AdmitError) -> Self {
        Self::refused(error.reason(), http::Response::<&str>::from(error).into())
    }
}

/// What the hook says, or what comes before it says anything. A hook that answers at once is heard in
/// any case.
async fn first<D>(
    asking: &mut Asking<D>,
    mut late: Pin<&mut impl Future<Output = ()>>,
    mut draining: Pin<&mut impl Future<Output = ()>>,
    mut gone: Pin<&mut impl Future<Output = ()>>,
) -> Asked<D> {
    poll_fn(|cx| {
        let asked = match catch_unwind(AssertUnwindSafe(|| asking.as_mut().poll(cx))) {
            Err(_) => Asked::Panicked,
            Ok(Poll::Ready(decided)) => Asked::Decided(decided),
            Ok(Poll::Pending) if draining.as_mut().poll(cx).is_ready() => Asked::Draining,
            Ok(Poll::Pending) if gone.as_mut().poll(cx).is_ready() => Asked::Gone,
            Ok(Poll::Pending) if late.as_mut().poll(cx).is_ready() => Asked::TimedOut,
            Ok(Poll::Pending) => return Poll::Pending,
        };
        Poll::Ready(asked)
    })
    .await
}

/// Resolves when the server has drained for so long that a request under way is not waited for any more.
/// A peer that is about to ask, or is being answered, is told; one that stays silent, or stays, is not
/// waited for.
pub(super) async fn drained(registry: &Registry) {
    registry.draining().await;
    sleep(GRACE).await;
}

/// How long a request that is under way is waited for when the server drains.
const GRACE: Duration = Duration::from_millis(500);
