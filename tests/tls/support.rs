//! Authorities, certificates, and a server that says whom it has heard.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bowstring::handshake::ClientRequest;
use bowstring::net::rustls::crypto::ring;
use bowstring::net::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use bowstring::net::rustls::{ClientConfig, RootCertStore, ServerConfig};
use bowstring::net::{TlsInfo, Transport, connect_tls};
use bowstring::server::{Accept, Report, Server, ServerConnection, ServerHandle, Tls};
use bowstring::{Config, Error, WebSocket};
use bowstring_testing::io::wait;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::task::JoinHandle;

/// Somebody to be trusted, or not.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    /// What is shown behind it.
    pub issuers: Vec<CertificateDer<'static>>,
    pub key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        Self::called(&format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn called(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for these names and addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    pub fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        Identity { certificate, issuers: Vec::new(), key }
    }
}

impl Identity {
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    pub fn tls(&self) -> Tls {
        Tls::from_config(Arc::new(self.server_config()))
    }

    pub fn server_config(&self) -> ServerConfig {
        let chain = [vec![self.certificate.clone()], self.issuers.clone()].concat();
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, self.key())
            .unwrap()
    }

    /// Writes it as files; gives their paths.
    pub fn write(&self, dir: &Directory) -> (PathBuf, PathBuf) {
        let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
        fs::write(&chain, pem(&self.certificate)).unwrap();
        fs::write(&key, self.key.serialize_pem()).unwrap();
        (chain, key)
    }
}

/// A certificate as PEM.
pub fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A directory that is removed when this is dropped.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowstring-tls-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client's configuration that trusts these alone.
pub fn trusting<'a>(authorities: impl IntoIterator<Item = &'a Authority>) -> Arc<ClientConfig> {
    Arc::new(trust(authorities.into_iter().map(Authority::certificate)))
}

pub fn trust(certificates: impl IntoIterator<Item = CertificateDer<'static>>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    certificates.into_iter().for_each(|certificate| roots.add(certificate).unwrap());
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// An echo server in this process.
pub struct Echo {
    pub port: u16,
    pub handle: ServerHandle,
    serving: JoinHandle<Report>,
    asked: Arc<Mutex<Vec<Option<TlsInfo>>>>,
}

impl Echo {
    pub async fn new(tls: Tls) -> Self {
        Self::on("127.0.0.1:0", |server| server.tls(tls)).await
    }

    pub async fn on(address: &str, set: impl FnOnce(Server) -> Server) -> Self {
        Self::serve(set(Server::bind(address).await.unwrap()))
    }

    pub fn serve(server: Server) -> Self {
        let asked = Arc::new(Mutex::default());
        let noting = Arc::clone(&asked);
        let server = server.on_request(move |request| {
            let asked: Arc<Mutex<Vec<_>>> = Arc::clone(&noting);
            async move {
                asked.lock().unwrap().push(request.tls().cloned());
                Ok(Accept::new(()))
            }
        });
        let port = server.local_addrs().next().unwrap().port();
        let handle = server.handle();
        Self { port, handle, serving: tokio::spawn(server.serve(echo)), asked }
    }

    /// What the hook saw of each request that came through.
    pub fn asked(&self) -> Vec<Option<TlsInfo>> {
        self.asked.lock().unwrap().clone()
    }

    pub fn uri(&self, host: &str) -> String {
        format!("wss://{host}:{}/", self.port)
    }

    pub async fn connect(
        &self,
        host: &str,
        tls: &Arc<ClientConfig>,
    ) -> Result<WebSocket<Transport>, Error> {
        connect(&self.uri(host), tls).await
    }

    /// Drains it.
    pub async fn end(self) -> Report {
        self.handle.drain();
        in_time(self.serving).await.unwrap()
    }
}

async fn echo(mut connection: ServerConnection) -> Result<(), Error> {
    while let Some((mut events, mut outgoing)) = connection.batch().await? {
        while let Some(event) = events.next() {
            outgoing.feed(event)?;
        }
    }
    Ok(())
}

pub async fn connect(uri: &str, tls: &Arc<ClientConfig>) -> Result<WebSocket<Transport>, Error> {
    let request = ClientRequest::new(uri.parse().unwrap());
    let config = Config::default();
    Ok(in_time(connect_tls(&request, &config, Arc::clone(tls))).await?.0)
}

pub async fn says(ws: &mut WebSocket<Transport>, text: &str) {
    ws.send(text).await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap().unwrap().as_bytes(), text.as_bytes());
}

pub async fn in_time<F: Future>(work: F) -> F::Output {
    wait::soon("what the test does", work).await
}
