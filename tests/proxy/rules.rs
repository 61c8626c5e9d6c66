//! Which proxy for which address. `hyper-util`'s matcher is the oracle; where this crate differs from it
//! stands in a table, with the reason.

use bowstring::handshake::Uri;
use bowstring::net::{Proxies, Proxy, ProxyError, ProxyUriError};
use hyper_util::client::proxy::matcher::Matcher;

use crate::support::ask;

fn is_direct(list: &str, authority: &str) -> bool {
    let proxies = Proxies::all("proxy".parse().unwrap()).except(list);
    let plain: Uri = format!("ws://{authority}/").parse().unwrap();
    proxies.for_uri(&plain).unwrap().is_none()
}

/// It knows no `ws`, but `http`.
fn oracle_is_direct(list: &str, authority: &str) -> bool {
    let matcher = Matcher::builder().all("http://proxy").no(list).build();
    matcher.intercept(&format!("http://{authority}/").parse().unwrap()).is_none()
}

const HOSTS: [&str; 28] = [
    "example.com",
    "EXAMPLE.com",
    "www.example.com",
    "a.b.example.com",
    "notexample.com",
    "example.com.evil",
    "com",
    "localhost",
    "a.localhost",
    "10.0.0.1",
    "10.255.0.1",
    "11.0.0.1",
    "9.255.255.255",
    "192.168.1.1",
    "192.168.1.128",
    "192.168.2.1",
    "127.0.0.1",
    "127.0.0.1:8080",
    "example.com:8080",
    "example.com:80",
    "www.example.com:8080",
    "[::1]",
    "[::1]:8080",
    "[2001:db8::7]",
    "[2001:db8:ffff::7]",
    "[2001:db9::7]",
    "[fe80::1]",
    "[0:0:0:0:0:0:0:1]",
];

const LISTS: [&str; 57] = [
    "",
    " ",
    ",",
    ",,, ,",
    "*",
    "example.com",
    "EXAMPLE.COM",
    "example.com.",
    ".example.com",
    "*.example.com",
    "*example.com",
    "www.example.com",
    ".com",
    "com",
    "e.com",
    "xample.com",
    "notexample.com",
    "example.com,localhost",
    "example.com, localhost",
    " example.com ,localhost ",
    "example.com\t,\tlocalhost",
    "example.com localhost",
    "localhost,,example.com,",
    "localhost",
    ".localhost",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.1/32",
    "10.0.0.1/33",
    "10.0.0.1/",
    "10.0.0.1/-1",
    "10.0.0.0/08",
    "0.0.0.0/0",
    "192.168.1.0/25",
    "192.168.0.0/23",
    "192.168.0.0/16,10.0.0.1",
    "10.",
    "10.0.0",
    "10.*",
    "127.0.0.1",
    "127.0.0.0/8",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::1/128",
    "::/0",
    "2001:db8::/32",
    "2001:DB8::/33",
    "fe80::/10",
    "[::1]",
    "[::1]:8080",
    "[2001:db8::]/32",
    "example.com:8080",
    "example.com:80",
    "example.com:x",
    "127.0.0.1:8080",
    "http://example.com",
];

/// The lists for which this crate and the oracle differ, the hosts that are direct here alone, and why.
const DIFFERENT: [(&str, &[&str], &str); 9] = [
    (
        "*",
        &[
            "10.0.0.1",
            "10.255.0.1",
            "11.0.0.1",
            "9.255.255.255",
            "192.168.1.1",
            "192.168.1.128",
            "192.168.2.1",
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::7]",
            "[2001:db8:ffff::7]",
            "[2001:db9::7]",
            "[fe80::1]",
            "[0:0:0:0:0:0:0:1]",
        ],
        "all hosts are all, addresses too, as with curl",
    ),
    ("example.com.", EXAMPLE, "the root's dot is no part of the name, as with curl"),
    ("*.example.com", EXAMPLE, "people write it, and nobody means a star by it"),
    (
        "example.com localhost",
        &[
            "example.com",
            "EXAMPLE.com",
            "www.example.com",
            "a.b.example.com",
            "localhost",
            "a.localhost",
            "example.com:8080",
            "example.com:80",
            "www.example.com:8080",
        ],
        "spaces separate, as with curl",
    ),
    ("[::1]", &["[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]"], "as URIs write it, and curl reads it"),
    ("[::1]:8080", &["[::1]:8080"], PORT),
    ("example.com:8080", &["example.com:8080", "www.example.com:8080"], PORT),
    (
        "example.com:80",
        &["example.com", "EXAMPLE.com", "www.example.com", "a.b.example.com", "example.com:80"],
        PORT,
    ),
    ("127.0.0.1:8080", &["127.0.0.1:8080"], PORT),
];

const EXAMPLE: &[&str] = &[
    "example.com",
    "EXAMPLE.com",
    "www.example.com",
    "a.b.example.com",
    "example.com:8080",
    "example.com:80",
    "www.example.com:8080",
];

const PORT: &str = "one port alone, as Go and Python have it";

#[test]
fn exceptions_are_read_as_the_oracle_reads_them_but_for_these() {
    let mut direct = 0;
    let mut different = 0;
    for list in LISTS {
        let of_list = |(one, ..): &&(&str, &[&str], &str)| *one == list;
        let (_, here_alone, why) = DIFFERENT.iter().find(of_list).unwrap_or(&("", &[], "same"));
        for host in HOSTS {
            let (ours, theirs) = (is_direct(list, host), oracle_is_direct(list, host));
            let differs = here_alone.contains(&host);
            assert_eq!((ours, theirs), (ours, ours ^ differs), "{list:?}, {host}: {why}");
            assert!(ours || !differs, "{list:?}, {host}");
            direct += u32::from(ours);
            different += usize::from(differs);
        }
    }
    assert!(direct > 100, "{direct}");
    assert_eq!(different, DIFFERENT.iter().map(|(_, hosts, _)| hosts.len()).sum::<usize>());
}

/// The host of the address may be written in more than one way.
#[test]
fn forms_of_a_host_that_mean_the_same() {
    for (list, host, expected) in [
        ("example.com", "example.com.", true),
        ("www.example.com.", "example.com.", false),
        // It is connected to by IPv4 (RFC 4291 §2.5.5.2).
        ("10.0.0.0/8", "[::ffff:10.0.0.1]", true),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("::ffff:10.0.0.0/104", "10.9.9.9", true),
        ("::ffff:10.0.0.0/104", "11.0.0.1", false),
        ("::/0", "[::ffff:10.0.0.1]", false),
        ("..example.com", "www.example.com", true),
    ] {
        assert_eq!(is_direct(list, host), expected, "{list} {host}");
    }
}

#[test]
fn wss_has_port_443_and_ws_has_80() {
    let proxies = Proxies::all("proxy".parse().unwrap()).except("a:443, b:80");
    for (uri, is_direct) in [
        ("wss://a/", true),
        ("ws://a/", false),
        ("ws://a:443/", true),
        ("wss://b/", false),
        ("ws://b/", true),
        ("wss://b:80/", true),
    ] {
        assert_eq!(proxies.for_uri(&uri.parse().unwrap()).unwrap().is_none(), is_direct, "{uri}");
    }
}

/// `NAME=value` pairs as a function that looks one up.
fn from(variables: &str) -> Proxies {
    let pairs: Vec<_> = variables.split(' ').filter_map(|pair| pair.split_once('=')).collect();
    let value = |name: &str| {
        let found = pairs.iter().find(|(one, _)| *one == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Proxies::from_variables(value)
}

/// The host of the proxy, or `-`.
fn choice(proxies: &Proxies, uri: &str) -> String {
    let proxy = proxies.for_uri(&uri.parse().unwrap()).unwrap();
    proxy.map_or("-", |proxy| proxy.host()).to_owned()
}

#[test]
fn variables_of_the_environment() {
    for (variables, plain, secure) in [
        ("", "-", "-"),
        ("http_proxy=a", "a", "-"),
        ("HTTP_PROXY=a", "a", "-"),
        ("https_proxy=a", "-", "a"),
        ("HTTPS_PROXY=a", "-", "a"),
        ("all_proxy=a", "a", "a"),
        ("ALL_PROXY=a", "a", "a"),
        ("ws_proxy=a", "a", "-"),
        ("WS_PROXY=a", "a", "-"),
        ("wss_proxy=a", "-", "a"),
        ("WSS_PROXY=a", "-", "a"),
        // The more exact comes first.
        ("http_proxy=a https_proxy=b all_proxy=c", "a", "b"),
        ("http_proxy=a all_proxy=c", "a", "c"),
        ("https_proxy=b all_proxy=c", "c", "b"),
        ("ws_proxy=a http_proxy=b wss_proxy=c https_proxy=d", "a", "c"),
        ("WS_PROXY=a http_proxy=b WSS_PROXY=c https_proxy=d", "a", "c"),
        ("HTTP_PROXY=a all_proxy=c", "a", "c"),
        // Lower case before upper case.
        ("http_proxy=a HTTP_PROXY=b https_proxy=c HTTPS_PROXY=d", "a", "c"),
        ("all_proxy=a ALL_PROXY=b", "a", "a"),
        // Empty is not set.
        ("http_proxy= HTTP_PROXY=b https_proxy= HTTPS_PROXY=d", "b", "d"),
        ("HTTP_PROXY= http_proxy=b HTTPS_PROXY= https_proxy=d", "b", "d"),
        ("http_proxy= HTTP_PROXY= all_proxy= ALL_PROXY=b", "b", "b"),
        ("ws_proxy= http_proxy=b wss_proxy=\t https_proxy=d", "b", "d"),
        // In CGI a header field `Proxy` becomes HTTP_PROXY.
        ("REQUEST_METHOD=GET HTTP_PROXY=evil", "-", "-"),
        ("REQUEST_METHOD=GET HTTP_PROXY=evil http_proxy=b", "b", "-"),
        ("REQUEST_METHOD=GET HTTP_PROXY=evil ALL_PROXY=b", "b", "b"),
        ("REQUEST_METHOD=GET HTTP_PROXY=evil HTTPS_PROXY=b", "-", "b"),
        ("REQUEST_METHOD= HTTP_PROXY=a", "a", "-"),
        // Exceptions.
        ("all_proxy=a no_proxy=example.com", "-", "-"),
        ("all_proxy=a NO_PROXY=example.com", "-", "-"),
        ("all_proxy=a no_proxy= NO_PROXY=example.com", "-", "-"),
        ("all_proxy=a no_proxy=other NO_PROXY=example.com", "a", "a"),
        ("all_proxy=a no_proxy=*", "-", "-"),
        ("all_proxy=a no_proxy=example.com:443", "a", "-"),
        // Those of other protocols.
        ("ftp_proxy=a socks_proxy=b SOCKS_PROXY=c proxy=d Http_Proxy=e", "-", "-"),
    ] {
        let proxies = from(variables);
        assert_eq!(choice(&proxies, "ws://www.example.com/"), plain, "ws, {variables:?}");
        assert_eq!(choice(&proxies, "wss://www.example.com/"), secure, "wss, {variables:?}");
    }
}

/// The values of variables, as the oracle reads them.
#[test]
fn addresses_are_read_as_the_oracle_reads_them() {
    let mut seen = [0; 2];
    for value in [
        "proxy",
        "proxy:3128",
        "http://proxy",
        "http://proxy/",
        "HTTP://proxy:1",
        "https://proxy",
        "https://proxy:8443",
        "http://10.0.0.1:3128",
        "http://[::1]:3128",
        "http://ann:secret@proxy:3128",
        "http://ann@proxy:3128",
        "http://ann:@proxy:3128",
        "http://a%40b:c%3ad@proxy:3128",
        "http://:secret@proxy:3128",
        "ann:secret@proxy:3128",
        "socks5://proxy:1080",
        "socks5h://ann:s%20e@proxy:1080",
        "socks5h://[2001:db8::7]:9050",
        "",
        "http://",
        "ftp://proxy",
        "http://pro xy",
    ] {
        let matcher = Matcher::builder().all(value).build();
        let theirs = matcher.intercept(&"http://example.com/".parse().unwrap());
        let Ok(ours) = value.parse::<Proxy>() else {
            assert!(theirs.is_none(), "{value}");
            seen[0] += 1;
            continue;
        };
        seen[1] += 1;
        let theirs = theirs.unwrap_or_else(|| panic!("{value}: the oracle refuses it"));
        let uri = theirs.uri();
        let default = ours.to_string().rsplit_once(':').unwrap().1.parse().unwrap();
        assert!(ours.to_string().starts_with(&format!("{}://", uri.scheme_str().unwrap())));
        assert_eq!(ours.host(), uri.host().unwrap().trim_matches(['[', ']']), "{value}");
        assert_eq!(ours.port(), uri.port_u16().unwrap_or(default), "{value}");
        // What is sent for it.
        if let Some(basic) = theirs.basic_auth() {
            let sent = ask(value, "a", b"HTTP/1.1 200 OK\r\n\r\n").sent;
            let field = format!("Proxy-Authorization: {}\r\n", basic.to_str().unwrap());
            assert!(String::from_utf8(sent).unwrap().contains(&field), "{value}");
        }
        if let Some((user, password)) = theirs.raw_auth() {
            let sent = ask(value, "a", &[5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).sent;
            let login = [&[1, user.len() as u8], user.as_bytes(), &[password.len() as u8]].concat();
            assert!(sent[4..].starts_with(&[&login, password.as_bytes()].concat()), "{value}");
        }
    }
    assert_eq!(seen, [4, 18]);
}

/// What the oracle refuses or reads in another way, and this crate reads.
#[test]
fn addresses_that_differ_from_the_oracles() {
    let oracle = |value: &str| {
        let matcher = Matcher::builder().all(value).build();
        matcher.intercept(&"http://example.com/".parse().unwrap())
    };
    // Desktops write this into `all_proxy`.
    assert!(oracle("socks://127.0.0.1:1080").is_none());
    assert!("socks://127.0.0.1:1080".parse::<Proxy>().is_ok());
    // This crate has no SOCKS4, and says so. A path is a mistake: perhaps it is a script
    // that would choose a proxy.
    for value in ["socks4://proxy", "http://proxy/proxy.pac", "http://proxy:port"] {
        assert!(oracle(value).is_some() && value.parse::<Proxy>().is_err(), "{value}");
    }
}

/// It is an error for those who need it, and says which variable it is. A silent direct connection would
/// tell the network what the user meant to hide.
#[test]
fn a_malformed_value_is_an_error_for_the_addresses_that_need_it() {
    let proxies = from("HTTPS_PROXY=socks4://proxy http_proxy=a no_proxy=near");
    assert_eq!(choice(&proxies, "ws://example.com/"), "a");
    assert_eq!(choice(&proxies, "wss://near/"), "-");
    let error = proxies.for_uri(&"wss://example.com/".parse().unwrap()).unwrap_err();
    assert!(matches!(error, ProxyError::Variable("HTTPS_PROXY", ProxyUriError::Scheme)));
    assert!(error.to_string().contains("HTTPS_PROXY") && !error.is_transient(), "{error}");
    // The next variable does not take its place.
    let proxies = from("http_proxy=http://:3128 all_proxy=a");
    let error = proxies.for_uri(&"ws://example.com/".parse().unwrap()).unwrap_err();
    assert!(matches!(error, ProxyError::Variable("http_proxy", ProxyUriError::Host(7))));
}

#[test]
fn a_proxy_for_each_scheme_and_none() {
    let [a, b] = ["a", "b"].map(|text| text.parse::<Proxy>().unwrap());
    let uris = ["ws://example.com/", "wss://example.com/"];
    for (proxies, expected) in [
        (Proxies::none(), ["-", "-"]),
        (Proxies::all(a.clone()), ["a", "a"]),
        (Proxies::none().plain(a.clone()), ["a", "-"]),
        (Proxies::none().secure(a.clone()), ["-", "a"]),
        (Proxies::all(a).secure(b), ["a", "b"]),
    ] {
        assert_eq!(uris.map(|uri| choice(&proxies, uri)), expected);
    }
}
