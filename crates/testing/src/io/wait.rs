//! Waiting for a fact, with a limit: what takes longer is a failure that says what was waited for.

use std::future::Future;
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// No single wait of a test takes longer than this by the clock.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Blocks until `done`, and tells how long that took.
///
/// It asks again every millisecond: it is for facts about other processes, which wake nobody.
///
/// # Panics
///
/// If it takes longer than [`LIMIT`].
#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Waits by the clock, no longer than [`LIMIT`].
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(LIMIT, work).await.unwrap_or_else(|_| panic!("waited {LIMIT:?} in vain for: {what}"))
}

/// Waits in virtual time, no longer than an hour of it: nothing in a test takes that long.
#[track_caller]
pub fn in_time<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let at = Location::caller();
    async move {
        let hour = Duration::from_secs(3600);
        timeout(hour, work).await.unwrap_or_else(|_| panic!("hangs: {at}"))
    }
}

/// How many seconds something takes in virtual time.
pub async fn seconds(work: impl Future<Output = ()>) -> f64 {
    let start = tokio::time::Instant::now();
    in_time(work).await;
    start.elapsed().as_secs_f64()
}
