//! Servers as processes of their own, and what `/proc` says of them (Linux).

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::wait::until;

/// A server as a process of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens, by its first line.
    pub port: u16,
    /// Its first line.
    pub greeting: String,
    /// What it prints.
    pub stdout: BufReader<ChildStdout>,
    /// What it says to the log.
    pub stderr: ChildStderr,
}

impl Server {
    /// Starts it, and waits for the line that says where it listens: `…://HOST:PORT/`.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = child.stderr.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // A test that is a server prints lines of the test runner first.
        let mut greeting = String::new();
        while !greeting.contains("://") {
            greeting.clear();
            assert!(stdout.read_line(&mut greeting).unwrap() > 0, "it ends without a greeting");
        }
        let port = greeting
            .trim_end()
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("no port in the first line: {greeting:?}"));
        Self { child, port, greeting, stdout, stderr }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "kill -{name}");
    }

    /// Whether it still runs.
    pub fn has_not_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Fails if it has ended.
    #[track_caller]
    pub fn assert_alive(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "the server has ended: {ended:?}");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the server's end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> i64 {
        resident(self.pid())
    }

    /// The most that was resident since `forget_peak`.
    pub fn peak(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        bytes_in(line)
    }

    /// Lets `peak` begin anew.
    pub fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// How many file descriptors it has.
    pub fn fds(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }

    /// CPU time of all its threads. `stat` counts in ticks of 10 ms, `schedstat` in nanoseconds.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let of_one = |task: fs::DirEntry| {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap();
            stat.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(tasks.map(|task| of_one(task.unwrap())).sum())
    }

    /// Waits until it has at most so many file descriptors, and tells how long that took.
    pub fn await_fds(&self, wanted: usize) -> Duration {
        until("file descriptors to be given back", || self.fds() <= wanted)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The resident memory of a process in bytes. `VmRSS` in `/proc/PID/status` is wrong by some dozen
/// pages for each CPU on newer kernels; `smaps_rollup` counts.
pub fn resident(pid: u32) -> i64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    bytes_in(rollup.lines().find(|line| line.starts_with("Rss:")).unwrap())
}

/// The bytes that a line of /proc tells as `NAME: NUMBER kB`.
fn bytes_in(line: &str) -> i64 {
    line.split_ascii_whitespace().nth(1).unwrap().parse::<i64>().unwrap() << 10
}
