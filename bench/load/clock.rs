//! What a server used up: its own CPU clock, and its memory. Never the wall clock: in runs with one
//! message in flight the generator is as busy as the server, and waiting for it is nobody's cost.

use std::time::Duration;

use crate::Failure;
use crate::sys;

/// How long all threads of the server have run.
pub fn used(pid: i32) -> Result<Duration, Failure> {
    Ok(sys::cpu_time(pid).map_err(|error| format!("the CPU clock of process {pid}: {error}"))?)
}

/// Bytes of the server that are in memory.
pub fn resident(pid: i32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or("no VmRSS in the process's status")?
        .trim()
        .parse()?;
    Ok(kib << 10)
}
