//! Two tasks at one socket: a `Stream` and a `Sink` may be polled by one each, as `futures`' `split`
//! has them.
//!
//! A transport and a timer know one task to wake. So they are given a waker that stands for both.

use std::task::{Wake, Waker};

use crate::net::sync::{Arc, Mutex, MutexGuard, lock, wake};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct WakerPair(Mutex<Wakers>);

#[derive(Debug, Default)]
struct Wakers {
    stream: Option<Waker>,
    sink: Option<Waker>,
}

/// As what a task polls the socket.
#[derive(Clone, Copy, Debug)]
pub(in crate::net) enum Side {
    Stream,
    Sink,
}

impl WakerPair {
    /// Whom to wake when there is something for a side: the tasks of both.
    pub(in crate::net) fn waker(self: &Arc<Self>, side: Side, waker: &Waker) -> Waker {
        let mut wakers = self.lock();
        let own = match side {
            Side::Stream => &mut wakers.stream,
            Side::Sink => &mut wakers.sink,
        };
        own.get_or_insert_with(|| waker.clone()).clone_from(waker);
        drop(wakers);
        Waker::from(Arc::clone(self))
    }

    /// Wakes the task of the other side, for what this side has found without being woken.
    pub(in crate::net) fn wake_other(&self, side: Side) {
        let mut wakers = self.lock();
        let other = match side {
            Side::Stream => wakers.sink.take(),
            Side::Sink => wakers.stream.take(),
        };
        drop(wakers);
        other.into_iter().for_each(wake);
    }

    fn lock(&self) -> MutexGuard<'_, Wakers> {
        lock(&self.0)
    }
}

impl Wake for WakerPair {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Each task looks for itself whether it was meant, and registers anew.
    fn wake_by_ref(self: &Arc<Self>) {
        let Wakers { stream, sink } = std::mem::take(&mut *self.lock());
        let one_task = matches!((&stream, &sink), (Some(one), Some(other)) if one.will_wake(other));
        stream.into_iter().for_each(wake);
        if !one_task {
            sink.into_iter().for_each(wake);
        }
    }
}
