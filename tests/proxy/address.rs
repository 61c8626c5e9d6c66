//! The addresses of proxies, as people write them.

use bowstring::net::{Proxy, ProxyProtocol, ProxyUriError};

#[test]
fn addresses_that_are_read() {
    use ProxyProtocol::{Http, Https, Socks5, Socks5h};
    for (text, protocol, host, port) in [
        ("http://proxy.example:3128", Http, "proxy.example", 3128),
        ("proxy.example:3128", Http, "proxy.example", 3128),
        ("proxy", Http, "proxy", 80),
        ("HTTP://Proxy.Example/", Http, "proxy.example", 80),
        ("https://proxy_1.example", Https, "proxy_1.example", 443),
        ("socks5://10.0.0.1", Socks5, "10.0.0.1", 1080),
        ("socks5h://proxy:9050", Socks5h, "proxy", 9050),
        ("socks://127.0.0.1:1080/", Socks5h, "127.0.0.1", 1080),
        ("http://[2001:DB8::7]:3128", Http, "2001:db8::7", 3128),
        ("[::1]", Http, "::1", 80),
        ("http://proxy:", Http, "proxy", 80),
        ("ann:secret@proxy:8080", Http, "proxy", 8080),
    ] {
        let proxy: Proxy = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let found = (proxy.protocol(), proxy.host(), proxy.port());
        assert_eq!(found, (protocol, host, port), "{text}");
        assert_eq!(proxy.to_string().parse::<Proxy>().unwrap().to_string(), proxy.to_string());
    }
}

#[test]
fn addresses_that_are_refused_and_where() {
    use ProxyUriError::*;
    for (text, error) in [
        ("", Host(0)),
        ("http://", Host(7)),
        ("ftp://proxy", Scheme),
        ("socks4://proxy", Scheme),
        ("://proxy", Scheme),
        ("http:/proxy", Path(5)),
        ("http://proxy:0", Port(13)),
        ("http://proxy:65536", Port(13)),
        ("http://proxy:+80", Port(13)),
        ("http://proxy:80:80", Port(13)),
        ("http://[::1", Host(7)),
        ("http://[::g]", Host(8)),
        ("http://[::1]80", Host(12)),
        ("http://pro%78y", Host(10)),
        ("http://a..b:c", Port(12)),
        ("http://256.0.0.1", Host(7)),
        ("http://127.1", Host(7)),
        ("http://proxy/pac", Path(12)),
        ("http://proxy?x", Path(12)),
        ("http://proxy#x", Path(12)),
        ("http://pro xy", Byte(10)),
        ("http://proxy\r\n", Byte(12)),
        ("http://a%4@proxy", Byte(8)),
        ("http://a:b%zz@proxy", Byte(10)),
        ("http://a%:b@proxy", Byte(8)),
        ("http://a:%ff@proxy", Byte(9)),
        ("http://a%3ab:c@proxy", Colon),
    ] {
        assert_eq!(text.parse::<Proxy>(), Err(error), "{text}");
    }
    let long = "x".repeat(256);
    for (text, error) in [
        (format!("socks5://{long}@proxy"), Some(TooLong)),
        (format!("socks5://a:{long}@proxy"), Some(TooLong)),
        (format!("socks5://a:{}@proxy", &long[1..]), None),
        (format!("http://a:{long}@proxy"), None),
    ] {
        assert_eq!(text.parse::<Proxy>().err(), error, "{text}");
    }
}

#[test]
fn neither_form_shows_the_password() {
    let proxy: Proxy = "http://ann:s3cret@proxy".parse().unwrap();
    let value = "Bearer s3cret".parse().unwrap();
    let proxy = proxy.header(http::header::PROXY_AUTHORIZATION, value);
    let (debug, display) = (format!("{proxy:?}"), proxy.to_string());
    assert!(!debug.contains("s3cret") && !display.contains("s3cret"), "{debug} {display}");
    assert!(debug.contains("ann") && debug.contains("http://proxy:80"), "{debug}");
    assert!(debug.contains("proxy-authorization"), "{debug}");
    let error = "http://ann:s3cret@".parse::<Proxy>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
