//! The minimal echo server: everything it receives it sends back.
//!
//! A browser that asks for a page gets one to try it with. Each thread runs a loop of its own and
//! takes connections from the one listening socket, so connections never move between threads.

#![forbid(unsafe_code)]

mod options;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use bowstring::net::Incoming;
use bowstring::{CloseCode, Config, Error, WebSocket};
use http::{HeaderValue, Method, Response, header};
use options::{Command, Options};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::task::unconstrained;

/// What a browser gets: it connects back to where it came from.
const PAGE: &str = include_str!("page.html");

/// How long nothing is accepted after accepting failed, for instance for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

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
    let here = runtime()?;
    let listener = here.block_on(listen(&options.address))?;
    // Whoever has read the line below may send one.
    let signal = here.block_on(async { signal() })?;
    println!("listening on ws://{}/", listener.local_addr()?);

    // Dropping `stop` tells every connection.
    let (stop, stopping) = watch::channel(());
    let server = Server { stopping, config: Arc::new(options.config.clone()) };
    let mut threads = Vec::new();
    for _ in 1..options.threads.get() {
        let (there, listener, server) = (runtime()?, listener.try_clone()?, server.clone());
        threads.push(thread::spawn(move || there.block_on(server.serve(listener))));
    }
    here.block_on(async {
        let serving = tokio::spawn(server.serve(listener));
        signal.await;
        drop(stop);
        let _ = serving.await;
    });
    for thread in threads {
        let _ = thread.join();
    }
    Ok(())
}

fn runtime() -> io::Result<Runtime> {
    // Under a flood a turn takes milliseconds: after a few, look for what else has come, from the
    // network and from other threads.
    Builder::new_current_thread().enable_all().event_interval(8).global_queue_interval(8).build()
}

/// Binds the first of the addresses that can be bound.
async fn listen(address: &str) -> io::Result<StdListener> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "no address of that name");
    for address in tokio::net::lookup_host(address).await? {
        match bind(address) {
            Ok(listener) => return listener.into_std(),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
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

/// What every connection knows of the server.
#[derive(Clone)]
struct Server {
    stopping: watch::Receiver<()>,
    config: Arc<Config>,
}

impl Server {
    /// Accepts connections until the server stops, and stays until they have ended.
    async fn serve(self, listener: StdListener) {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        // Each connection holds a sender: when the last is gone, so are they.
        let (going, mut gone) = mpsc::channel(1);
        while let Some(accepted) = self.unless_stopped(pin!(listener.accept())).await {
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            tokio::spawn(self.clone().connection(stream, going.clone()));
        }
        // Nobody new is let in to wait for nothing.
        drop(listener);
        drop(going);
        gone.recv().await;
    }

    /// One connection, from its request to its end. How it fails is the peer's business.
    async fn connection(self, stream: TcpStream, _going: mpsc::Sender<()>) {
        // Boxed, so that what it needed is given back before the connection's long life.
        let Some(mut ws) = Box::pin(self.open(stream)).await else { return };
        if self.unless_stopped(pin!(echo(&mut ws))).await.is_none() {
            let _ = ws.close(CloseCode::GOING_AWAY, "the server is going down").await;
        }
    }

    async fn open(&self, stream: TcpStream) -> Option<WebSocket<TcpStream>> {
        self.unless_stopped(pin!(handshake(stream, &self.config))).await?.ok()?
    }

    /// Does something, unless the server stops first. That is looked at first: work that never has
    /// to wait uses up all that the runtime grants a task.
    async fn unless_stopped<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut stopping = self.stopping.clone();
        let mut stopped = pin!(unconstrained(stopping.changed()));
        // A task has one waker all its life: it asks once to be woken, and then only looks.
        let mut asked = false;
        poll_fn(|cx| {
            let over = if asked {
                self.stopping.has_changed().is_err()
            } else {
                asked = true;
                stopped.as_mut().poll(cx).is_ready()
            };
            if over { Poll::Ready(None) } else { work.as_mut().poll(cx).map(Some) }
        })
        .await
    }
}

/// Accepts the connection; a browser that asks for a page gets it instead.
async fn handshake(
    stream: TcpStream,
    config: &Config,
) -> Result<Option<WebSocket<TcpStream>>, Error> {
    let incoming = Incoming::read(stream, config).await?;
    let reads = [Method::GET, Method::HEAD].contains(incoming.request().method());
    if reads && !incoming.wants_upgrade() {
        let mut page = Response::new(PAGE);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        page.headers_mut().insert(header::CONTENT_TYPE, html);
        incoming.respond(page).await?;
        return Ok(None);
    }
    incoming.accept().await.map(Some)
}

/// Sends everything back: one read, many messages, one write.
async fn echo(ws: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = ws.batch().await? {
        while let Some(event) = events.next() {
            outgoing.send(event)?;
        }
    }
    Ok(())
}
