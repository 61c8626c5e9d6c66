//! The command line.

use std::num::NonZero;
use std::thread::available_parallelism;

const HELP: &str = "\
A WebSocket server that sends everything back; a browser gets a page to try it with.

usage: echo-server [ADDRESS] [--threads N]

  ADDRESS      host:port, or a port of 127.0.0.1; port 0 lets the system choose
               (default 127.0.0.1:9001)
  --threads N  how many threads serve (default: one for each core)
  --help       this text
  --version    the version";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Serve(Options),
    Print(&'static str),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) address: String,
    pub(crate) threads: NonZero<usize>,
}

/// Reads the arguments behind the program's name; the error says what is wrong with them.
pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut address = None;
    let mut threads = None;
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (&*arg, None),
        };
        match name {
            "--help" | "-h" => return Ok(Command::Print(HELP)),
            "--version" | "-V" => {
                return Ok(Command::Print(concat!("echo-server ", env!("CARGO_PKG_VERSION"))));
            }
            "--threads" => {
                let value = inline.or_else(|| args.next()).ok_or("--threads wants a number")?;
                let number = value
                    .parse()
                    .map_err(|_| format!("--threads wants a number from 1 up, not {value:?}"))?;
                threads = Some(number);
            }
            _ if name.starts_with('-') => return Err(format!("unknown option {name:?}")),
            _ if address.is_some() => {
                return Err(format!("one address is enough; {arg:?} is left"));
            }
            _ => address = Some(complete(&arg)?),
        }
    }
    let address = address.unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let cores = || available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    Ok(Command::Serve(Options { address, threads: threads.unwrap_or_else(cores) }))
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
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("--threads", "--threads wants a number"),
            ("--threads 0", "--threads wants a number from 1 up, not \"0\""),
            ("--threads=x", "--threads wants a number from 1 up, not \"x\""),
            ("--loud", "unknown option \"--loud\""),
            ("1 2", "one address is enough; \"2\" is left"),
            ("70000", "\"70000\" is no host:port, nor a port"),
            ("here", "\"here\" is no host:port, nor a port"),
            (":80", "\":80\" is no host:port, nor a port"),
        ] {
            assert_eq!(parsed(line), Err(said.into()), "{line}");
        }
    }

    #[test]
    fn help_and_version() {
        assert_eq!(parsed("80 --help"), Ok(Command::Print(HELP)));
        let Ok(Command::Print(version)) = parsed("-V") else { panic!() };
        assert!(version.starts_with("echo-server "), "{version}");
    }
}
