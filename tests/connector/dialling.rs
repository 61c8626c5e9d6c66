//! The first of several addresses that answers counts (RFC 8305).

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowstring::net::{ConnectTimeouts, OpeningStep, Proxy};
use bowstring::{Connector, Error};
use bowstring_testing::io::wait::in_time;

use crate::network::{Host, Network};

const V6: [&str; 3] = ["2001:db8::1", "2001:db8::2", "2001:db8::3"];
const V4: [&str; 2] = ["10.0.0.1", "10.0.0.2"];

fn all(six: Host, four: Host) -> Network {
    let hosts =
        V6.iter().map(|ip| (*ip, six.clone())).chain(V4.iter().map(|ip| (*ip, four.clone())));
    let hosts: Vec<_> = hosts.collect();
    Network::new(&[("server", &[V6[0], V6[1], V6[2], V4[0], V4[1]])], &hosts)
}

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

async fn open(connector: &Connector) -> Result<(), Error> {
    let (mut ws, _) = in_time(connector.connect("ws://server/")).await?;
    ws.send("hello").await?;
    assert_eq!(in_time(ws.recv()).await?.unwrap().as_bytes(), b"hello");
    Ok(())
}

fn attempts(error: &Error) -> Vec<(String, ErrorKind)> {
    let Error::Connect(tried) = error else { panic!("{error:?}") };
    tried.attempts().iter().map(|one| (one.address.to_string(), one.error.kind())).collect()
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_is_the_only_one_that_is_dialled() {
    let network = all(Host::Accepts, Host::Accepts);
    open(&network.connector()).await.unwrap();
    assert_eq!(network.dialled(), [(0.0, "[2001:db8::1]:80".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_black_holed_first_address_costs_250_ms() {
    let network = all(Host::Silent, Host::Accepts);
    open(&network.connector()).await.unwrap();
    let dialled = network.dialled();
    assert_eq!(dialled[0], (0.0, "[2001:db8::1]:80".to_owned()));
    assert_eq!(dialled[1].1, "10.0.0.1:80");
    assert!((0.25..0.26).contains(&dialled[1].0), "{dialled:?}");
    assert_eq!(dialled.len(), 2);
    assert!(network.now() < 0.3);
}

#[tokio::test(start_paused = true)]
async fn families_take_turns_until_the_deadline() {
    let network = all(Host::Silent, Host::Silent);
    let error = open(&network.connector()).await.unwrap_err();
    let order =
        ["[2001:db8::1]:80", "10.0.0.1:80", "[2001:db8::2]:80", "10.0.0.2:80", "[2001:db8::3]:80"];
    assert_eq!(network.addresses(), order);
    for (n, (time, _)) in network.dialled().into_iter().enumerate() {
        assert!((time - n as f64 * 0.25).abs() < 0.01, "{n}: {time}");
    }
    assert!((network.now() - 10.0).abs() < 0.01, "{}", network.now());
    let expected = order.map(|address| (address.to_owned(), ErrorKind::TimedOut));
    assert_eq!(attempts(&error), expected);
    assert_eq!(error.step(), Some(OpeningStep::Connect));
    assert!(error.is_timeout() && error.is_transient() && !error.is_disconnect());
    assert!(
        error.to_string().starts_with("connecting to the host took too long: [2001:db8::1]:80: ")
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_address_costs_nothing() {
    let network = all(Host::Fails(ErrorKind::ConnectionRefused), Host::Accepts);
    open(&network.connector()).await.unwrap();
    assert_eq!(network.addresses(), ["[2001:db8::1]:80", "10.0.0.1:80"]);
    assert_eq!(network.now(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_everywhere_names_every_address() {
    let refused = Host::Fails(ErrorKind::ConnectionRefused);
    let network = all(refused.clone(), refused);
    let error = open(&network.connector()).await.unwrap_err();
    assert_eq!(attempts(&error).len(), 5);
    assert!(attempts(&error).iter().all(|(_, kind)| *kind == ErrorKind::ConnectionRefused));
    let Error::Connect(tried) = &error else { unreachable!() };
    assert!(tried.is_refused() && !tried.is_unreachable() && !tried.is_timeout());
    assert_eq!(error.step(), Some(OpeningStep::Connect));
    assert!(error.is_transient() && !error.is_timeout());
    assert!(std::error::Error::source(&error).unwrap().is::<std::io::Error>());
    assert_eq!(network.now(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_unreachable_is_told_from_what_is_refused() {
    for kind in [ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable, ErrorKind::NetworkDown]
    {
        let network = all(Host::Fails(ErrorKind::NetworkUnreachable), Host::Fails(kind));
        let error = open(&network.connector()).await.unwrap_err();
        let Error::Connect(tried) = &error else { panic!("{error:?}") };
        assert!(tried.is_unreachable() && !tried.is_refused());
    }
    // Of both kinds, it is neither.
    let network =
        all(Host::Fails(ErrorKind::HostUnreachable), Host::Fails(ErrorKind::ConnectionRefused));
    let error = open(&network.connector()).await.unwrap_err();
    let Error::Connect(tried) = &error else { panic!("{error:?}") };
    assert!(!tried.is_unreachable() && !tried.is_refused());
}

/// An attempt goes on while later ones run, and may still be the first to answer.
#[tokio::test(start_paused = true)]
async fn the_first_answer_counts_whichever_attempt_it_is_of() {
    for (first, second, winner) in [(300, 100, 0), (300, 20, 1), (249, 1, 0)] {
        let hosts = [
            ("2001:db8::1", Host::Late(ms(first), Box::new(Host::Accepts))),
            ("10.0.0.1", Host::Late(ms(second), Box::new(Host::Accepts))),
        ];
        let network = Network::new(&[("server", &["2001:db8::1", "10.0.0.1"])], &hosts);
        open(&network.connector()).await.unwrap();
        let expected = [first, 250 + second][winner] as f64 / 1000.0;
        assert!((network.now() - expected).abs() < 0.01, "{first} {second}: {}", network.now());
        assert_eq!(network.dialled().len(), if first < 250 { 1 } else { 2 });
    }
}

/// After a failure the next attempt begins at once, and the delay counts anew.
#[tokio::test(start_paused = true)]
async fn a_late_failure_begins_the_next_attempt() {
    let late = Host::Late(ms(100), Box::new(Host::Fails(ErrorKind::ConnectionRefused)));
    let hosts = [("10.0.0.1", late), ("10.0.0.2", Host::Silent), ("10.0.0.3", Host::Accepts)];
    let network = Network::new(&[("server", &["10.0.0.1", "10.0.0.2", "10.0.0.3"])], &hosts);
    open(&network.connector()).await.unwrap();
    let times: Vec<_> = network.dialled().iter().map(|(time, _)| (time * 100.0).round()).collect();
    assert_eq!(times, [0.0, 10.0, 35.0]);
}

#[tokio::test(start_paused = true)]
async fn the_delay_and_the_deadline_can_be_set() {
    let network = all(Host::Silent, Host::Silent);
    let mut timeouts = ConnectTimeouts::default();
    timeouts.connect = Some(ms(1000));
    let connector = network.connector().attempt_delay(ms(400)).timeouts(timeouts);
    let error = open(&connector).await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(attempts(&error).len(), 3);
    assert!((network.now() - 1.0).abs() < 0.01);

    // With no delay all of them begin, and with an endless one a single one does.
    for (delay, dialled) in [(Duration::ZERO, 5), (Duration::MAX, 1)] {
        let network = all(Host::Silent, Host::Silent);
        let connector = network.connector().attempt_delay(delay).timeout(ms(50));
        open(&connector).await.unwrap_err();
        assert_eq!(network.dialled().len(), dialled, "{delay:?}");
    }
    // No deadline at all is not an overflow.
    let network = all(Host::Silent, Host::Accepts);
    open(&network.connector().timeout(Duration::MAX)).await.unwrap();
}

/// Attempts that are not needed any more, or by nobody, are dropped.
#[tokio::test(start_paused = true)]
async fn no_attempt_outlives_the_call() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let running = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&running);
    let connector = Connector::new()
        .resolver(
            |_, port| async move { Ok((1..=4).map(|n| ([10, 0, 0, n], port).into()).collect()) },
        )
        .dialer(move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            let guard = Guard(Arc::clone(&counting));
            async move {
                let _guard = guard;
                std::future::pending::<std::io::Result<tokio::net::TcpStream>>().await
            }
        });
    let given_up = tokio::time::timeout(ms(600), connector.connect("ws://server/")).await;
    assert!(given_up.is_err());
    assert_eq!(running.load(Ordering::Relaxed), 0);
    connector.connect("ws://server/").await.unwrap_err();
    assert_eq!(running.load(Ordering::Relaxed), 0);
}

/// A host that is an address is not looked up.
#[tokio::test(start_paused = true)]
async fn an_address_needs_no_resolver() {
    let network = Network::new(&[], &[("10.0.0.7", Host::Accepts), ("::7", Host::Accepts)]);
    for uri in ["ws://10.0.0.7:8080/", "ws://[::7]/"] {
        in_time(network.connector().connect(uri)).await.unwrap();
    }
    assert_eq!(network.addresses(), ["10.0.0.7:8080", "[::7]:80"]);
}

/// A clone is the same, and setters make another: nobody changes the settings of others.
#[tokio::test(start_paused = true)]
async fn clones_share_and_do_not_change_each_other() {
    let network = all(Host::Silent, Host::Silent);
    let patient = network.connector();
    let hasty = patient.clone().timeout(ms(100));
    hasty.connect("ws://server/").await.unwrap_err();
    assert!(network.now() < 0.2);
    assert_eq!(patient.get_config().handshake_timeout, Duration::from_secs(10));
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    shared(&patient);
    let secret = hasty.clone().proxies("http://me:hunter2@proxy".parse::<Proxy>().unwrap());
    assert!(!format!("{secret:?}").contains("hunter2"), "{secret:?}");
    // It can be spawned.
    let done = tokio::spawn(async move { hasty.connect("ws://server/").await.map(drop) }).await;
    assert!(done.unwrap().is_err());
}
