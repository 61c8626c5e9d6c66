//! Where a redirect leads (RFC 9110 §10.2.2, RFC 3986 §5), and what goes along (S30).

use super::*;

fn answer(location: &str) -> Response<()> {
    Response::builder().status(302).header("Location", location).body(()).unwrap()
}

fn follow(from: &str, location: &str) -> Result<String, RedirectError> {
    let request = ClientRequest::new(from.parse().unwrap());
    follow_redirect(&request, &answer(location)).map(|next| next.uri().to_string())
}

#[test]
fn relative_addresses_are_resolved() {
    // The examples of RFC 3986 §5.4, as far as a WebSocket's URI can have them.
    for (location, expected) in [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        ("g;x", "/b/c/g;x"),
        ("g;x?y", "/b/c/g;x?y"),
        ("", "/b/c/d;p?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("../../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        (".g", "/b/c/.g"),
        ("g..", "/b/c/g.."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("./g/.", "/b/c/g/"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/./y", "/b/c/g;x=1/y"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/./x", "/b/c/g?y/./x"),
        ("g?y/../x", "/b/c/g?y/../x"),
        ("g?a:b", "/b/c/g?a:b"),
        ("/a:b", "/a:b"),
    ] {
        let found = follow("ws://a/b/c/d;p?q", location);
        assert_eq!(found, Ok(format!("ws://a{expected}")), "{location:?}");
    }
    // An empty path, ports and addresses.
    assert_eq!(follow("wss://a:81", "g").unwrap(), "wss://a:81/g");
    assert_eq!(follow("wss://a:81/x", "//b").unwrap(), "wss://b/");
    assert_eq!(follow("ws://[::1]:81/x/y", "z").unwrap(), "ws://[::1]:81/x/z");
}

#[test]
fn schemes_are_those_of_websockets_or_of_http() {
    for (from, location, expected) in [
        ("ws://a/", "ws://b/", "ws://b/"),
        ("ws://a/", "HTTP://b/", "ws://b/"),
        ("ws://a/", "https://b/", "wss://b/"),
        ("ws://a/", "WSS://b:444/c", "wss://b:444/c"),
        ("wss://a/", "https://b/", "wss://b/"),
        ("wss://a/", "https://b:80/", "wss://b:80/"),
    ] {
        assert_eq!(follow(from, location).unwrap(), expected);
    }
    for location in ["ftp://b/", "data:x", "mailto:a@b", "file:/etc/passwd", "about:blank", ":x"] {
        let error = follow("ws://a/", location).unwrap_err();
        assert_eq!(error, RedirectError::Uri(UriError::Scheme), "{location}");
    }
    for location in ["http:b", "ws:", "https:/b"] {
        let error = follow("ws://a/", location).unwrap_err();
        assert_eq!(error, RedirectError::Uri(UriError::NoAuthority), "{location}");
    }
}

#[test]
fn s30_no_way_leads_from_wss_to_ws() {
    for location in ["ws://a/", "http://a/", "ws://b/", "HTTP://a:443/"] {
        assert_eq!(follow("wss://a/", location), Err(RedirectError::Downgrade), "{location}");
    }
}

#[test]
fn s30_what_an_address_must_not_have() {
    for (location, expected) in [
        ("ws://me@b/", UriError::Userinfo),
        ("//me:secret@b/", UriError::Userinfo),
        ("http://me@a/", UriError::Userinfo),
    ] {
        let error = follow("ws://a/", location).unwrap_err();
        assert_eq!(error, RedirectError::Uri(expected), "{location}");
    }
    for location in ["#x", "/#", "ws://b/#x", "?y#x", "g#"] {
        let error = follow("ws://a/", location).unwrap_err();
        assert!(matches!(error, RedirectError::Uri(UriError::Fragment(_))), "{location}: {error}");
    }
    for location in ["/a b", "/%zz", "//", "//:80/", "//b:0/", "//b:99999/", "/\u{e9}", "\\\\b/"] {
        let error = follow("ws://a/", location).unwrap_err();
        assert!(matches!(error, RedirectError::Uri(_)), "{location}: {error}");
        assert!(!error.section().is_empty());
    }
}

#[test]
fn s30_a_location_that_is_missing_or_not_alone() {
    let request = ClientRequest::new("ws://a/".parse().unwrap());
    let none = Response::builder().status(302).body(()).unwrap();
    let two =
        Response::builder().header("Location", "/x").header("Location", "/x").body(()).unwrap();
    let mut bytes = answer("/x");
    bytes.headers_mut().insert("location", HeaderValue::from_bytes(b"/\xff").unwrap());
    for response in [none, two, bytes] {
        let error = follow_redirect(&request, &response).map(drop).unwrap_err();
        assert_eq!(error, RedirectError::Location);
    }
}

#[test]
fn s30_credentials_go_to_the_same_origin_alone() {
    let request = || {
        ClientRequest::new("wss://a/x".parse().unwrap())
            .header("Authorization", "Basic b")
            .header("Cookie", "c")
            .header("Cookie", "d")
            .header("Proxy-Authorization", "Basic e")
            .header("Host", "virtual")
            .header("X-Trace", "f")
            .protocol("chat")
    };
    for (location, same) in [
        ("/y", true),
        ("wss://a:443/y", true),
        ("https://A/y", true),
        ("wss://a:444/y", false),
        ("wss://b/y", false),
        ("wss://a./y", false),
        ("wss://virtual/y", false),
    ] {
        let next = follow_redirect(&request(), &answer(location)).unwrap();
        assert_eq!(next.headers().len(), if same { 6 } else { 1 }, "{location}");
        assert_eq!(next.headers()["x-trace"], "f");
        assert!(next.protocols().eq(["chat"]));
    }
    // From ws to wss is another origin, too.
    let plain = ClientRequest::new("ws://a/".parse().unwrap()).header("Cookie", "c");
    let next = follow_redirect(&plain, &answer("wss://a/")).unwrap();
    assert!(next.headers().is_empty());
}

#[test]
fn which_statuses_are_redirects() {
    for status in 100..600 {
        let response = Response::builder().status(status).body(()).unwrap();
        assert_eq!(is_redirect(&response), [301, 302, 303, 307, 308].contains(&status), "{status}");
    }
}
