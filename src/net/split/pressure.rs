//! Whether much waits to be written, for those who send less then.

use tokio::sync::watch;

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
    high: watch::Sender<bool>,
}

impl Gauge {
    pub(in crate::net) fn new(low_water: usize, is_high: bool) -> Self {
        Self { low_water, high: watch::Sender::new(is_high) }
    }

    pub(in crate::net) fn pressure(&self) -> Pressure {
        Pressure(self.high.subscribe())
    }

    /// Looks at how much waits.
    pub(in crate::net) fn look(&self, buffered: usize, high_water: usize) {
        self.high.send_if_modified(|high| {
            let was = *high;
            *high = buffered > high_water || was && buffered > self.low_water;
            was != *high
        });
    }
}
