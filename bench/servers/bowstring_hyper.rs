//! bowstring on hyper: HTTP/1.1 and HTTP/2 on one port, each WebSocket in a task of its own.

mod common;

use std::convert::Infallible;

use bowstring::hyper::{Rejection, Upgrading, configure};
use bowstring::net::Transport;
use bowstring::{Config, Error, WebSocket};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;

type Answer = Response<Empty<Bytes>>;

fn main() -> std::io::Result<()> {
    let mut builder = Builder::new(TokioExecutor::new());
    configure(&mut builder, &Config::default());
    common::serve(move |stream| {
        let builder = builder.clone();
        async move {
            let service = service_fn(async |mut request: Request<Incoming>| {
                let answer = upgrade(&mut request)
                    .unwrap_or_else(|rejection| rejection.into_response().map(|_| Empty::new()));
                Ok::<_, Infallible>(answer)
            });
            builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await
        }
    })
}

fn upgrade(request: &mut Request<Incoming>) -> Result<Answer, Rejection> {
    let (response, pending) = Upgrading::from_request(request)?.accept(&Config::default())?;
    tokio::spawn(async move { echo(pending.await?).await });
    Ok(response.map(|()| Empty::new()))
}

/// The loop of the echo server.
async fn echo(mut ws: WebSocket<Transport>) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = ws.batch().await? {
        while let Some(event) = events.next() {
            outgoing.feed(event)?;
        }
    }
    Ok(())
}
