//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use bowstring::Config;
use bowstring::net::{Deflate, Memory};

use crate::tls;

const HELP: &str = "\
A WebSocket server that sends everything back; a browser gets a page to try it with.

usage: echo-server [ADDRESS] [OPTION…]

  ADDRESS            host:port, or a port of 127.0.0.1; port 0 lets the system choose
                     (default 127.0.0.1:9001)
  --threads N        how many threads serve (default: one for each core)
  --compression MODE what permessage-deflate may cost a connection: off, shared (nothing while it
                     is idle), window=BITS (a window of 9 to 15 bits is kept between messages) or
                     full (one of 15 bits) (default shared)
  --max-message N    the longest message taken, in bytes (default 16777216)
  --ping-interval SECONDS
                     how long a peer may be quiet before it is sent a ping (default 20)
  --pong-timeout SECONDS
                     how long it may then go on being quiet before it is given up (default 20)
  --handshake-timeout SECONDS
                     how long a peer has for TLS and the opening handshake together (default 10)
  --close-timeout SECONDS
                     how long a peer has to answer a close frame and to end TCP (default 5)
  --drain-timeout SECONDS
                     how long connections may take to end after SIGTERM or SIGINT; a second signal ends
                     them at once (default 10)";

const HELP_END: &str = "
  --help             this text
  --version          the version";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Box<Options>),
    Print(String),
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) threads: NonZero<usize>,
    /// What a connection allows.
    pub(crate) config: Config,
    /// How long draining may take.
    pub(crate) drain_within: Duration,
    /// The files of the certificate and of its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

/// Reads the arguments after the program's name. The error says what is wrong with them.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut address = None;
    let mut threads = None;
    let mut config = Config::default();
    let mut drain_within = Duration::from_secs(10);
    let (mut cert, mut key) = (None, None);
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (&*arg, None),
        };
        let mut value = |what| inline.clone().or_else(|| args.next()).ok_or(wants(name, what));
        match name {
            "--help" | "-h" => return Ok(Command::Print([HELP, tls::HELP, HELP_END].concat())),
            "--version" | "-V" => {
                return Ok(Command::Print(
                    concat!("echo-server ", env!("CARGO_PKG_VERSION")).into(),
                ));
            }
            "--threads" => threads = Some(number(name, &value(A_NUMBER)?)?),
            "--max-message" => {
                let len: NonZero<usize> = number(name, &value(A_NUMBER)?)?;
                config.limits.max_message_size = len.get();
            }
            "--ping-interval" => {
                config.timeouts.keep_alive = Some(seconds(name, &value(A_TIME)?)?);
            }
            "--drain-timeout" => drain_within = seconds(name, &value(A_TIME)?)?,
            "--pong-timeout" => config.timeouts.pong = seconds(name, &value(A_TIME)?)?,
            "--handshake-timeout" => config.handshake_timeout = seconds(name, &value(A_TIME)?)?,
            "--close-timeout" => config.timeouts.close = seconds(name, &value(A_TIME)?)?,
            "--compression" => {
                let value = value(A_MODE)?;
                config.deflate = mode(&value)
                    .ok_or_else(|| format!("{}, not {value:?}", wants(name, A_MODE)))?;
            }
            "--cert" => cert = Some(PathBuf::from(value(A_FILE)?)),
            "--key" => key = Some(PathBuf::from(value(A_FILE)?)),
            _ if name.starts_with('-') => return Err(format!("unknown option {name:?}")),
            _ if address.is_some() => {
                return Err(format!("one address is enough; {arg:?} is left"));
            }
            _ => address = Some(complete(&arg)?),
        }
    }
    let address = address.unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let cores = || available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let threads = threads.unwrap_or_else(cores);
    let tls = match (cert, key) {
        (None, None) => None,
        (Some(cert), Some(key)) => match tls::MISSING {
            None => Some((cert, key)),
            Some(missing) => return Err(missing.to_owned()),
        },
        _ => return Err("--cert and --key go together".to_owned()),
    };
    Ok(Command::Serve(Box::new(Options { address, threads, config, drain_within, tls })))
}

const A_NUMBER: &str = "a number from 1 up";
const A_TIME: &str = "seconds, 0.001 to 1000000";
const A_FILE: &str = "a file";
const A_MODE: &str = "off, shared, window=9 to window=15, or full";

fn wants(name: &str, what: &str) -> String {
    format!("{name} wants {what}")
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{}, not {value:?}", wants(name, A_NUMBER)))
}

/// A time; a fraction of a second is one too.
fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (0.001..=1e6).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{}, not {value:?}", wants(name, A_TIME)))
}

/// How messages are compressed.
fn mode(value: &str) -> Option<Option<Deflate>> {
    let memory = match value.split_once('=') {
        None if value == "off" => return Some(None),
        None if value == "shared" => Memory::Shared,
        None if value == "full" => Memory::Full,
        Some(("window", bits)) => {
            Memory::Window(bits.parse().ok().filter(|bits| (9..=15).contains(bits))?)
        }
        _ => return None,
    };
    let mut deflate = Deflate::default();
    deflate.memory = memory;
    Some(Some(deflate))
}

/// An address with a host and a port.
fn complete(address: &str) -> Result<String, String> {
    let (host, port) = address.rsplit_once(':').unwrap_or(("127.0.0.1", address));
    match port.parse::<u16>() {
        Ok(port) if !host.is_empty() => Ok(format!("{host}:{port}")),
        _ => Err(format!("{address:?} is no host:port, nor a port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn serve(line: &str) -> (String, usize) {
        match parsed(line) {
            Ok(Command::Serve(options)) => (options.address, options.threads.get()),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn addresses_and_threads() {
        let cores = available_parallelism().unwrap().get();
        assert_eq!(serve(""), ("127.0.0.1:9001".into(), cores));
        assert_eq!(serve("80"), ("127.0.0.1:80".into(), cores));
        assert_eq!(serve("--threads 3 [::1]:0"), ("[::1]:0".into(), 3));
        assert_eq!(serve("localhost:9 --threads=1"), ("localhost:9".into(), 1));
    }

    #[test]
    fn compression_and_limits() {
        for (line, memory) in [
            ("", Some(Memory::Shared)),
            ("--compression shared", Some(Memory::Shared)),
            ("--compression=window=9", Some(Memory::Window(9))),
            ("--compression full", Some(Memory::Full)),
            ("--compression off", None),
        ] {
            let Ok(Command::Serve(options)) = parsed(line) else { panic!("{line}") };
            assert_eq!(options.config.deflate.map(|deflate| deflate.memory), memory, "{line}");
        }
        let Ok(Command::Serve(options)) = parsed("--max-message 7") else { panic!() };
        assert_eq!(options.config.limits.max_message_size, 7);
    }

    #[test]
    fn a_certificate_and_its_key() {
        let Ok(Command::Serve(options)) = parsed("80") else { panic!() };
        assert_eq!(options.tls, None);
        match parsed("--cert a.pem --key=b.pem") {
            Ok(Command::Serve(options)) if tls::MISSING.is_none() => {
                assert_eq!(options.tls, Some(("a.pem".into(), "b.pem".into())));
            }
            Err(error) => assert_eq!(Some(&*error), tls::MISSING),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn deadlines_of_the_handshake_and_the_close() {
        let deadlines = |line| match parsed(line) {
            Ok(Command::Serve(options)) => {
                (options.config.handshake_timeout, options.config.timeouts.close)
            }
            other => panic!("{line}: {other:?}"),
        };
        let seconds = Duration::from_secs_f64;
        assert_eq!(deadlines(""), (seconds(10.0), seconds(5.0)), "as --help says");
        let Ok(Command::Serve(options)) = parsed("--drain-timeout 3") else { panic!() };
        assert_eq!(options.drain_within, seconds(3.0));
        let set = deadlines("--handshake-timeout 0.5 --close-timeout=2");
        assert_eq!(set, (seconds(0.5), seconds(2.0)));
    }

    #[test]
    fn keep_alive() {
        let timeouts = |line| match parsed(line) {
            Ok(Command::Serve(options)) => options.config.timeouts,
            other => panic!("{line}: {other:?}"),
        };
        let twenty = Duration::from_secs(20);
        assert_eq!((timeouts("").keep_alive, timeouts("").pong), (Some(twenty), twenty));
        let set = timeouts("--ping-interval 30 --pong-timeout=0.25");
        assert_eq!(set.keep_alive, Some(Duration::from_secs(30)));
        assert_eq!(set.pong, Duration::from_millis(250));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("--cert", "--cert wants a file"),
            ("--cert a.pem", "--cert and --key go together"),
            ("--key b.pem", "--cert and --key go together"),
            ("--threads", "--threads wants a number from 1 up"),
            ("--threads 0", "--threads wants a number from 1 up, not \"0\""),
            ("--threads=x", "--threads wants a number from 1 up, not \"x\""),
            ("--max-message -1", "--max-message wants a number from 1 up, not \"-1\""),
            ("--ping-interval", "--ping-interval wants seconds, 0.001 to 1000000"),
            ("--ping-interval 0", "--ping-interval wants seconds, 0.001 to 1000000, not \"0\""),
            ("--pong-timeout=nan", "--pong-timeout wants seconds, 0.001 to 1000000, not \"nan\""),
            ("--pong-timeout -1", "--pong-timeout wants seconds, 0.001 to 1000000, not \"-1\""),
            ("--compression", "--compression wants off, shared, window=9 to window=15, or full"),
            (
                "--compression window=8",
                "--compression wants off, shared, window=9 to window=15, or full, not \"window=8\"",
            ),
            ("--loud", "unknown option \"--loud\""),
            ("1 2", "one address is enough; \"2\" is left"),
            ("70000", "\"70000\" is no host:port, nor a port"),
            ("here", "\"here\" is no host:port, nor a port"),
            (":80", "\":80\" is no host:port, nor a port"),
        ] {
            match parsed(line) {
                Err(error) => assert_eq!(error, said, "{line}"),
                Ok(command) => panic!("{line}: {command:?}"),
            }
        }
    }

    #[test]
    fn help_and_version() {
        let Ok(Command::Print(help)) = parsed("80 --help") else { panic!() };
        // What this build cannot do is not offered.
        assert_eq!(help.contains("--cert"), tls::MISSING.is_none(), "{help}");
        assert!(help.starts_with(HELP) && help.ends_with("the version"), "{help}");
        let Ok(Command::Print(version)) = parsed("-V") else { panic!() };
        assert!(version.starts_with("echo-server "), "{version}");
    }
}
