//! Whether much waits to be written, for those who send less then.

use tokio::sync::watch;

use crate::net::sync::Arc;
use crate::net::sync::atomic::{AtomicBool, Ordering};

/// Whether much waits to be written, and how to wait for that to change.
///
/// The pressure is high from when more than [`high_water`](crate::net::Config::high_water) bytes wait
/// until no more than the lower mark do. What happens between the marks changes nothing. When the
/// connection ends it is low, and stays so.
///
/// ```no_run
/// # use bowstring::{Error, net::{Split, Writer}};
/// /// Sends pictures, and smaller ones while the peer is slow.
/// async fn film<S: Split>(writer: &Writer<S>) -> Result<(), Error> {
///     let pressure = writer.pressure(4096);
///     loop {
///         let len = if pressure.is_high() { 1_000 } else { 100_000 };
///         writer.send(vec![0; len]).await?;
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Pressure(watch::Receiver<bool>);

impl Pressure {
    /// Whether it is high now.
    pub fn is_high(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it has changed since the last call, or since [`Writer::pressure`] was called, and
    /// gives whether it is high now. `None`: the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// Safe at any time: no change is lost.
    ///
    /// [`Writer::pressure`]: crate::net::Writer::pressure
    pub async fn changed(&mut self) -> Option<bool> {
        self.0.changed().await.ok()?;
        Some(*self.0.borrow_and_update())
    }
}

/// The two marks, and who is told.
#[derive(Debug)]
pub(in crate::net) struct Gauge {
    low_water: usize,
    level: Arc<Level>,
}

/// What was decided under the lock of the writing direction, and those to be told once it is free.
#[derive(Debug)]
struct Level {
    /// Stored under that lock alone. A task tells the others after it has stored, and reads this under the
    /// lock of `told`. So the last that tells reads the last that was stored, and relaxed is enough.
    is_high: AtomicBool,
    told: watch::Sender<bool>,
}

/// Tells those who watch, when it is dropped: no lock may be held then.
#[derive(Debug)]
pub(in crate::net) struct TellLater(Arc<Level>);

impl Gauge {
    pub(in crate::net) fn new(low_water: usize, is_high: bool) -> Self {
        let is_high = (AtomicBool::new(is_high), watch::Sender::new(is_high));
        Self { low_water, level: Arc::new(Level { is_high: is_high.0, told: is_high.1 }) }
    }

    pub(in crate::net) fn pressure(&self) -> Pressure {
        Pressure(self.level.told.subscribe())
    }

    /// Looks at how much waits. Whether that changes the pressure.
    pub(in crate::net) fn look(&self, buffered: usize, high_water: usize) -> bool {
        let was_high = self.level.is_high.load(Ordering::Relaxed);
        let is_high = buffered > high_water || was_high && buffered > self.low_water;
        self.level.is_high.store(is_high, Ordering::Relaxed);
        is_high != was_high
    }

    pub(in crate::net) fn tell_later(&self) -> TellLater {
        TellLater(Arc::clone(&self.level))
    }
}

impl Drop for TellLater {
    fn drop(&mut self) {
        let Level { is_high, told } = &*self.0;
        told.send_if_modified(|told| {
            let is_high = is_high.load(Ordering::Relaxed);
            std::mem::replace(told, is_high) != is_high
        });
    }
}
