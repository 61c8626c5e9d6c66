//! URLs of the crate `url` are requests.

use super::client_request::ClientRequest;
use super::error::BuildError;
use super::into_client_request::IntoClientRequest;
use url::Url;

impl IntoClientRequest for Url {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &Url {
    fn into_client_request(self) -> Result<ClientRequest, BuildError> {
        self.as_str().into_client_request()
    }
}
