//! What happens if an upgrade fails.

use axum_core::Error;

/// What is done with the error of an upgrade that fails: a function that takes it, or
/// [`DefaultOnFailedUpgrade`].
///
/// See [`WebSocketUpgrade::on_failed_upgrade`](crate::WebSocketUpgrade::on_failed_upgrade).
pub trait OnFailedUpgrade: Send + 'static {
    /// It has failed, because of this.
    fn call(self, error: Error);
}

impl<F: FnOnce(Error) + Send + 'static> OnFailedUpgrade for F {
    fn call(self, error: Error) {
        self(error);
    }
}

/// Does nothing with the error. It is what a [`WebSocketUpgrade`](crate::WebSocketUpgrade) begins with.
#[derive(Debug)]
#[non_exhaustive]
pub struct DefaultOnFailedUpgrade;

impl OnFailedUpgrade for DefaultOnFailedUpgrade {
    fn call(self, _error: Error) {}
}
