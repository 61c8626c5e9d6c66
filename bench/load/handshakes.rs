//! Opening handshakes: connect, ask, be admitted, leave. A batch of clients asks before the first
//! hears its answer, so that the server finds work when it looks.

use std::time::{Duration, Instant};

use crate::{Failure, connection, pace};

const AT_ONCE: usize = 32;

/// The server's nanoseconds for a handshake, with accepting and closing.
pub fn run(port: u16, pid: i32, window: Duration) -> Result<f64, Failure> {
    let used = pace::measure(pid, window, |stop| {
        let mut done = 0;
        while Instant::now() < stop {
            let asked = (0..AT_ONCE).map(|_| connection::ask(port, None));
            let mut asked = asked.collect::<Result<Vec<_>, Failure>>()?;
            for stream in &mut asked {
                connection::admitted(stream)?;
            }
            done += AT_ONCE as u64;
        }
        Ok(done)
    })?;
    Ok(used.nanoseconds)
}
