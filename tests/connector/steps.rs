//! Each step that fails, or takes too long, is told by its type.

use std::io;
use std::time::Duration;

use bowstring::handshake::{ClientRequest, ResponseError};
use bowstring::net::{ConnectTimeouts, OpeningStep};
use bowstring::{Connector, Error};
use bowstring_testing::io::wait::in_time;

use crate::network::{Host, Network};

async fn fails(connector: &Connector) -> Error {
    in_time(connector.connect("ws://server/")).await.map(drop).unwrap_err()
}

fn seconds(time: u64) -> Duration {
    Duration::from_secs(time)
}

#[tokio::test(start_paused = true)]
async fn it_connects_and_gives_the_answer() {
    let network = Network::of(Host::Accepts);
    let (mut ws, response) = in_time(network.connector().connect("ws://server/")).await.unwrap();
    assert_eq!(response.status(), 101);
    assert!(response.extensions().is_empty(), "nobody redirected");
    ws.send("hello").await.unwrap();
    assert_eq!(in_time(ws.recv()).await.unwrap().unwrap().as_bytes(), b"hello");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_found() {
    let network = Network::new(&[("empty", &[])], &[]);
    for host in ["nowhere", "empty"] {
        let opening = network.connector();
        let opening = in_time(opening.connect(format!("ws://{host}/"))).await;
        let error = opening.map(drop).unwrap_err();
        assert!(matches!(&error, Error::NoSuchHost(name) if **name == *host), "{error:?}");
        assert_eq!(error.step(), Some(OpeningStep::Resolve));
        assert!(!error.is_transient() && !error.is_timeout());
    }
    assert!(network.dialled().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_fails_or_does_not_answer() {
    let failing = Connector::new().resolver(|_, _| async {
        Err(io::Error::new(io::ErrorKind::HostUnreachable, "no server"))
    });
    let error = fails(&failing).await;
    let Error::Opening(OpeningStep::Resolve, source) = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), io::ErrorKind::HostUnreachable);
    assert!(error.is_transient());
    assert_eq!(error.to_string(), "looking up the host failed: no server");
    assert!(std::error::Error::source(&error).is_some());

    let silent = Connector::new().resolver(|_, _| std::future::pending());
    for (limit, expected) in [(None, 10), (Some(seconds(2)), 2), (Some(seconds(20)), 10)] {
        let start = tokio::time::Instant::now();
        let mut timeouts = ConnectTimeouts::default();
        timeouts.resolve = limit;
        let error = fails(&silent.clone().timeouts(timeouts)).await;
        assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Resolve)), "{error:?}");
        assert!(error.is_timeout() && error.is_transient());
        assert_eq!(start.elapsed().as_secs(), expected);
        assert_eq!(error.to_string(), "looking up the host took too long");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake() {
    for (limit, expected) in [(None, 10.0), (Some(seconds(3)), 3.0)] {
        // It connects, and then nothing comes.
        let network = Network::of(Host::Waits(seconds(3600), Box::new(Host::Silent)));
        let mut timeouts = ConnectTimeouts::default();
        timeouts.handshake = limit;
        let error = fails(&network.connector().timeouts(timeouts)).await;
        assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Handshake)), "{error:?}");
        assert!((network.now() - expected).abs() < 0.01);
        assert_eq!(network.asked().len(), 1);
    }
}

/// The steps share one deadline: what one has used up is not there for the next.
#[tokio::test(start_paused = true)]
async fn all_steps_share_one_deadline() {
    let slow = Host::Waits(seconds(7), Box::new(Host::answers("")));
    let network = Network::of(Host::Late(seconds(5), Box::new(slow)));
    let error = fails(&network.connector()).await;
    assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Handshake)), "{error:?}");
    assert!((network.now() - 10.0).abs() < 0.01, "{}", network.now());
}

#[tokio::test(start_paused = true)]
async fn a_cut_at_every_byte_of_the_answer() {
    let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n";
    for cut in 0..answer.len() {
        let network = Network::of(Host::answers(&answer[..cut]));
        let error = fails(&network.connector()).await;
        let Error::Opening(OpeningStep::Handshake, source) = &error else {
            panic!("{cut}: {error:?}")
        };
        assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof);
        assert!(error.is_transient());
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_have_their_fields_and_body() {
    for (head, body, transient, retry_after) in [
        ("401 Unauthorized\r\nWWW-Authenticate: Bearer", "who are you?", false, None),
        ("403 Forbidden\r\nX: y", "", false, None),
        ("404 Not Found\r\nX: y", "gone", false, None),
        ("429 Too Many Requests\r\nRetry-After: 17", "slow down", true, Some(17)),
        ("502 Bad Gateway\r\nServer: proxy", "<html>", true, None),
        ("503 Service Unavailable\r\nRetry-After: 120", "", true, Some(120)),
        ("302 Found\r\nLocation: ws://elsewhere/", "", false, None),
    ] {
        let network = Network::of(Host::answers(&format!("HTTP/1.1 {head}\r\n\r\n{body}")));
        let error = fails(&network.connector()).await;
        let Error::Status(response) = &error else { panic!("{error:?}") };
        assert_eq!(response.status().as_str(), &head[..3]);
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.body(), body);
        assert_eq!(error.step(), Some(OpeningStep::Handshake));
        assert_eq!(error.is_transient(), transient, "{head}");
        assert_eq!(error.retry_after(), retry_after.map(seconds), "{head}");
    }
    // No more than 16 KiB of the body.
    let long = format!("HTTP/1.1 500 No\r\n\r\n{}", "x".repeat(20 << 10));
    let error = fails(&Network::of(Host::answers(&long)).connector()).await;
    let Error::Status(response) = error else { panic!("{error:?}") };
    assert_eq!(response.body().len(), 16 << 10);
}

/// A TLS server that gets a request in the clear answers with an alert; others speak first.
#[tokio::test(start_paused = true)]
async fn what_speaks_no_http_is_told_by_its_answer() {
    for answer in [
        &b"\x15\x03\x01\x00\x02\x02\x46"[..],
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"220 mail ESMTP\r\n\r\n",
    ] {
        let network = Network::of(Host::Answers(answer.to_vec()));
        let error = fails(&network.connector()).await;
        match &error {
            Error::Response(ResponseError::Head(_)) => assert!(!error.is_transient()),
            // Too little came to tell what it is.
            Error::Opening(OpeningStep::Handshake, _) => assert_eq!(answer[0], 0x15),
            _ => panic!("{error:?}"),
        }
        assert_eq!(error.step(), Some(OpeningStep::Handshake));
    }
}

/// What is wrong with a request is found before anybody is asked.
#[tokio::test(start_paused = true)]
async fn what_is_not_legal_goes_nowhere() {
    let network = Network::of(Host::Accepts);
    let connector = network.connector();
    let error = connector.connect("ftp://server/").await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Uri(_)), "{error:?}");
    assert_eq!(error.step(), None);
    let request = ClientRequest::new("ws://server/".parse().unwrap()).header("Upgrade", "h2c");
    let error = connector.connect(&request).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Build(_)), "{error:?}");
    assert!(network.dialled().is_empty(), "{:?}", network.dialled());
}

/// Over a stream of the caller's nothing is looked up or dialled.
#[tokio::test(start_paused = true)]
async fn through_a_stream_that_leads_there() {
    let network = Network::new(&[], &[]);
    let (near, far) = tokio::io::duplex(1024);
    let serving = tokio::spawn(async move { bowstring::accept(far).await.map(drop) });
    let connector = network.connector();
    in_time(connector.connect_through(near, "ws://nowhere/")).await.unwrap();
    serving.await.unwrap().unwrap();

    let (near, _far) = tokio::io::duplex(1024);
    let error =
        in_time(connector.connect_through(near, "ws://nowhere/")).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Handshake)), "{error:?}");
}

/// Dropping the future closes the connection, wherever it was.
#[tokio::test(start_paused = true)]
async fn s34_who_gives_up_leaves_nothing_open() {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let slot = std::sync::Mutex::new(Some(near));
    let connector = Connector::new()
        .resolver(|_, port| async move { Ok(vec![([10, 0, 0, 1], port).into()]) })
        .dialer(move |_| {
            let stream = slot.lock().unwrap().take();
            async move { stream.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
        });
    let given_up = tokio::time::timeout(seconds(1), connector.connect("ws://server/")).await;
    assert!(given_up.is_err());
    let mut sent = Vec::new();
    in_time(tokio::io::AsyncReadExt::read_to_end(&mut far, &mut sent)).await.unwrap();
    assert!(sent.starts_with(b"GET / HTTP/1.1\r\n"), "and then the end");
}
