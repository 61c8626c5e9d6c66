//! What a server tells of its connections: how many are open, and how others have ended.

use crate::net::CloseInfo;
use crate::proto::CloseCode;

/// How a server's connections have ended so far, as [`ServerHandle::report`](super::ServerHandle::report)
/// tells it at any time and [`Server::serve`](super::Server::serve) at the end.
///
/// Each connection that was accepted, or was brought to [`ServerHandle::admit`](super::ServerHandle::admit), is counted
/// once: in `open` while it is open, then in one of `closed`, `failed`, `dropped`, `answered`, `refused`. One whose
/// request is not answered yet is in none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections whose opening handshake has succeeded and that have not ended.
    pub open: u64,
    /// They ended with a closing handshake (§7.1.4).
    pub closed: u64,
    /// They ended without one: the transport failed, or the peer broke a rule or a deadline.
    pub failed: u64,
    /// They were still open when draining had to end, or the handler took them away from the server.
    /// These are connections. How many messages were dropped,
    /// [each connection](crate::net::Writer::dropped) counts for itself.
    pub dropped: u64,
    /// Plain HTTP requests that the hook answered, with any status: health checks, for instance.
    pub answered: u64,
    /// Requests that got another answer than 101 from the server, or none at all.
    /// [`refusals`](Self::refusals) counts them by their reason.
    pub refused: u64,
    /// Why requests were refused. The sum is `refused`.
    pub refusals: Refusals,
    /// Of `failed`: the peer broke a rule of the protocol, and a close frame told it which (§7.1.7).
    pub violations: u64,
    /// Of `failed`: the peer did not do something in time. It answered no ping, took no bytes, or did
    /// not end the closing handshake. The rest of `failed` were lost: the transport failed.
    pub timeouts: u64,
    /// Of those that have ended: they were closed because they took messages too slowly. See
    /// [`Overflow::Close`](crate::net::Overflow::Close).
    pub overflowed: u64,
    /// Handlers and hooks that failed by themselves: what the log warns of. A hook fails when it
    /// panics. A handler fails when it panics, or returns an error that is not its peer's doing;
    /// [`HandlerOutcome`](super::HandlerOutcome) says what that is. Their connections are counted above all the same.
    pub handlers_failed: u64,
    /// Times that accepting failed, because the system is out of file descriptors for instance.
    pub accepts_failed: u64,
    /// What has gone over all of them.
    pub traffic: crate::net::Traffic,
}

/// Why a server refused requests; see [`Report::refusals`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusals {
    /// There were as many [connections](super::ServerLimits::connections) as there may be: 503, or the end.
    pub full: u64,
    /// There were as many from this [address](super::ServerLimits::per_address) as there may be: 429, or the
    /// end.
    pub address: u64,
    /// The server drains: 503.
    pub draining: u64,
    /// A page of a foreign [origin](super::Server::origins) asked: 403.
    pub origin: u64,
    /// The request was not a legal opening handshake: 400, 405, 426, 431, 501, 505. A plain request
    /// that the hook accepts gets 426 and is counted here.
    pub illegal: u64,
    /// The hook refused an opening handshake, with the status it chose. Or the application did so that had a
    /// [permit](super::Permit::refuse).
    pub hook: u64,
    /// The hook did not decide in time: 503.
    pub hook_timeout: u64,
    /// The hook panicked, or said what cannot be sent: 500.
    pub hook_failed: u64,
    /// The peer left, or its TLS handshake or request failed or took too long. Or a [permit](super::Permit) was
    /// dropped, or the upgrade that it was for failed.
    pub unfinished: u64,
}

/// Why there is no room for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Everywhere,
    Address,
}

/// Why a request is refused; see [`Refusals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Full(Full),
    Draining,
    Origin,
    Illegal,
    Hook,
    HookTimeout,
    HookFailed,
    Unfinished,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The hook answered a plain request.
    Answered,
    Refused(Reason),
    /// The closing handshake is over, or the connection failed.
    Closed(Option<CloseInfo>),
    Dropped,
}

impl Report {
    pub(super) fn count(&mut self, end: End) {
        match end {
            End::Answered => self.answered += 1,
            End::Refused(reason) => {
                self.refused += 1;
                *self.refusals.of(reason) += 1;
            }
            End::Closed(ending) => {
                let Some(CloseInfo { code, clean, expired, overflowed, .. }) = ending else {
                    self.failed += 1;
                    return;
                };
                *(if clean { &mut self.closed } else { &mut self.failed }) += 1;
                self.violations += u64::from(!clean && code != CloseCode::ABNORMAL);
                self.timeouts += u64::from(expired.is_some());
                self.overflowed += u64::from(overflowed);
            }
            End::Dropped => self.dropped += 1,
        }
    }
}

impl Refusals {
    fn of(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::Full(Full::Everywhere) => &mut self.full,
            Reason::Full(Full::Address) => &mut self.address,
            Reason::Draining => &mut self.draining,
            Reason::Origin => &mut self.origin,
            Reason::Illegal => &mut self.illegal,
            Reason::Hook => &mut self.hook,
            Reason::HookTimeout => &mut self.hook_timeout,
            Reason::HookFailed => &mut self.hook_failed,
            Reason::Unfinished => &mut self.unfinished,
        }
    }
}
