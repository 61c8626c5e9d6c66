//! The minimal echo server: everything it receives it sends back.
//!
//! A browser that asks for a page gets one to try it with. Each thread runs a loop of its own and
//! takes connections from the one listening socket, so connections never move between threads.

#![forbid(unsafe_code)]

mod options;
#[cfg_attr(not(unix), path = "signals_off.rs")]
mod signals;
#[cfg_attr(not(feature = "rustls-tls"), path = "tls_off.rs")]
mod tls;

use std::io::{self, Write};
use std::process::ExitCode;

use bowstring::Error;
use bowstring::server::{Accept, Answer, Request, Server, ServerConnection};
use http::Method;
use options::{Command, Options};
use signals::Signals;
use tokio::runtime::Builder;

/// What a browser gets: it connects back to where it came from.
const PAGE: &str = include_str!("page.html");

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Command::Serve(options)) => options,
        Ok(Command::Print(text)) => {
            return match writeln!(io::stdout(), "{text}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    log(&error.to_string());
                    ExitCode::FAILURE
                }
            };
        }
        Err(message) => {
            log(&format!("{message} (try --help)"));
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&error);
            ExitCode::FAILURE
        }
    }
}

/// Says something to the operator. Nobody may be there to read it, and the server goes on.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The same for what went wrong.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "echo-server: {line}");
}

/// Serves until a signal comes, then closes all connections. A second signal drops those that are left.
fn run(options: &Options) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", options.address);
    let here = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let server = here.block_on(Server::bind(&options.address)).map_err(failed)?;
    let secure = if options.tls.is_some() { "s" } else { "" };
    let addresses: Vec<_> = server.local_addrs().collect();
    let (server, reload) = tls::add(server, options)?;
    let handle = server.handle();
    let stop = async move {
        // A program that has read the lines below may send a signal.
        let signals = Signals::new(reload);
        for address in &addresses {
            say(&format!("listening on ws{secure}://{address}/"));
        }
        for address in addresses {
            say(&format!("a page to try it with: http{secure}://{address}/"));
        }
        match signals {
            Ok(mut signals) => {
                signals.stop().await;
                tokio::spawn(async move {
                    signals.stop().await;
                    handle.abort();
                });
            }
            Err(error) => {
                log(&format!("no signal will be heard: {error}"));
                std::future::pending().await
            }
        }
    };
    let server = server
        .config(options.config.clone())
        .on_request(page_or_echo)
        .drain_on(stop)
        .drain_within(options.drain_within);
    if options.threads.get() == 1 {
        // In a process of one thread a system call takes fewer instructions.
        here.block_on(server.serve(echo));
    } else {
        server.serve_on_threads(options.threads, echo).map_err(failed)?;
    }
    Ok(())
}

/// What is done when the operator says that files have changed.
type Reload = Box<dyn Fn() + Send>;

/// A browser that asks for a page gets it; everything else is accepted, if it is legal.
async fn page_or_echo(request: Request) -> Result<Accept, Answer> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if reads && !request.wants_upgrade() {
        return Err(Answer::new(http::StatusCode::OK).html(PAGE));
    }
    Ok(Accept::default())
}

/// Sends everything back: one read, many messages, one write.
async fn echo(mut connection: ServerConnection) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = connection.batch().await? {
        while let Some(event) = events.next() {
            outgoing.feed(event)?;
        }
    }
    Ok(())
}
