//! S30: redirects are followed only where that is harmless.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use bowstring::handshake::{ClientRequest, RedirectError, Uri, UriError};
use bowstring::net::OpeningStep;
use bowstring::{Connector, Error};
use bowstring_testing::io::wait::in_time;

use crate::network::{Host, Network};

fn request(uri: &str) -> ClientRequest {
    ClientRequest::new(uri.parse().unwrap())
        .protocol("chat")
        .header("Authorization", "Bearer secret")
        .header("Cookie", "id=7")
        .header("Proxy-Authorization", "Basic secret")
        .header("X-Trace", "42")
}

async fn redirected(connector: &Connector, uri: &str) -> RedirectError {
    let error = in_time(connector.connect(uri)).await.map(drop).unwrap_err();
    assert_eq!(error.step(), Some(OpeningStep::Handshake));
    assert!(!error.is_transient());
    match error {
        Error::Redirect(error, response) => {
            assert!(response.status().is_redirection());
            error
        }
        error => panic!("{error:?}"),
    }
}

/// `one` redirects so; `two` and `three` are servers.
fn two(status: u16, location: &str) -> Network {
    Network::new(
        &[("one", &["10.0.0.1"]), ("two", &["10.0.0.2"])],
        &[("10.0.0.1", Host::redirects(status, location)), ("10.0.0.2", Host::Accepts)],
    )
}

#[tokio::test(start_paused = true)]
async fn s30_by_default_a_redirect_is_a_status() {
    let network = two(302, "ws://two/");
    let error = in_time(network.connector().connect("ws://one/")).await.map(drop).unwrap_err();
    let Error::Status(response) = error else { panic!("{error:?}") };
    assert_eq!(response.headers()["location"], "ws://two/");
    assert_eq!(network.addresses(), ["10.0.0.1:80"]);
}

#[tokio::test(start_paused = true)]
async fn s30_redirects_that_are_asked_for_are_followed() {
    for status in [301, 302, 303, 307, 308] {
        for location in ["ws://two:81/there?x=y", "http://two:81/there?x=y", "//two:81/there?x=y"] {
            let network = two(status, location);
            let connector = network.connector().redirects(1);
            let (mut ws, response) = in_time(connector.connect("ws://one/")).await.unwrap();
            ws.send("hello").await.unwrap();
            assert_eq!(network.addresses(), ["10.0.0.1:80", "10.0.0.2:81"]);
            let uri: &Uri = response.extensions().get().unwrap();
            assert_eq!(uri.to_string(), "ws://two:81/there?x=y");
        }
    }
    // These are not redirects, or not to be followed.
    for status in [300, 304, 305, 306, 310, 200, 404] {
        let network = two(status, "ws://two/");
        let opening = in_time(network.connector().redirects(5).connect("ws://one/")).await;
        assert!(matches!(opening.map(drop), Err(Error::Status(_))), "{status}");
        assert_eq!(network.addresses(), ["10.0.0.1:80"]);
    }
}

/// A network in which `h0` redirects to `h1`, and so on; the last one accepts.
fn chain(redirects: u8, host: impl Fn(String) -> Host) -> Network {
    let names: Vec<_> = (0..=redirects).map(|n| (format!("h{n}"), format!("10.0.0.{n}"))).collect();
    let hosts: Vec<_> = (0..=redirects)
        .map(|n| match n == redirects {
            true => Host::Accepts,
            false => host(format!("ws://h{}/", n + 1)),
        })
        .collect();
    let addresses: Vec<[&str; 1]> = names.iter().map(|(_, ip)| [&**ip]).collect();
    let lines: Vec<_> =
        names.iter().zip(&addresses).map(|((name, _), ip)| (&**name, &ip[..])).collect();
    let hosts: Vec<_> = names.iter().zip(hosts).map(|((_, ip), host)| (&**ip, host)).collect();
    Network::new(&lines, &hosts)
}

#[tokio::test(start_paused = true)]
async fn s30_at_most_five_redirects() {
    let network = chain(5, |to| Host::redirects(307, &to));
    in_time(network.connector().redirects(5).connect("ws://h0/")).await.unwrap();
    assert_eq!(network.addresses().len(), 6);
    for (allowed, most) in [(5, 5), (99, 5), (3, 3), (1, 1)] {
        let network = chain(6, |to| Host::redirects(307, &to));
        let error = redirected(&network.connector().redirects(allowed), "ws://h0/").await;
        assert_eq!(error, RedirectError::TooMany(most));
        assert_eq!(network.addresses().len(), most + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn s30_a_circle_is_noticed() {
    let network = two(302, "/");
    assert_eq!(
        redirected(&network.connector().redirects(5), "ws://one/").await,
        RedirectError::Loop
    );
    assert_eq!(network.addresses().len(), 1);
    let network = Network::new(
        &[("one", &["10.0.0.1"]), ("two", &["10.0.0.2"])],
        &[
            ("10.0.0.1", Host::redirects(302, "ws://two/")),
            ("10.0.0.2", Host::redirects(302, "ws://ONE:80")),
        ],
    );
    assert_eq!(
        redirected(&network.connector().redirects(5), "ws://one/").await,
        RedirectError::Loop
    );
    assert_eq!(network.addresses().len(), 2);
}

/// What the next server is told.
#[tokio::test(start_paused = true)]
async fn s30_credentials_stay_with_the_server_that_they_are_for() {
    let asks = |from: &'static str, to: &'static str| async move {
        // The second server's answer does not matter: what counts is what it was asked.
        let network = Network::new(
            &[("one", &["10.0.0.1"]), ("two", &["10.0.0.2"])],
            &[("10.0.0.1", Host::redirects(302, to)), ("10.0.0.2", Host::answers(""))],
        );
        let connector = network.connector().redirects(1);
        in_time(connector.connect(&request(from))).await.map(drop).unwrap_err();
        let asked = network.asked();
        assert_eq!(asked.len(), 2);
        asked[1].clone()
    };
    for (to, kept) in [
        ("/there", true),
        ("ws://one/there", true),
        ("http://one:80/there", true),
        ("ws://ONE/there", true),
        ("ws://one:81/there", false),
        ("ws://two/there", false),
        ("http://two/there", false),
        ("//two/there", false),
    ] {
        let asked = asks("ws://one/here", to).await;
        assert!(asked.starts_with("GET /there HTTP/1.1\r\n"), "{asked}");
        for field in ["\r\nAuthorization: ", "\r\nCookie: ", "\r\nProxy-Authorization: "] {
            assert_eq!(asked.contains(field), kept, "{to}: {asked}");
        }
        assert!(!asked.contains("secret") || kept);
        assert!(asked.contains("\r\nX-Trace: 42\r\n"), "{to}: {asked}");
        assert!(asked.contains("\r\nSec-WebSocket-Protocol: chat\r\n"), "{to}: {asked}");
        let host = if to.contains("two") {
            "two"
        } else if to.contains("81") {
            "one:81"
        } else {
            "one"
        };
        assert!(asked.contains(&format!("\r\nHost: {host}\r\n")), "{to}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn s30_what_is_no_address_is_not_followed() {
    for (location, expected) in [
        ("ws://user:hunter2@two/", UriError::Userinfo),
        ("ftp://two/", UriError::Scheme),
        ("file:///etc/passwd", UriError::Scheme),
        ("javascript:alert(1)", UriError::Scheme),
    ] {
        let network = two(302, location);
        let error = redirected(&network.connector().redirects(5), "ws://one/").await;
        assert_eq!(error, RedirectError::Uri(expected), "{location}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(network.addresses().len(), 1);
    }
    let network = two(302, "ws://two/#fragment");
    let error = redirected(&network.connector().redirects(5), "ws://one/").await;
    assert!(matches!(error, RedirectError::Uri(UriError::Fragment(_))), "{error:?}");
    for head in ["302 Found\r\nX: y", "302 Found\r\nLocation: ws://two/\r\nLocation: ws://two/"] {
        let network = Network::of(Host::answers(&format!("HTTP/1.1 {head}\r\n\r\n")));
        let error = redirected(&network.connector().redirects(5), "ws://server/").await;
        assert_eq!(error, RedirectError::Location);
    }
}

/// The future may be dropped at any poll: what it had opened is closed.
#[tokio::test(start_paused = true)]
async fn who_gives_up_at_any_poll_leaves_nothing_open() {
    for polls in 0.. {
        let late = |host| Host::Late(Duration::from_millis(300), Box::new(host));
        let network = Network::new(
            &[("one", &["10.0.0.1", "10.0.0.2"]), ("two", &["10.0.0.3"])],
            &[
                ("10.0.0.1", late(Host::redirects(302, "ws://two/"))),
                ("10.0.0.2", Host::redirects(302, "ws://two/")),
                ("10.0.0.3", late(Host::Accepts)),
            ],
        );
        let connector = network.connector().redirects(1);
        let mut opening = Box::pin(connector.connect("ws://one/"));
        let mut left = polls;
        let opened = std::future::poll_fn(|cx| match left {
            0 => Poll::Ready(None),
            _ => {
                left -= 1;
                opening.as_mut().poll(cx).map(Some)
            }
        })
        .await;
        drop(opening);
        let done = opened.is_some();
        drop(opened.transpose().unwrap());
        in_time(network.all_closed()).await;
        if done {
            assert!(polls >= 4, "{polls}");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_hops_share_one_deadline() {
    let slow =
        |to: String| Host::Waits(Duration::from_secs(4), Box::new(Host::redirects(307, &to)));
    let network = chain(5, slow);
    let opening = in_time(network.connector().redirects(5).connect("ws://h0/")).await;
    let error = opening.map(drop).unwrap_err();
    assert!(matches!(error, Error::HandshakeTimeout(OpeningStep::Handshake)), "{error:?}");
    assert!((network.now() - 10.0).abs() < 0.01);
    assert_eq!(network.addresses().len(), 3);
}
