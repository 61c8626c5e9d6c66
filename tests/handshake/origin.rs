//! §10.2: whose pages may connect.

use bowstring::handshake::Origins;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};

fn allows(origins: &Origins, host: &str, sent: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    for origin in sent {
        headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
    }
    origins.allow(&headers, false)
}

#[test]
fn s31_the_same_host_and_nobody_else() {
    let origins = Origins::same_host();
    assert_eq!(origins, Origins::default());
    for (host, origin) in [
        ("good.com", "http://good.com"),
        ("good.com", "https://good.com"),
        ("good.com", "HTTPS://Good.Com"),
        ("Good.com:443", "https://good.com"),
        ("good.com", "http://good.com:80"),
        ("good.com:8080", "http://good.com:8080"),
        ("[::1]:9001", "http://[::1]:9001"),
        ("127.0.0.1:9001", "http://127.0.0.1:9001"),
    ] {
        assert!(allows(&origins, host, &[origin]), "{host} {origin}");
    }
    for origin in [
        "null",
        "",
        "http://evil.com",
        "http://good.com.evil.com",
        "http://evilgood.com",
        "http://good.com:8080",
        "http://good.com@evil.com",
        "http://good.com/",
        "http://good.com/evil.com",
        "http://good.com#",
        "good.com",
        "//good.com",
        "http:good.com",
        "http://good.com ",
        "http://good.com, http://evil.com",
        "http://good.com http://evil.com",
        "http://.good.com",
        "http://good.com.",
        "http://127.0.0.1",
        "https://good.com:80",
        "ftp://good.com",
        "capacitor://good.com",
        "http://good.com:",
        "http://good.com:99999",
        "http://good.com:+80",
        "http://good.com:080",
    ] {
        assert!(!allows(&origins, "good.com", &[origin]), "{origin}");
    }
    assert!(!allows(&origins, "good.com", &["http://good.com", "http://good.com"]));
    assert!(allows(&origins, "good.com", &[]), "no browser");
    // What came over TLS was not asked for by a page that anybody on the way could have written.
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("good.com"));
    for (origin, allowed) in [("https://good.com", true), ("http://good.com", false)] {
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        assert_eq!(origins.allow(&headers, true), allowed, "{origin}");
    }
}

#[test]
fn s31_lists_match_exactly() {
    let origins = Origins::list(["https://good.com", "http://dev.local:3000"]).unwrap();
    for origin in ["https://good.com", "https://good.com:443", "http://DEV.local:3000"] {
        assert!(allows(&origins, "elsewhere", &[origin]), "{origin}");
    }
    for origin in [
        "http://good.com",
        "https://good.com:8443",
        "https://www.good.com",
        "https://good.com.evil",
        "http://dev.local",
        "http://elsewhere",
        "null",
    ] {
        assert!(!allows(&origins, "elsewhere", &[origin]), "{origin}");
    }
    assert!(allows(&Origins::list(["null"]).unwrap(), "h", &["null"]));
    assert!(!allows(&Origins::list::<&str>([]).unwrap(), "h", &["http://h"]));
    for wrong in [
        "",
        "*",
        "https://*.good.com",
        "good.com",
        "https://good.com/",
        "https://a@b",
        "https://",
        "https://[::1",
        "https://[]",
        "://good.com",
        "h_p://good.com",
        // Ports that no browser writes would never match.
        "https://good.com:",
        "https://good.com:+443",
        "https://good.com:0443",
        "https://good.com:0",
        "https://good.com:65536",
        "https://good.com:4 3",
    ] {
        let error = Origins::list([wrong]).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{wrong:?} is no origin")), "{error}");
    }
    let any = Origins::any();
    assert!(allows(&any, "h", &["http://evil.com"]) && allows(&any, "h", &["null", "x"]));
}
