//! What every server of this directory does the same: one thread, a port the system chooses, its
//! address on the first line, a task for each connection.

#![allow(dead_code, reason = "each server uses what it needs")]

use std::future::{Future, poll_fn};
use std::io;
use std::net::Ipv4Addr;
use std::task::{Poll, ready};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::net::{TcpSocket, TcpStream};

/// What is asked for on the command line: `echo`, `broadcast` or `deflate`.
pub fn task() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "echo".to_owned())
}

/// Serves forever, however connections end.
pub fn serve<F: Future + 'static>(connection: impl Fn(TcpStream) -> F) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(4096)?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = connection(stream);
            tokio::task::spawn_local(async move { drop(connection.await) });
        }
    })
}

/// Sends back what comes, corked as well as a `Stream` and a `Sink` allow: all that is there is
/// framed, and flushed before waiting for more. `data` makes the answer, if there is to be one.
pub async fn echo<S, T, U, E>(mut ws: S, data: impl Fn(T) -> Option<U>) -> Option<()>
where
    S: Stream<Item = Result<T, E>> + Sink<U> + Unpin,
{
    let mut answer = None;
    poll_fn(|cx| {
        loop {
            if answer.is_some() {
                let Ok(()) = ready!(ws.poll_ready_unpin(cx)) else { return Poll::Ready(None) };
            }
            if let Some(answer) = answer.take() {
                let Ok(()) = ws.start_send_unpin(answer) else { return Poll::Ready(None) };
            }
            match ws.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => answer = data(message),
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => {
                    let Ok(()) = ready!(ws.poll_flush_unpin(cx)) else { return Poll::Ready(None) };
                    return Poll::Pending;
                }
            }
        }
    })
    .await
}
