//! §10.2: whose pages may connect.

use bowstring::handshake::Origins;
use http::Request;

/// A request for this target with this `Host` and these origins.
fn asked(target: &str, host: &str, sent: &[&str]) -> Request<()> {
    let request = Request::get(target).header("Host", host);
    let request = sent.iter().fold(request, |request, origin| request.header("Origin", *origin));
    request.body(()).unwrap()
}

fn allows(origins: &Origins, host: &str, sent: &[&str]) -> bool {
    origins.allow(&asked("/", host, sent), false)
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
        "http://good.com//",
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
    for (origin, allowed) in [
        ("https://good.com", true),
        ("wss://good.com", true),
        ("http://good.com", false),
        ("ws://good.com", false),
    ] {
        let asked = asked("/", "good.com", &[origin]);
        assert_eq!(origins.allow(&asked, true), allowed, "{origin}");
    }
}

/// Native clients write the scheme that they connect with, or a slash at the end.
#[test]
fn the_same_host_is_the_same_whatever_the_client_calls_its_scheme() {
    let origins = Origins::same_host();
    for (host, origin) in [
        ("good.com", "ws://good.com"),
        ("good.com", "wss://good.com"),
        ("good.com:443", "wss://good.com"),
        ("good.com", "ws://good.com:80"),
        ("good.com:8080", "ws://good.com:8080"),
        ("good.com", "http://good.com/"),
        ("good.com", "wss://good.com/"),
    ] {
        assert!(allows(&origins, host, &[origin]), "{host} {origin}");
    }
    for origin in ["ws://evil.com", "wss://good.com.evil.com", "ws://good.com:8080", "file://"] {
        assert!(!allows(&origins, "good.com", &[origin]), "{origin}");
    }
}

/// RFC 9112 §3.2.2: what an absolute target names counts, and `Host` does not.
#[test]
fn the_host_of_an_absolute_target_counts() {
    let origins = Origins::same_host();
    for (target, host, origin, allowed) in [
        ("http://good.com/chat", "evil.com", "http://good.com", true),
        ("http://good.com/chat", "evil.com", "http://evil.com", false),
        ("http://good.com:8080/chat", "good.com", "http://good.com:8080", true),
        ("http://good.com:8080/chat", "good.com", "http://good.com", false),
        ("http://Good.com:80/chat", "other", "http://good.com", true),
        ("/chat", "good.com", "http://good.com", true),
    ] {
        let asked = asked(target, host, &[origin]);
        assert_eq!(origins.allow(&asked, false), allowed, "{target} {host} {origin}");
    }
}

/// Whatever a client sends can be let in: apps in a web view, and native clients with words of their own.
#[test]
fn whatever_a_client_can_send_can_be_listed() {
    for (listed, sent) in [
        ("file://", "file://"),
        ("content://", "content://"),
        ("qrc://", "QRC://"),
        ("http://h/", "http://h"),
        ("http://h", "http://h/"),
        ("device.local:8080", "device.local:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("ws://h", "ws://h"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
    ] {
        let origins = Origins::list([listed]).unwrap();
        assert!(allows(&origins, "elsewhere", &[sent]), "{listed} {sent}");
        assert!(!allows(&origins, "elsewhere", &["http://elsewhere"]), "{listed}");
    }
    for text in ["MyApp/1.0", "https://good.com/path", "good.com", "*", "", "qrc:///main.qml"] {
        let origins = Origins::same_host().or_exactly(text);
        assert!(allows(&origins, "good.org", &[text]), "{text}");
        assert!(allows(&origins, "good.org", &["http://good.org"]), "{text}");
        assert!(!allows(&origins, "good.org", &["http://evil.com"]), "{text}");
        assert!(!allows(&origins, "good.org", &[text, text]), "{text} twice");
    }
    let exact = Origins::list(["https://good.com"]).unwrap().or_exactly("MyApp/1.0");
    assert!(!allows(&exact, "h", &["myapp/1.0"]), "byte for byte");
    assert!(allows(&exact, "h", &["https://good.com"]));
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
        "https://good.com//",
        "https://good.com/a",
        "https://a@b",
        "https://",
        "https:///",
        "wss://",
        "file:///",
        "good.com:",
        "good.com:080",
        "a b:80",
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
