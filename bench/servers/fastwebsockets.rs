//! fastwebsockets, as its echo example: a collector of fragments, no budget of the runtime. The
//! socket is taken back out of hyper after the handshake, which spares a dynamic call for each I/O.

mod common;

use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task;

fn main() -> std::io::Result<()> {
    common::serve(|stream| {
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(admit))
            .with_upgrades()
    })
}

async fn admit(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    let (response, upgraded) = upgrade::upgrade(&mut request)?;
    task::spawn_local(task::unconstrained(echo(upgraded)));
    Ok(response)
}

async fn echo(upgraded: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let upgraded = upgraded.await?.into_inner().into_inner();
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else { return Ok(()) };
    // The generator waits for the answer before it sends.
    assert!(parts.read_buf.is_empty());
    // It would hold hyper's buffer as long as the connection.
    drop(parts.read_buf);
    let ws = WebSocket::after_handshake(parts.io.into_inner(), Role::Server);
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
