//! A network that follows a script: names, addresses, and what happens at each.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowstring::Connector;
use bowstring::net::accept;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};

/// What happens at an address.
#[derive(Clone)]
pub enum Host {
    /// A server that accepts every request, and echoes.
    Accepts,
    /// One that reads a request, writes this and closes.
    Answers(Vec<u8>),
    /// One that reads a request, waits so long, and does this then.
    Waits(Duration, Box<Host>),
    /// Nobody answers, ever.
    Silent,
    /// It takes so long to connect to it.
    Late(Duration, Box<Host>),
    /// The system says so at once.
    Fails(io::ErrorKind),
}

impl Host {
    pub fn answers(text: &str) -> Self {
        Self::Answers(text.as_bytes().to_vec())
    }

    pub fn redirects(status: u16, location: &str) -> Self {
        Self::answers(&format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\n\r\n"))
    }
}

/// Names, addresses, and what was done with them.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    names: HashMap<String, Vec<IpAddr>>,
    hosts: HashMap<IpAddr, Host>,
    seen: Mutex<Seen>,
    start: Instant,
}

#[derive(Default)]
struct Seen {
    dialled: Vec<(f64, String)>,
    /// How many connections a host has not seen the end of.
    open: usize,
    asked: Vec<String>,
}

impl Network {
    /// Each line is a name and its addresses; each address has a host.
    pub fn new(names: &[(&str, &[&str])], hosts: &[(&str, Host)]) -> Self {
        let ip = |text: &&str| text.parse::<IpAddr>().unwrap();
        let names =
            names.iter().map(|(name, ips)| (name.to_string(), ips.iter().map(ip).collect()));
        let hosts = hosts.iter().map(|(address, host)| (ip(address), host.clone()));
        Self(Arc::new(Inner {
            names: names.collect(),
            hosts: hosts.collect(),
            seen: Mutex::default(),
            start: Instant::now(),
        }))
    }

    /// One host, which has one name.
    pub fn of(host: Host) -> Self {
        Self::new(&[("server", &["10.0.0.1"])], &[("10.0.0.1", host)])
    }

    pub fn connector(&self) -> Connector {
        let (names, hosts) = (self.clone(), self.clone());
        Connector::new()
            .resolver(move |name, port| {
                let found = names.0.names.get(&name).cloned();
                async move {
                    let found = found.ok_or(io::ErrorKind::NotFound)?;
                    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
                }
            })
            .dialer(move |address| hosts.clone().dial(address))
    }

    /// When what was connected to, in seconds.
    pub fn dialled(&self) -> Vec<(f64, String)> {
        self.0.seen.lock().unwrap().dialled.clone()
    }

    /// The addresses that were connected to, in order.
    pub fn addresses(&self) -> Vec<String> {
        self.dialled().into_iter().map(|(_, address)| address).collect()
    }

    /// The requests that came.
    pub fn asked(&self) -> Vec<String> {
        self.0.seen.lock().unwrap().asked.clone()
    }

    /// Waits until every host has seen its connections end.
    pub async fn all_closed(&self) {
        while self.0.seen.lock().unwrap().open > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// How long it has been, in seconds.
    pub fn now(&self) -> f64 {
        self.0.start.elapsed().as_secs_f64()
    }

    async fn dial(self, address: SocketAddr) -> io::Result<DuplexStream> {
        let now = self.now();
        self.0.seen.lock().unwrap().dialled.push((now, address.to_string()));
        let mut host = self.0.hosts.get(&address.ip()).cloned().expect("no such address");
        if let Host::Late(time, then) = host {
            sleep(time).await;
            host = *then;
        }
        match host {
            Host::Fails(kind) => return Err(kind.into()),
            Host::Silent => pending().await,
            _ => {}
        }
        let (near, far) = duplex(64 << 10);
        self.0.seen.lock().unwrap().open += 1;
        tokio::spawn(async move {
            self.clone().serve(far, host).await;
            self.0.seen.lock().unwrap().open -= 1;
        });
        Ok(near)
    }

    async fn serve(self, mut stream: DuplexStream, mut host: Host) {
        if let Host::Accepts = host {
            let Ok(mut ws) = accept(stream).await else { return };
            while let Ok(Some(message)) = ws.recv().await {
                if ws.feed(message).await.is_err() {
                    return;
                }
            }
            return;
        }
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        self.0.seen.lock().unwrap().asked.push(request);
        while let Host::Waits(time, then) = host {
            sleep(time).await;
            host = *then;
        }
        if let Host::Answers(answer) = host {
            let _ = stream.write_all(&answer).await;
        } else {
            let _ = stream.read_u8().await;
        }
    }
}
