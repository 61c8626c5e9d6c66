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
#[cfg(feature = "rustls-tls")]
use bowstring::server::Tls;
use bowstring::server::{Accept, Answer, Request, Server, ServerConnection};
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
            eprintln!("echo-server: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal comes, then drains.
fn run(options: &Options) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", options.address);
    let here = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let server = here.block_on(Server::bind(&options.address)).map_err(failed)?;
    let scheme = if options.tls.is_some() { "wss" } else { "ws" };
    let addresses: Vec<_> = server.local_addrs().collect();
    #[cfg(feature = "rustls-tls")]
    let (server, reload) = tls(server, options)?;
    #[cfg(not(feature = "rustls-tls"))]
    let reload = None;
    let server =
        server.config(options.config.clone()).on_request(page_or_echo).drain_on(async move {
            // A program that has read the lines below may send one.
            let signal = signal(reload);
            for address in addresses {
                println!("listening on {scheme}://{address}/");
            }
            match signal {
                Ok(signal) => signal.await,
                Err(error) => {
                    eprintln!("echo-server: no signal will be heard: {error}");
                    std::future::pending().await
                }
            }
        });
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

/// The server with TLS, if that is asked for.
#[cfg(feature = "rustls-tls")]
fn tls(server: Server, options: &Options) -> Result<(Server, Option<Reload>), String> {
    let Some((cert, key)) = &options.tls else { return Ok((server, None)) };
    let tls = Tls::from_pem_files(cert, key).map_err(|error| error.to_string())?;
    let server = server.tls(tls.clone());
    let reload = move || match tls.reload() {
        Ok(()) => println!("the certificate was read again"),
        Err(error) => eprintln!("echo-server: the old certificate stays: {error}"),
    };
    Ok((server, Some(Box::new(reload))))
}

/// Resolves when the operator wants an end. From the call on, a signal no longer kills.
fn signal(reload: Option<Reload>) -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let hangup = || signal(SignalKind::hangup());
        let mut reload =
            reload.map(|reload| Ok::<_, io::Error>((hangup()?, reload))).transpose()?;
        Ok(poll_fn(move |cx| {
            if let Some((hangup, reload)) = &mut reload {
                while let Poll::Ready(Some(())) = hangup.poll_recv(cx) {
                    reload();
                }
            }
            let came = interrupt.poll_recv(cx).is_ready() || terminate.poll_recv(cx).is_ready();
            if came { Poll::Ready(()) } else { Poll::Pending }
        }))
    }
    #[cfg(not(unix))]
    Ok(async {
        let _reload = reload;
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
async fn echo(mut connection: ServerConnection) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = connection.batch().await? {
        while let Some(event) = events.next() {
            outgoing.feed(event)?;
        }
    }
    Ok(())
}
