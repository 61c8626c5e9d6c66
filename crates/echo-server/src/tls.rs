//! TLS by the files of the command line.

use bowstring::server::{Server, Tls};

use crate::options::Options;
use crate::{Reload, log, say};

/// What `--help` says of TLS.
pub(crate) const HELP: &str = "
  --cert FILE        speaks TLS, with this certificate and those that lead to a root after it (PEM);
                     SIGHUP has both files read again
  --key FILE         the key of the certificate (PEM)";

/// Why these options cannot be had, if they cannot.
pub(crate) const MISSING: Option<&str> = None;

/// The server with TLS, if that is asked for, and what reads its files again.
pub(crate) fn add(server: Server, options: &Options) -> Result<(Server, Option<Reload>), String> {
    let Some((cert, key)) = &options.tls else { return Ok((server, None)) };
    let tls = Tls::from_pem_files(cert, key).map_err(|error| error.to_string())?;
    let server = server.tls(tls.clone());
    let reload = move || match tls.reload() {
        Ok(()) => say("the certificate was read again"),
        Err(error) => log(&format!("the old certificate stays: {error}")),
    };
    Ok((server, Some(Box::new(reload))))
}
