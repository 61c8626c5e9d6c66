//! A `Connector` through proxies, from the address to messages, in virtual time and without a network.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowstring::net::{
    ConnectTimeouts, OpeningStep, Proxies, Proxy, ProxyError, ProxyStep, SocksReply, accept, tunnel,
};
use bowstring::{Connector, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

type Bytes = &'static [u8];

/// What a proxy expects, and what it answers.
type Lines = Vec<(Bytes, Bytes)>;

const PROXY: &str = "10.0.0.1:3128";

/// A network in which the proxy is all there is.
struct Network {
    connector: Connector,
    /// Who was connected to.
    dialed: Arc<Mutex<Vec<String>>>,
}

/// The names are `proxy`, `server` (with two addresses), and `slow`, which is never found.
fn network<F, Fut>(proxies: impl Into<Proxies>, play: F) -> Network
where
    F: Fn(DuplexStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let dialed = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dialed);
    let play = Arc::new(play);
    let connector = Connector::new()
        .proxies(proxies)
        .resolver(|host, port| async move {
            let addresses: &[&str] = match &*host {
                "proxy" => &["10.0.0.1"],
                "server" => &["2001:db8::1", "10.0.0.2"],
                "closed" => &["10.0.0.99"],
                "far" => &["10.0.0.98"],
                "slow" => std::future::pending().await,
                _ => return Err(io::ErrorKind::NotFound.into()),
            };
            Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
        })
        .dialer(move |address| {
            let (log, play) = (Arc::clone(&log), Arc::clone(&play));
            async move {
                log.lock().unwrap().push(address.to_string());
                match address.ip().to_string().as_str() {
                    "10.0.0.99" => return Err(io::ErrorKind::ConnectionRefused.into()),
                    "10.0.0.98" => std::future::pending().await,
                    _ => {}
                }
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                tokio::spawn(play(theirs));
                Ok(ours)
            }
        });
    Network { connector, dialed }
}

impl Network {
    fn dialed(&self) -> Vec<String> {
        std::mem::take(&mut self.dialed.lock().unwrap())
    }

    async fn error(&self, uri: &str) -> Error {
        self.connector.connect(uri).await.map(drop).expect_err("it is connected")
    }

    async fn proxy_error(&self, uri: &str) -> ProxyError {
        match self.error(uri).await {
            Error::Proxy(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

/// Connects, and has a message come back.
async fn echo(connector: &Connector, uri: &str) {
    let (mut ws, _response) = connector.connect(uri).await.unwrap();
    ws.send("through").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("through"));
}

/// What stands behind the tunnel.
async fn serve(stream: DuplexStream) {
    let mut ws = accept(stream).await.unwrap();
    while let Ok(Some(message)) = ws.recv().await {
        ws.send(message).await.unwrap();
    }
}

/// Expects these bytes and answers with those, in turn.
async fn talk(stream: &mut DuplexStream, lines: &[(Bytes, Bytes)]) {
    for (expected, answer) in lines {
        let mut found = vec![0; expected.len()];
        stream.read_exact(&mut found).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(expected));
        stream.write_all(answer).await.unwrap();
    }
}

/// A proxy that says these things; then the server is there.
fn script(
    lines: impl Into<Lines>,
) -> impl Fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let lines = lines.into();
    move |mut stream| {
        let lines = lines.clone();
        Box::pin(async move {
            talk(&mut stream, &lines).await;
            serve(stream).await;
        })
    }
}

/// A proxy that says these things, and no more.
fn silent(lines: Lines) -> impl Fn(DuplexStream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    move |mut stream| {
        let lines = lines.clone();
        Box::pin(async move {
            talk(&mut stream, &lines).await;
            std::future::pending().await
        })
    }
}

const REQUEST: Bytes = b"CONNECT server:80 HTTP/1.1\r\nHost: server:80\r\n\r\n";
const OPEN: Bytes = b"HTTP/1.1 200 OK\r\n\r\n";
const SOCKS_OPEN: Bytes = &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0];

fn proxy(text: &str) -> Proxy {
    text.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn by_connect() {
    let network = network(proxy("http://proxy:3128"), script([(REQUEST, OPEN)]));
    echo(&network.connector, "ws://server/chat").await;
    // The server's name is for the proxy to look up.
    assert_eq!(network.dialed(), [PROXY]);
}

#[tokio::test(start_paused = true)]
async fn by_connect_with_a_password() {
    let request: Bytes = b"CONNECT server:8080 HTTP/1.1\r\nHost: server:8080\r\n\
        Proxy-Authorization: Basic YW5uOnNlY3JldA==\r\n\r\n";
    let network = network(proxy("http://ann:secret@proxy:3128"), script([(request, OPEN)]));
    echo(&network.connector, "ws://server:8080/").await;
}

#[tokio::test(start_paused = true)]
async fn by_socks5_with_remote_names() {
    let lines: [(Bytes, Bytes); 2] =
        [(&[5, 1, 0], &[5, 0]), (b"\x05\x01\0\x03\x06server\0\x50", SOCKS_OPEN)];
    let network = network(proxy("socks5h://proxy:3128"), script(lines));
    echo(&network.connector, "ws://server/").await;
    assert_eq!(network.dialed(), [PROXY]);
}

#[tokio::test(start_paused = true)]
async fn by_socks5_with_a_password() {
    let lines: [(Bytes, Bytes); 3] = [
        (&[5, 2, 0, 2], &[5, 2]),
        (b"\x01\x03ann\x06secret", &[1, 0]),
        (b"\x05\x01\0\x03\x06server\0\x50", SOCKS_OPEN),
    ];
    let network = network(proxy("socks5h://ann:secret@proxy:3128"), script(lines));
    echo(&network.connector, "ws://server/").await;
}

/// The proxy gets addresses; one that it cannot reach is not the end.
#[tokio::test(start_paused = true)]
async fn by_socks5_with_local_names_to_each_address_in_turn() {
    let play = |mut stream: DuplexStream| async move {
        talk(&mut stream, &[(&[5, 1, 0], &[5, 0])]).await;
        let mut start = [0; 4];
        stream.read_exact(&mut start).await.unwrap();
        if start == [5, 1, 0, 4] {
            talk(&mut stream, &[(b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50", &[5, 4])])
                .await;
        } else {
            assert_eq!(start, [5, 1, 0, 1]);
            talk(&mut stream, &[(&[10, 0, 0, 2, 0, 80], SOCKS_OPEN)]).await;
            serve(stream).await;
        }
    };
    let network = network(proxy("socks5://proxy:3128"), play);
    echo(&network.connector, "ws://server/").await;
    assert_eq!(network.dialed(), [PROXY, PROXY]);
    // A name that does not exist is the server's.
    let error = network.error("ws://nowhere/").await;
    assert!(matches!(&error, Error::NoSuchHost(host) if &**host == "nowhere"), "{error:?}");
    assert_eq!(network.dialed(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn by_socks5_to_a_server_none_of_whose_addresses_is_reached() {
    let play = |mut stream: DuplexStream| async move {
        talk(&mut stream, &[(&[5, 1, 0], &[5, 0])]).await;
        let mut start = [0; 4];
        stream.read_exact(&mut start).await.unwrap();
        stream.write_all(&[5, if start[3] == 4 { 3 } else { 5 }]).await.unwrap();
    };
    let network = network(proxy("socks5://proxy:3128"), play);
    let error = network.proxy_error("ws://server/").await;
    assert!(matches!(error, ProxyError::Socks(SocksReply::ConnectionRefused)), "{error:?}");
    assert_eq!(network.dialed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_the_proxy_is_not_tried_again_with_another_address() {
    let lines: [(Bytes, Bytes); 2] = [(&[5, 1, 0], &[5, 0]), (&[5, 1, 0, 4], &[5, 2])];
    let network = network(proxy("socks5://proxy:3128"), script(lines));
    let error = network.proxy_error("ws://server/").await;
    assert!(matches!(error, ProxyError::Socks(SocksReply::NotAllowed)), "{error:?}");
    assert_eq!(network.dialed(), [PROXY]);
}

#[tokio::test(start_paused = true)]
async fn exceptions_are_connected_to_directly() {
    let proxies = Proxies::all(proxy("http://proxy:3128")).except("server:8080");
    let network = network(proxies, serve);
    echo(&network.connector, "ws://server:8080/").await;
    assert_eq!(network.dialed(), ["[2001:db8::1]:8080"]);
}

#[tokio::test(start_paused = true)]
async fn the_environments_mistake_is_told_and_nothing_is_dialed() {
    let proxies = Proxies::from_variables(|name| (name == "ws_proxy").then(|| "socks4://p".into()));
    let network = network(proxies, serve);
    let error = network.error("ws://server/").await;
    assert!(matches!(error, Error::Proxy(ProxyError::Variable("ws_proxy", _))), "{error:?}");
    assert_eq!(error.step(), Some(OpeningStep::Proxy));
    assert_eq!(network.dialed(), [""; 0]);
}

/// What comes right after the head is the server's.
#[tokio::test(start_paused = true)]
async fn bytes_after_the_proxys_answer_are_the_servers() {
    let answers: Bytes =
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    let network = network(proxy("http://proxy"), silent(vec![(REQUEST, answers)]));
    let error = network.error("ws://server/").await;
    assert!(matches!(&error, Error::Status(response) if response.status() == 503), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(error.step(), Some(OpeningStep::Handshake));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_the_proxys_and_not_the_servers() {
    let answer: Bytes = b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\n\r\n";
    let network = network(proxy("http://proxy"), move |mut stream: DuplexStream| async move {
        talk(&mut stream, &[(REQUEST, answer)]).await;
    });
    let error = network.error("ws://server/").await;
    assert_eq!(error.step(), Some(OpeningStep::Proxy));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
    assert!(error.is_transient() && !error.is_timeout());
    let Error::Proxy(error) = error else { panic!("{error:?}") };
    assert_eq!(error.step(), Some(ProxyStep::HttpConnect));
    assert_eq!(error.response().unwrap().status(), 503);
}

/// The proxy's name and address are told apart from the server's.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_not_there() {
    let missing = network(proxy("http://nowhere"), serve);
    let error = missing.proxy_error("ws://server/").await;
    assert!(matches!(&error, ProxyError::NoSuchHost(host) if &**host == "nowhere"), "{error:?}");
    assert_eq!(error.step(), Some(ProxyStep::Resolve));

    let closed = network(proxy("http://closed:3128"), serve);
    let error = closed.proxy_error("ws://server/").await;
    assert!(matches!(&error, ProxyError::Connect(error) if error.is_refused()), "{error:?}");
    assert_eq!(error.step(), Some(ProxyStep::Connect));
    assert_eq!(closed.dialed(), ["10.0.0.99:3128"]);

    let hangs_up = network(proxy("http://proxy"), |stream: DuplexStream| async { drop(stream) });
    let error = hangs_up.proxy_error("ws://server/").await;
    assert!(matches!(error, ProxyError::Closed(ProxyStep::HttpConnect)), "{error:?}");
}

#[cfg(not(feature = "rustls-tls"))]
#[tokio::test(start_paused = true)]
async fn an_https_proxy_needs_tls() {
    let network = network(proxy("https://proxy"), serve);
    assert!(matches!(network.error("ws://server/").await, Error::NeedsTls));
    assert_eq!(network.dialed(), [""; 0]);
}

/// Each step, with a deadline of its own and with that of all steps.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_slow_at_each_step() {
    let half: Bytes = b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 2";
    let socks = "socks5h://ann:secret@proxy";
    let (offer, login): (Bytes, Bytes) = (&[5, 2, 0, 2], b"\x01\x03ann\x06secret");
    let (chosen, taken): (Bytes, Bytes) = (&[5, 2], &[1, 0]);
    let rows: [(&str, Lines, ProxyStep); 10] = [
        ("http://slow", vec![], ProxyStep::Resolve),
        ("http://far", vec![], ProxyStep::Connect),
        ("http://proxy", vec![], ProxyStep::HttpConnect),
        ("http://proxy", vec![(REQUEST, half)], ProxyStep::HttpConnect),
        (socks, vec![], ProxyStep::SocksMethod),
        (socks, vec![(offer, &[5])], ProxyStep::SocksMethod),
        (socks, vec![(offer, chosen)], ProxyStep::SocksLogin),
        (socks, vec![(offer, chosen), (login, &[1])], ProxyStep::SocksLogin),
        (socks, vec![(offer, chosen), (login, taken)], ProxyStep::SocksConnect),
        (
            socks,
            vec![(offer, chosen), (login, taken), (&[5], &[5, 0, 0, 1, 10])],
            ProxyStep::SocksConnect,
        ),
    ];
    for (at, (text, lines, step)) in rows.into_iter().enumerate() {
        let network = network(proxy(text), silent(lines));
        for (own, all, expected) in [(None, 10, 10), (Some(3), 10, 3), (Some(10), 3, 3)] {
            let own = own.map(Duration::from_secs);
            let mut timeouts = ConnectTimeouts::default();
            (timeouts.resolve, timeouts.connect, timeouts.proxy) = (own, own, own);
            let connector =
                network.connector.clone().timeouts(timeouts).timeout(Duration::from_secs(all));
            let began = Instant::now();
            let error = connector.connect("ws://server/").await.map(drop).unwrap_err();
            assert_eq!(began.elapsed().as_secs(), expected, "{at}");
            assert!(error.is_timeout() && error.is_transient(), "{at}: {error:?}");
            assert_eq!(error.step(), Some(OpeningStep::Proxy));
            let Error::Proxy(error) = error else { panic!("{at}: {error:?}") };
            assert_eq!(error.step(), Some(step), "{at}: {error:?}");
        }
    }
}

/// A byte now and then does not renew the deadline.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_drips() {
    let network = network(proxy("http://proxy"), |mut stream: DuplexStream| async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if stream.write_all(b"H").await.is_err() {
                return;
            }
        }
    });
    let began = Instant::now();
    let error = network.proxy_error("ws://server/").await;
    assert!(matches!(error, ProxyError::Timeout(ProxyStep::HttpConnect)), "{error:?}");
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

/// The status of a refusal counts although its body does not come.
#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_does_not_come_to_its_end() {
    let answer: Bytes =
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 9\r\n\r\nhalf";
    let network = network(proxy("http://proxy"), silent(vec![(REQUEST, answer)]));
    let began = Instant::now();
    let error = network.proxy_error("ws://server/").await;
    let ProxyError::AuthenticationRequired(response) = error else { panic!("{error:?}") };
    assert_eq!((began.elapsed(), &response.body()[..]), (Duration::from_secs(10), &b"half"[..]));
}

/// The tunnel through one is the stream to the next.
#[tokio::test(start_paused = true)]
async fn a_chain_of_proxies() {
    let second: (Bytes, Bytes) =
        (b"CONNECT second:1080 HTTP/1.1\r\nHost: second:1080\r\n\r\n", OPEN);
    let methods: (Bytes, Bytes) = (&[5, 1, 0], &[5, 0]);
    let request: (Bytes, Bytes) = (b"\x05\x01\0\x03\x06server\0\x50", SOCKS_OPEN);
    let (stream, other_end) = tokio::io::duplex(1 << 16);
    tokio::spawn(script([second, methods, request])(other_end));
    let (stream, early) = tunnel(stream, &proxy("http://first"), "second", 1080).await.unwrap();
    assert_eq!(early, b"");
    let (stream, _) = tunnel(stream, &proxy("socks5h://second"), "server", 80).await.unwrap();
    let (mut ws, _) = Connector::new().connect_through(stream, "ws://server/").await.unwrap();
    ws.send("through").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("through"));
}
