//! Stands in for root certificates in builds that have none.

use std::sync::Arc;

use super::tls::ClientConfig;
use crate::net::error::Error;

#[expect(clippy::unused_async)]
pub(in crate::net) async fn default_config() -> Result<Arc<ClientConfig>, Error> {
    Err(Error::NeedsTls)
}
