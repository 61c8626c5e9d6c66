//! A server and its client over TLS, in one process, with a certificate made on the spot.
//!
//! ```text
//! cargo run --example tls --features server,rustls-tls
//! ```
//!
//! A real server has files, made by an ACME client for instance: `Tls::from_pem_files(chain, key)?`,
//! and `reload()` when they were renewed. A real client trusts whom its system trusts, or Mozilla, and
//! needs nothing but `bowstring::connect("wss://…")`: features `rustls-tls-native-roots` and
//! `rustls-tls-webpki-roots`.

use std::sync::Arc;

use bowstring::Config;
use bowstring::handshake::ClientRequest;
use bowstring::net::rustls::pki_types::PrivateKeyDer;
use bowstring::net::rustls::{ClientConfig, RootCertStore, ServerConfig};
use bowstring::net::{connect_tls, rustls};
use bowstring::server::{Accept, Server, Tls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());

    let tls = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)?;
    let server = Server::bind("127.0.0.1:0").await?.tls(Tls::from_config(Arc::new(tls)));
    let address = server.local_addrs().next().ok_or("no address")?;
    let server = server.on_request(async |request| {
        println!("server: {:?}", request.tls());
        Ok(Accept::new(()))
    });
    let handle = server.handle();
    let serving = tokio::spawn(server.serve(async |mut connection| {
        while let Some(message) = connection.recv().await? {
            connection.send(message).await?;
        }
        Ok::<_, bowstring::Error>(())
    }));

    // Only this certificate is trusted.
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let uri = format!("wss://localhost:{}/", address.port());
    let request = ClientRequest::new(uri.parse()?);
    let (mut ws, _response) = connect_tls(&request, &Config::default(), Arc::new(tls)).await?;
    ws.send("nobody else reads this").await?;
    println!("client: {:?}", ws.recv().await?);
    ws.close(1000, "").await?;

    handle.drain();
    println!("server: {:?}", serving.await?);
    Ok(())
}
