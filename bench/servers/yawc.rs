//! yawc, checking text as the others do. Corked; with `deflate`, each message stands alone.

mod common;

use std::convert::Infallible;

use futures_util::StreamExt;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task;
use yawc::frame::OpCode;
use yawc::{Options, WebSocket};

fn main() -> std::io::Result<()> {
    common::serve(|stream| {
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(admit))
            .with_upgrades()
    })
}

async fn admit(mut request: Request<Incoming>) -> yawc::Result<Response<Empty<Bytes>>> {
    let options = Options::default().with_utf8().with_limits(16 << 20, 32 << 20);
    let options = if common::task() == "deflate" {
        options.server_no_context_takeover().client_no_context_takeover()
    } else {
        options.without_compression()
    };
    let (response, upgraded) = WebSocket::upgrade_with_options(&mut request, options)?;
    task::spawn_local(async {
        let ws = upgraded.await.ok()?;
        common::echo(ws.map(Ok::<_, Infallible>), |frame| {
            matches!(frame.opcode(), OpCode::Text | OpCode::Binary).then_some(frame)
        })
        .await
    });
    Ok(response)
}
