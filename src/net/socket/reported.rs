//! Which pings and pongs an application receives.

use crate::proto::{Event, Receiver};

/// Which pings and pongs the application receives.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) enum Reported {
    None,
    /// Those but the answer to a ping of the connection itself, which had this payload.
    AllBut(Option<[u8; 4]>),
}

impl Reported {
    #[inline]
    pub(in crate::net) fn new(report_pings: bool, receiver: &Receiver) -> Self {
        if report_pings { Self::AllBut(receiver.own_ping()) } else { Self::None }
    }

    /// Whether this ping or pong is one of them.
    #[cold]
    pub(in crate::net) fn has(self, event: &Event<'_>) -> bool {
        match (self, event) {
            (Self::None, _) => false,
            (Self::AllBut(Some(own)), Event::Pong(payload)) => **payload != own,
            (Self::AllBut(_), _) => true,
        }
    }
}
