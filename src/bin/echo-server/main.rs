//! The minimal echo server: everything it receives it sends back.
//!
//! A browser that asks for a page gets one to try it with. Each thread runs a loop of its own and
//! takes connections from the one listening socket, so connections never move between threads.

#![forbid(unsafe_code)]

mod options;

use std::future::{Future, poll_fn};
use std::io;
use std::process::ExitCode;
use std::task::Poll;

use bowstring::Error;
use bowstring::server::{Accept, Answer, Connection, Request, Server};
use http::Method;
use options::{Command, Options};
use tokio::runtime::Builder;

/// What a browser gets: it connects back to where it came from.
const PAGE: &str = include_str!("page.html");

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Command::Serve(options)) => options,
        Ok(Command::Print(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("echo-server: {message} (try --help)");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo-server: {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal comes, then sees everybody off.
fn run(options: &Options) -> io::Result<()> {
    let here = Builder::new_current_thread().enable_all().build()?;
    let server = here.block_on(Server::bind(&options.address))?;
    let addresses: Vec<_> = server.local_addrs().collect();
    server
        .config(options.config.clone())
        .on_request(page_or_echo)
        .drain_on(async move {
            // Whoever has read the lines below may send one.
            let signal = signal();
            for address in addresses {
                println!("listening on ws://{address}/");
            }
            match signal {
                Ok(signal) => signal.await,
                Err(error) => {
                    eprintln!("echo-server: no signal will be heard: {error}");
                    std::future::pending().await
                }
            }
        })
        .serve_on_threads(options.threads, echo)?;
    Ok(())
}

/// Resolves when the operator wants an end. From the call on, a signal no longer kills.
fn signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(poll_fn(move |cx| {
            let came = interrupt.poll_recv(cx).is_ready() || terminate.poll_recv(cx).is_ready();
            if came { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
    #[cfg(not(unix))]
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// A browser that asks for a page gets it; everything else is accepted, if it is legal.
async fn page_or_echo(request: Request) -> Result<Accept, Answer> {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if reads && !request.wants_upgrade() {
        return Err(Answer::new(http::StatusCode::OK).html(PAGE));
    }
    Ok(Accept::default())
}

/// Sends everything back: one read, many messages, one write.
async fn echo(mut connection: Connection) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = connection.batch().await? {
        while let Some(event) = events.next() {
            outgoing.send(event)?;
        }
    }
    Ok(())
}
