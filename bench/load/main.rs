//! The load generator: one thread, precomputed frames, every reply compared byte for byte.
//!
//! ```text
//! load WORKLOAD PORT PID [--raw | --http2] [--window MS]     rows of the table, one a line: name, tab, value
//! load WORKLOAD PORT --messages N                  N messages and no measuring
//! ```
//!
//! `PID` is the server's, whose CPU clock is read. `--raw` is for the floors, which send back what
//! they were sent, mask and all. `--http2` makes each connection one of HTTP/2, with one WebSocket. Rows are nanoseconds of the server per message, handshake or
//! delivery; those of `g` are bytes for a connection, `j-bytes` those of a compressed payload, and
//! `e-faults` and `e4-faults` the server's minor page faults per message.

mod broadcast;
mod clock;
mod connection;
mod deflate;
mod echo;
mod handshakes;
mod http2;
mod idle;
mod pace;
mod room;
mod script;
mod sys;
mod workload;

use std::process::ExitCode;
use std::time::Duration;

use echo::Http;

/// Why there is no figure, in words for the one who runs it.
type Failure = Box<dyn std::error::Error>;

struct Options {
    workload: String,
    port: u16,
    pid: Option<i32>,
    raw: bool,
    http2: bool,
    window: Duration,
    messages: Option<u64>,
}

fn main() -> ExitCode {
    match options().and_then(|options| run(&options)) {
        Ok(rows) => {
            for (name, value) in rows {
                println!("{name}\t{value:.2}");
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, Failure> {
    const USAGE: &str =
        "usage: load WORKLOAD PORT [PID] [--raw] [--http2] [--window MS] [--messages N]";
    let mut words = Vec::new();
    let (mut raw, mut http2, mut window, mut messages) = (false, false, 500, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &*arg {
            "--raw" => raw = true,
            "--http2" => http2 = true,
            "--window" => window = args.next().ok_or(USAGE)?.parse()?,
            "--messages" => messages = Some(args.next().ok_or(USAGE)?.parse()?),
            _ => words.push(arg),
        }
    }
    let mut words = words.into_iter();
    Ok(Options {
        workload: words.next().ok_or(USAGE)?,
        port: words.next().ok_or(USAGE)?.parse()?,
        pid: words.next().map(|pid| pid.parse()).transpose()?,
        raw,
        http2,
        window: Duration::from_millis(window),
        messages,
    })
}

fn run(options: &Options) -> Result<Vec<(String, f64)>, Failure> {
    sys::raise_file_limit()?;
    let pid = options.pid.ok_or("the server's PID is needed to measure it");
    let name = options.workload.clone();
    match &*name {
        "g" => idle::run(options.port, pid?),
        "h" => Ok(vec![(name, handshakes::run(options.port, pid?, options.window)?)]),
        "i" => Ok(vec![(name, broadcast::run(options.port, pid?, options.window)?)]),
        "room4" => Ok(vec![(name, room::run(options.port, pid?, options.window, 4)?)]),
        "room64" => Ok(vec![(name, room::run(options.port, pid?, options.window, 64)?)]),
        "j" => {
            let (script, bytes) = deflate::script(options.port)?;
            let load = echo::Load::open(options.port, 64, script, Http::One(Some(deflate::OFFER)))?;
            Ok(vec![(name, measured(load, options)?.nanoseconds), ("j-bytes".to_owned(), bytes)])
        }
        _ => {
            let workload = workload::find(&name).ok_or(format!("there is no workload {name:?}"))?;
            let script = workload.script(options.raw);
            let (script, http) = match options.http2 {
                true => (script.map_said(http2::data), Http::Two),
                false => (script, Http::One(None)),
            };
            let load = echo::Load::open(options.port, workload.connections, script, http)?;
            match options.messages {
                Some(messages) => load.exactly(messages).map(|()| Vec::new()),
                None => {
                    let used = measured(load, options)?;
                    let faults = (format!("{name}-faults"), used.faults);
                    let time = (name, used.nanoseconds);
                    Ok(if workload.is_large() { vec![time, faults] } else { vec![time] })
                }
            }
        }
    }
}

fn measured(load: echo::Load, options: &Options) -> Result<pace::Used, Failure> {
    load.measure(options.pid.ok_or("the server's PID is needed to measure it")?, options.window)
}
