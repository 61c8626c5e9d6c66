//! Stands in for the signals of Unix elsewhere: Ctrl-C ends the server.

use std::io;

use crate::Reload;

/// What the operator says.
pub(crate) struct Signals;

impl Signals {
    pub(crate) fn new(_: Option<Reload>) -> io::Result<Self> {
        Ok(Self)
    }

    /// Resolves when the operator wants an end.
    pub(crate) async fn stop(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
