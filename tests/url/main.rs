//! §3 with the feature `url`: addresses as people write them, read as the URL standard of the WHATWG says.

use bowstring::handshake::*;
use bowstring::url::Url;

/// What is read: the text, the whole of it in its one form, and the field `Host`.
const READ: &[(&str, &str, &str)] = &[
    ("ws://h", "ws://h/", "h"),
    ("WSS://H.Example:443/", "wss://h.example/", "h.example"),
    ("  wss://h/a  ", "wss://h/a", "h"),
    // What the standard leaves as it is in a query and in a path.
    ("ws://h/?filter[id]=3", "ws://h/?filter[id]=3", "h"),
    ("ws://h/a|b?c|d", "ws://h/a|b?c|d", "h"),
    ("ws://h/?a=%zz&b=%", "ws://h/?a=%zz&b=%", "h"),
    ("ws://h/?q={a}", "ws://h/?q={a}", "h"),
    ("ws://h/?", "ws://h/", "h"),
    // What it escapes.
    ("ws://h/a b?c d", "ws://h/a%20b?c%20d", "h"),
    ("ws://h/{a}?\"<>'", "ws://h/%7Ba%7D?%22%3C%3E%27", "h"),
    ("ws://h/caf\u{e9}?q=\u{4f60}\u{597d}", "ws://h/caf%C3%A9?q=%E4%BD%A0%E5%A5%BD", "h"),
    ("ws://h/\0\u{7f}", "ws://h/%00%7F", "h"),
    // What it leaves out: it never gets into a request line.
    ("ws://h/a\r\nX: y", "ws://h/aX:%20y", "h"),
    ("ws://h/a/../b/./c", "ws://h/b/c", "h"),
    ("ws:\\\\h\\a", "ws://h/a", "h"),
    ("ws:h", "ws://h/", "h"),
    // `new WebSocket` takes these as well.
    ("http://h/a", "ws://h/a", "h"),
    ("HTTPS://h:443/a", "wss://h/a", "h"),
    ("https://h:80/a", "wss://h:80/a", "h:80"),
    // Names outside ASCII (IDNA), and escaped ones.
    ("wss://b\u{fc}cher.example/", "wss://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    (
        "wss://\u{65e5}\u{672c}\u{8a9e}.jp:8443",
        "wss://xn--wgv71a119e.jp:8443/",
        "xn--wgv71a119e.jp:8443",
    ),
    ("ws://B\u{dc}CHER.example", "ws://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    ("ws://h%41.example/", "ws://ha.example/", "ha.example"),
    ("ws://my_host/", "ws://my_host/", "my_host"),
    // Addresses in any form.
    ("ws://0x7f.1/", "ws://127.0.0.1/", "127.0.0.1"),
    ("ws://2130706433/", "ws://127.0.0.1/", "127.0.0.1"),
    ("ws://[0:0::1]:9001/", "ws://[::1]:9001/", "[::1]:9001"),
    ("ws://[::ffff:1.2.3.4]/", "ws://[::ffff:102:304]/", "[::ffff:102:304]"),
    // Zones (RFC 6874): the field `Host` does not have them.
    ("ws://[fe80::1%25eth0]/", "ws://[fe80::1%25eth0]/", "[fe80::1]"),
    ("ws://[FE80::1%eth0]:9001/a", "ws://[fe80::1%25eth0]:9001/a", "[fe80::1]:9001"),
    ("ws://[fe80::1%2]", "ws://[fe80::1%252]/", "[fe80::1]"),
    ("ws://[fe80::1%25]", "ws://[fe80::1%2525]/", "[fe80::1]"),
    ("ws://[fe80::1%25en%2D0]", "ws://[fe80::1%25en-0]/", "[fe80::1]"),
];

/// What the standard leaves as it is in an address is no fault of a redirect that begins there.
#[test]
fn a_redirect_is_relative_to_an_address_as_people_write_it() {
    let from = "ws://[fe80::1%eth0]:81/a|b/c?d={e}";
    for (location, to) in [
        ("f", "ws://[fe80::1%25eth0]:81/a|b/f"),
        ("?f", "ws://[fe80::1%25eth0]:81/a|b/c?f"),
        ("", "ws://[fe80::1%25eth0]:81/a|b/c?d={e}"),
        ("/f?", "ws://[fe80::1%25eth0]:81/f"),
    ] {
        let request = ClientRequest::new(from.parse().unwrap());
        let answer = http::Response::builder().status(302).header("Location", location);
        let next = follow_redirect(&request, &answer.body(()).unwrap()).unwrap();
        assert_eq!(next.uri().to_string(), to, "{location}");
    }
}

#[test]
fn section_3_addresses_as_people_write_them() {
    for &(text, whole, host) in READ {
        let uri: Uri = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(uri.to_string(), whole, "{text:?}");
        assert_eq!(uri.host_header(), host, "{text:?}");
        assert_eq!(whole.parse().as_ref(), Ok(&uri), "{text:?}: read again");
        // Whatever was read, a request can be written with it, and our server takes it.
        let request = text.into_client_request().unwrap();
        assert_eq!(request.uri(), &uri, "{text:?}");
        let bytes = request.write([7; 16]).unwrap();
        let seen = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
        assert_eq!(seen.headers()["host"], host, "{text:?}");
        assert_eq!(seen.uri().to_string(), uri.resource(), "{text:?}");
        check_request(&seen).unwrap();
    }
    let zone = |text: &str| text.parse::<Uri>().unwrap().zone().map(str::to_owned);
    assert_eq!(zone("ws://[fe80::1%25eth0]/").as_deref(), Some("eth0"));
    assert_eq!(zone("ws://[fe80::1%2]/").as_deref(), Some("2"));
    assert_eq!(zone("ws://[fe80::1]/"), None);
    assert_eq!("ws://[fe80::1%25eth0]/".parse::<Uri>().unwrap().host(), "fe80::1");
}

#[test]
fn section_3_what_is_no_address() {
    use UriError::*;
    for (text, error) in [
        ("", Scheme),
        ("/chat", Scheme),
        ("h/path", Scheme),
        ("ftp://h", Scheme),
        ("localhost:9001/", Scheme),
        ("ws://", Host(5)),
        ("ws:///", Host(6)),
        ("ws://:80/", Host(5)),
        ("ws://a b/", Host(5)),
        ("ws://u@a b/", Host(7)),
        ("ws://a^b/", Host(5)),
        ("ws://a\"b/", Host(5)),
        ("ws://1.2.3.256/", Host(5)),
        ("ws://[::1", Host(5)),
        ("ws://[::g]/", Host(5)),
        ("ws://xn--a/", Host(5)),
        ("ws://h:65536/", Port(7)),
        ("ws://h:8a/", Port(7)),
        ("ws://h:0/", Port(7)),
        ("ws://u:p@h:x/", Port(11)),
        ("ws://h/#", Fragment(7)),
        ("ws://h/?a#b", Fragment(9)),
        ("ws://[fe80::1%]/", Zone(13)),
        ("ws://[fe80::1%25a/b]/", Host(5)),
        ("ws://[fe80::1%a b]/", Zone(13)),
        ("ws://[fe80::1%25%00]/", Zone(13)),
        ("ws://[fe80::1%25%ff]/", Zone(13)),
        ("ws://[h%eth0]/", Host(5)),
    ] {
        assert_eq!(text.into_client_request().err(), Some(BuildError::Uri(error)), "{text:?}");
        let shown = error.to_string();
        assert!(shown.contains(error.section()), "{shown}");
    }
}

#[test]
fn who_asks_becomes_a_field() {
    for (text, field) in [
        ("ws://user:pass@h/", "Basic dXNlcjpwYXNz"),
        ("ws://user@h/", "Basic dXNlcjo="),
        ("ws://:pass@h/", "Basic OnBhc3M="),
        // `a@b` and `c:d/%`, escaped and not.
        ("ws://a%40b:c%3Ad%2F%25@h/", "Basic YUBiOmM6ZC8l"),
        ("ws://a@b:c:d%2F%@h/", "Basic YUBiOmM6ZC8l"),
        ("ws://\u{e9}:\u{e9}@h/", "Basic w6k6w6k="),
    ] {
        let request = text.into_client_request().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(request.headers()["authorization"], field, "{text}");
        assert_eq!(request.uri().to_string(), "ws://h/");
        assert!(!format!("{request:?}").contains(field), "it is not shown");
        // A `Uri` has no place for it, and does not drop it silently.
        assert_eq!(text.parse::<Uri>(), Err(UriError::Userinfo), "{text}");
    }
    for plain in ["ws://@h/", "ws://:@h/", "ws://h/u:p@x"] {
        let request = plain.into_client_request().unwrap();
        assert!(request.headers().is_empty(), "{plain}");
    }
    // A colon would begin the password.
    let request = "ws://a%3Ab:c@h/".into_client_request().unwrap();
    assert_eq!(request.write([7; 16]), Err(BuildError::UserName { at: 1 }));
}

#[test]
fn urls_and_requests_of_other_crates() {
    let url = Url::parse("wss://user:pass@b\u{fc}cher.example/a b?c[]=d").unwrap();
    let whole = "wss://xn--bcher-kva.example/a%20b?c[]=d";
    for request in [(&url).into_client_request(), url.into_client_request()] {
        let request = request.unwrap();
        assert_eq!(request.uri().to_string(), whole);
        assert_eq!(request.headers()["authorization"], "Basic dXNlcjpwYXNz");
    }
    let uri: http::Uri = "wss://user:pass@h/c[]|d".parse().unwrap();
    let request = http::Request::get(uri).body(()).unwrap().into_client_request().unwrap();
    assert_eq!(request.uri().to_string(), "wss://h/c[]|d");
    assert_eq!(request.headers()["authorization"], "Basic dXNlcjpwYXNz");
    // What was given expressly wins.
    let uri = "wss://user:pass@h/";
    let request = http::Request::get(uri).header("Authorization", "Bearer x").body(()).unwrap();
    let request = request.into_client_request().unwrap();
    let all: Vec<_> = request.headers().get_all("authorization").iter().collect();
    assert_eq!(all, ["Bearer x"]);
}

proptest::proptest! {
    /// Whatever the text, nothing panics, and what is read can stand in a request line and in `Host`.
    #[test]
    fn s29_any_text_is_read_safely(text in r#"(ws|wss|http|WS|x)?(://|:|:\\)?([a-z\u{e9}:@%\[\]/?#.0-9\r\n\\\u{3000} \x00]|%25|\PC){0,24}"#) {
        if let Ok(request) = text.as_str().into_client_request() {
            let uri = request.uri();
            assert!(uri.resource().starts_with('/') && uri.resource().bytes().all(|b| b.is_ascii_graphic()));
            assert_eq!(uri.to_string().parse().as_ref(), Ok(uri));
            match request.write([7; 16]) {
                Ok(bytes) => {
                    let seen = parse_request_head(&bytes, &HeadLimits::default()).unwrap();
                    check_request(&seen).unwrap();
                }
                Err(error) => assert!(matches!(error, BuildError::UserName { .. }), "{error}"),
            }
        }
    }
}

/// Only this machine knows its interfaces, so the zone goes to its resolver.
#[cfg(feature = "tokio")]
#[tokio::test]
async fn the_zone_of_an_address_is_the_resolvers_to_find() {
    let error = bowstring::connect("ws://[fe80::1%25no-such-if]:9/").await.unwrap_err();
    assert!(
        matches!(&error, bowstring::Error::NoSuchHost(host) if **host == *"fe80::1%no-such-if"),
        "{error:?}"
    );
}
