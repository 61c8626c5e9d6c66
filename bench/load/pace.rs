//! When to send, and when to leave the machine to others.
//!
//! Under real-time scheduling a generator and a server that never stop would be stopped by the
//! kernel, in the middle of a measurement. So they work in bursts with pauses between. A warm-up comes
//! first; the clock is read where everything that was sent has come back.

use std::thread;
use std::time::{Duration, Instant};

use crate::{Failure, clock};

const BURST: Duration = Duration::from_millis(150);
const PAUSE: Duration = Duration::from_millis(75);
const WARM_UP: Duration = Duration::from_millis(150);

/// What a server used for a message.
pub struct Used {
    pub nanoseconds: f64,
    /// Minor page faults.
    pub faults: f64,
}

/// Has `work` done for the length of a window: it is called with the time at which it must stop
/// sending, and gives how many messages came back. Gives what the server used for each.
pub fn measure(
    pid: i32,
    window: Duration,
    mut work: impl FnMut(Instant) -> Result<u64, Failure>,
) -> Result<Used, Failure> {
    let mut bursts = |total: Duration| -> Result<u64, Failure> {
        let (mut left, mut done) = (total, 0);
        while !left.is_zero() {
            thread::sleep(PAUSE);
            let burst = left.min(BURST);
            done += work(Instant::now() + burst)?;
            left -= burst;
        }
        Ok(done)
    };
    bursts(WARM_UP)?;
    let (before, faults_before) = (clock::used(pid)?, clock::faults(pid)?);
    let began = Instant::now();
    let done = bursts(window)?;
    // What the server does after its last answer belongs to it.
    thread::sleep(Duration::from_millis(5));
    let (used, faults) = (clock::used(pid)? - before, clock::faults(pid)? - faults_before);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64();
    eprintln!("{done} in a window of {window:?}; the server was busy {:.0} % of it", share * 100.0);
    if done == 0 {
        return Err("nothing came back".into());
    }
    let each = |sum: f64| sum / done as f64;
    Ok(Used { nanoseconds: each(used.as_nanos() as f64), faults: each(faults as f64) })
}
