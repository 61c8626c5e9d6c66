//! What the Autobahn test suite examines over HTTP/2: `autobahn-http2 server HOST:PORT`, or
//! `autobahn-http2 client ws://HOST:PORT`.
//!
//! The suite speaks HTTP/1.1, so a relay of the tests' own is in this process as well. All WebSockets are streams of one
//! connection between it and bowstring.

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use bowstring::handshake::ClientRequest;
use bowstring::hyper::{Rejection, Upgrading};
use bowstring::net::http2::{Http2Stream, Session};
use bowstring::{Config, Message, WebSocket};
use bowstring_testing::io::http2::{client, relay_from_http2, relay_to_http2};
use http::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::TcpListener;

const AGENT: &str = "bowstring";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let ran = match arguments[..] {
        ["server", address] => server(address).await,
        ["client", url] => run_client(url).await,
        _ => {
            eprintln!("usage: autobahn-http2 server HOST:PORT | client ws://HOST:PORT");
            return ExitCode::from(2);
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn-http2: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn server(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    let (near, far) = duplex(1 << 20);
    tokio::spawn(serve(far));
    let relay = client(near).await?;
    writeln!(std::io::stdout(), "listening on ws://{}/", listener.local_addr()?)?;
    Ok(relay_to_http2(listener, relay).await?)
}

/// A server on hyper.
async fn serve(stream: DuplexStream) {
    let service = service_fn(|mut request: Request<hyper::body::Incoming>| async move {
        let upgraded = Upgrading::from_request(&mut request)
            .and_then(|upgrading| upgrading.accept(&Config::default()))
            .map(|(response, pending)| {
                tokio::spawn(async move {
                    let mut ws = pending.await?;
                    echo(&mut ws).await
                });
                response.map(|()| String::new())
            });
        Ok::<_, Infallible>(upgraded.unwrap_or_else(Rejection::into_response))
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
    eprintln!("autobahn-http2: the connection has ended: {served:?}");
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    ws: &mut WebSocket<S>,
) -> Result<(), bowstring::Error> {
    while let Some((mut events, mut outgoing)) = ws.batch().await? {
        while let Some(event) = events.next() {
            outgoing.feed(event)?;
        }
    }
    Ok(())
}

async fn run_client(url: &str) -> Result<(), Box<dyn Error>> {
    let server: SocketAddr = url
        .trim_start_matches("ws://")
        .trim_end_matches('/')
        .parse()
        .map_err(|_| "not an address")?;
    let (near, far) = duplex(1 << 20);
    tokio::spawn(relay_from_http2(far, server));
    let session = Session::over(near, &Config::default()).await?;
    let mut ws = open(&session, "/getCaseCount").await?;
    let count: u32 = match ws.recv().await? {
        Some(Message::Text(count)) => count.trim().parse()?,
        other => return Err(format!("instead of a number of cases: {other:?}").into()),
    };
    ws.close(1000, "").await?;
    for case in 1..=count {
        let mut ws = open(&session, &format!("/runCase?case={case}&agent={AGENT}")).await?;
        if let Err(error) = echo(&mut ws).await {
            println!("case {case}: {error}");
            // The peer is told which rule it broke: wait until it has gone.
            let _ = ws.close(1000, "").await;
        }
    }
    // The server goes away once the reports are written, at whatever point of this connection.
    let end = format!("/updateReports?agent={AGENT}&shutdownOnComplete=true");
    if let Ok(mut ws) = open(&session, &end).await {
        let _ = ws.recv().await;
    }
    println!("{count} cases run");
    Ok(())
}

async fn open(
    session: &Session,
    resource: &str,
) -> Result<WebSocket<Http2Stream>, bowstring::Error> {
    let request = ClientRequest::new(format!("ws://127.0.0.1{resource}").parse()?);
    Ok(session.open(&request, &Config::default()).await?.0)
}
