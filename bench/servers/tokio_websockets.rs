//! tokio-websockets, as its echo example (whole frames, no limits, no budget of the runtime), but
//! corked, with a threshold that lets a whole read be answered at once.

mod common;

use tokio::task::unconstrained;
use tokio_websockets::{Config, Limits, ServerBuilder};

fn main() -> std::io::Result<()> {
    common::serve(|stream| {
        unconstrained(async {
            let config = Config::default().frame_size(usize::MAX).flush_threshold(64 << 10);
            let accepted = ServerBuilder::new()
                .config(config)
                .limits(Limits::unlimited())
                .accept(stream)
                .await;
            let (_, ws) = accepted.ok()?;
            common::echo(ws, |message| {
                (message.is_text() || message.is_binary()).then_some(message)
            })
            .await
        })
    })
}
