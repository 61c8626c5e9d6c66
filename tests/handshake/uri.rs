//! §3: URIs.

use bowstring::handshake::*;

#[test]
fn section_3_uris() {
    for (uri, host, port, secure, resource, host_header) in [
        ("ws://h", "h", 80, false, "/", "h"),
        ("WSS://H.Example/", "h.example", 443, true, "/", "h.example"),
        ("ws://h:80/a", "h", 80, false, "/a", "h"),
        ("ws://h:443/a", "h", 443, false, "/a", "h:443"),
        ("wss://h:80", "h", 80, true, "/", "h:80"),
        ("ws://h:/", "h", 80, false, "/", "h"),
        ("ws://h:65535?q", "h", 65535, false, "/?q", "h:65535"),
        ("ws://h/?", "h", 80, false, "/", "h"),
        ("ws://h/a%20b;c=d/@:!$&'()*+,?x?/y", "h", 80, false, "/a%20b;c=d/@:!$&'()*+,?x?/y", "h"),
        ("ws://127.0.0.1:9001/", "127.0.0.1", 9001, false, "/", "127.0.0.1:9001"),
        ("ws://[::1]:9001/", "::1", 9001, false, "/", "[::1]:9001"),
        ("wss://[2001:DB8::1]", "2001:db8::1", 443, true, "/", "[2001:db8::1]"),
        ("ws://[::]", "::", 80, false, "/", "[::]"),
        ("ws://[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", 80, false, "/", "[1:2:3:4:5:6:7:8]"),
        ("ws://[::ffff:1.2.3.4]", "::ffff:1.2.3.4", 80, false, "/", "[::ffff:1.2.3.4]"),
        ("ws://[::10.0.0.0]", "::10.0.0.0", 80, false, "/", "[::10.0.0.0]"),
        (
            "ws://[1:2:3:4:5:6:1.2.3.4]",
            "1:2:3:4:5:6:1.2.3.4",
            80,
            false,
            "/",
            "[1:2:3:4:5:6:1.2.3.4]",
        ),
    ] {
        let parsed = Uri::strict(uri).unwrap();
        assert_eq!(parsed.host(), host, "{uri}");
        assert_eq!(parsed.port(), port, "{uri}");
        assert_eq!(parsed.secure(), secure, "{uri}");
        assert_eq!(parsed.resource(), resource, "{uri}");
        assert_eq!(parsed.host_header(), host_header, "{uri}");
        assert_eq!(Uri::strict(&parsed.to_string()).as_ref(), Ok(&parsed), "{uri}");
        // With the feature `url` an address may get another form.
        if !cfg!(feature = "url") {
            assert_eq!(Uri::try_from(uri), Ok(parsed), "{uri}");
        }
    }
}

#[test]
fn section_3_uris_that_are_none() {
    use UriError::*;
    for (uri, error) in [
        ("", Scheme),
        ("h/path", Scheme),
        ("://h", Scheme),
        ("ftp://h", Scheme),
        ("wsx://h", Scheme),
        ("http://h", HttpScheme),
        ("HTTPS://h", HttpScheme),
        ("ws:h", NoAuthority),
        ("ws:/h", NoAuthority),
        ("ws://", Host(5)),
        ("ws:///path", Host(5)),
        ("ws://:80/", Host(5)),
        ("ws://h_%41", Host(7)),
        ("ws://h\\x", Host(6)),
        ("ws://::1/", Host(5)),
        ("ws://[::1", Host(5)),
        ("ws://[]", Host(6)),
        ("ws://[h]", Host(6)),
        ("ws://[:]", Host(6)),
        ("ws://[:::]", Host(6)),
        ("ws://[1::2::3]", Host(6)),
        ("ws://[12345::]", Host(6)),
        ("ws://[1:2:3:4:5:6:7]", Host(6)),
        ("ws://[1:2:3:4:5:6:7::8]", Host(6)),
        ("ws://[1.2.3.4::]", Host(6)),
        ("ws://[::1.2.3]", Host(6)),
        ("ws://[::1.2.3.04]", Host(6)),
        ("ws://[::1.2.3.256]", Host(6)),
        ("ws://[::1.2.3.+4]", Host(6)),
        ("ws://[fe80::1%25eth0]", Host(6)),
        ("ws://[v1.x]", Host(6)),
        ("ws://[::1]x", Host(10)),
        ("ws://h:0", Port(7)),
        ("ws://h:65536", Port(7)),
        ("ws://h:+80", Port(7)),
        ("ws://h:80:80", Port(7)),
        ("ws://h:8a", Port(7)),
        ("ws://h/#", Fragment(7)),
        ("ws://h#f", Fragment(6)),
        ("ws://h/?a#f", Fragment(9)),
        ("ws://u@h", Userinfo),
        ("ws://u:secret@h", Userinfo),
        ("ws://h/a b", Byte(8)),
        (" ws://h", Byte(0)),
        ("ws://h/\u{e9}", Byte(7)),
        ("ws://h/\0", Byte(7)),
        ("ws://h/a\r\nX: y", Byte(8)),
        ("ws://h/\u{7f}", Byte(7)),
        ("ws://h/%", Byte(7)),
        ("ws://h/a%2", Byte(8)),
        ("ws://h/?%zz", Byte(8)),
        ("ws://h/%az", Byte(7)),
        ("ws://h/?{", Byte(8)),
        ("ws://h/[", Byte(7)),
    ] {
        assert_eq!(Uri::strict(uri), Err(error), "{uri:?}");
        // With the feature `url` this is read as browsers do: see tests/url.
        if !cfg!(feature = "url") {
            assert_eq!(uri.parse::<Uri>(), Err(error), "{uri:?}");
            assert_eq!(uri.into_client_request().err(), Some(BuildError::Uri(error)), "{uri:?}");
        }
        let shown = error.to_string();
        assert!(shown.contains(error.section()) && shown.contains('§'), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
