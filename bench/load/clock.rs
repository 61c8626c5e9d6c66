//! What a server used up: its own CPU clock, its page faults and its memory. Never the wall clock: with
//! one message in flight the generator is as busy as the server, and waiting for it costs nothing.

use std::time::Duration;

use crate::Failure;
use crate::sys;

/// How long all threads of the server have run.
pub fn used(pid: i32) -> Result<Duration, Failure> {
    Ok(sys::cpu_time(pid).map_err(|error| format!("the CPU clock of process {pid}: {error}"))?)
}

/// How often the server touched a page for which the kernel had to find memory, without reading it
/// from a disk (minor faults).
pub fn faults(pid: i32) -> Result<u64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses, which may hold spaces; the minor faults are the tenth.
    let fields = stat.rsplit_once(')').ok_or("the process's stat has no name")?.1;
    Ok(fields.split_whitespace().nth(7).ok_or("the process's stat is short")?.parse()?)
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
