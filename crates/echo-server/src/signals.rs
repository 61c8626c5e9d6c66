//! The signals of Unix: two that end the server, and one that has its certificate read again.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Reload;

/// What the operator says.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    reload: Option<(Signal, Reload)>,
}

impl Signals {
    /// From now on, a signal no longer kills.
    pub(crate) fn new(reload: Option<Reload>) -> io::Result<Self> {
        let hangup = || signal(SignalKind::hangup());
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            reload: reload.map(|reload| Ok::<_, io::Error>((hangup()?, reload))).transpose()?,
        })
    }

    /// Resolves when the operator wants an end.
    pub(crate) async fn stop(&mut self) {
        poll_fn(|cx| {
            if let Some((hangup, reload)) = &mut self.reload {
                while let Poll::Ready(Some(())) = hangup.poll_recv(cx) {
                    reload();
                }
            }
            let Self { interrupt, terminate, .. } = self;
            let came = interrupt.poll_recv(cx).is_ready() || terminate.poll_recv(cx).is_ready();
            if came { Poll::Ready(()) } else { Poll::Pending }
        })
        .await
    }
}
