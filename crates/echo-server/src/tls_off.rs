//! Stands in for TLS in builds without the feature `rustls-tls`: its options are refused.

use bowstring::server::Server;

use crate::Reload;
use crate::options::Options;

/// `--help` does not offer what this build cannot do.
pub(crate) const HELP: &str = "";

/// Why these options cannot be had.
pub(crate) const MISSING: Option<&str> =
    Some("this build has no TLS: it lacks the feature rustls-tls");

pub(crate) fn add(server: Server, _: &Options) -> Result<(Server, Option<Reload>), String> {
    Ok((server, None))
}
