//! SOCKS5: RFC 1928, and RFC 1929 for passwords.

use bowstring::net::{Proxy, ProxyError, ProxyStep, SocksReply};

use crate::support::*;

/// The answer after the method: success, from 10.1.2.3:1080.
const OPEN: [u8; 10] = [5, 0, 0, 1, 10, 1, 2, 3, 4, 56];

fn with_method(answer: &[u8]) -> Vec<u8> {
    [&[5, 0], answer].concat()
}

#[test]
fn the_request_without_a_password() {
    for (host, address) in [
        ("a.example", &b"\x03\x09a.example"[..]),
        ("10.0.0.1", &[1, 10, 0, 0, 1]),
        ("::1", &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        let outcome = ask("socks5h://proxy", host, &with_method(&OPEN));
        assert_eq!(outcome.result.unwrap(), b"");
        let port = 443_u16.to_be_bytes();
        assert_eq!(outcome.sent, [&[5, 1, 0, 5, 1, 0], address, &port].concat(), "{host}");
    }
}

#[test]
fn both_methods_are_offered_if_there_is_a_password() {
    let request = [5, 1, 0, 3, 1, b'a', 1, 0xbb];
    let proxy = "socks5h://ann:s%C3%A9cret@proxy";
    let mut expected = vec![5, 2, 0, 2];
    // The proxy does not ask for it: it is not sent.
    let outcome = ask(proxy, "a", &with_method(&OPEN));
    assert_eq!(outcome.sent, [&expected[..], &request].concat());
    outcome.result.unwrap();
    // It does; some answer with the version of SOCKS.
    expected.extend([&[1, 3][..], b"ann", &[7], "sécret".as_bytes()].concat());
    for version in [1, 5] {
        let outcome = ask(proxy, "a", &[&[5, 2, version, 0], &OPEN[..]].concat());
        outcome.result.unwrap();
        assert_eq!(outcome.sent, [&expected[..], &request].concat());
    }
}

#[test]
fn the_proxys_own_address_is_passed_over_and_no_byte_of_the_server() {
    let name = [&[5, 0, 0, 3, 4][..], b"self", &[4, 56]].concat();
    let no_name = [5, 0, 0, 3, 0, 4, 56];
    let long_name = [&[5, 0, 0, 3, 255][..], &[b'x'; 255], &[4, 56]].concat();
    let ipv6 = [&[5, 0, 0, 4][..], &[7; 16], &[4, 56]].concat();
    for answer in [&OPEN[..], &name, &no_name, &long_name, &ipv6] {
        for rest in [&b""[..], b"first of the server"] {
            for cut in [Cut::Whole, Cut::Each(1)] {
                let proxy: Proxy = "socks5h://proxy".parse().unwrap();
                let bytes = [&with_method(answer), rest].concat();
                let outcome = ask_cut(&proxy, "a", &bytes, cut);
                assert_eq!(outcome.result.unwrap(), rest, "{answer:?}");
            }
        }
    }
}

#[test]
fn an_answer_that_ends_at_any_byte_says_at_which_step() {
    let name = [&[5, 0, 0, 3, 4][..], b"self", &[4, 56]].concat();
    for answer in [&OPEN[..], &name] {
        let whole = [&[5, 2, 1, 0], answer].concat();
        for end in 0..whole.len() {
            let step = match end {
                0..2 => ProxyStep::SocksMethod,
                2..4 => ProxyStep::SocksLogin,
                _ => ProxyStep::SocksConnect,
            };
            match ask("socks5h://a:b@proxy", "a", &whole[..end]).result {
                Err(ProxyError::Closed(at)) => assert_eq!(at, step, "{end}"),
                other => panic!("{end}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_reply_has_its_name() {
    use SocksReply::*;
    for (byte, reply, is_transient) in [
        (1, GeneralFailure, true),
        (2, NotAllowed, false),
        (3, NetworkUnreachable, true),
        (4, HostUnreachable, true),
        (5, ConnectionRefused, true),
        (6, TtlExpired, true),
        (7, CommandNotSupported, false),
        (8, AddressTypeNotSupported, false),
        (9, Unassigned(9), false),
        (255, Unassigned(255), false),
    ] {
        // Some send no address with a refusal, and close.
        for answer in [&[5, 0, 5, byte][..], &[5, 0, 5, byte, 0, 1, 0, 0, 0, 0, 0, 0]] {
            let error = ask("socks5h://proxy", "a", answer).result.unwrap_err();
            assert_eq!(error.is_transient(), is_transient, "{byte}");
            assert!(matches!(error, ProxyError::Socks(found) if found == reply), "{error:?}");
        }
    }
}

#[test]
fn answers_that_are_no_socks5() {
    let mut seen = 0;
    for (answer, expected) in [
        // A proxy of version 4, and one that speaks HTTP.
        (&[0, 0x5b][..], "SocksVersion(SocksMethod, 0)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "SocksVersion(SocksMethod, 72)"),
        // It takes nothing that was offered; it takes what was not offered.
        (&[5, 0xff], "SocksMethod"),
        (&[5, 1], "SocksUnoffered(1)"),
        (&[5, 2], "SocksUnoffered(2)"),
        (&[5, 0x80], "SocksUnoffered(128)"),
        (&[5, 0, 4, 0], "SocksVersion(SocksConnect, 4)"),
        (&[5, 0, 5, 0, 0, 0, 0], "SocksAddressType(0)"),
        (&[5, 0, 5, 0, 0, 2, 0], "SocksAddressType(2)"),
        (&[5, 0, 5, 0, 0, 5, 0], "SocksAddressType(5)"),
    ] {
        let error = ask("socks5h://proxy", "a", answer).result.unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{answer:?}");
        assert!(!error.is_transient());
        seen += 1;
    }
    for (answer, expected) in [
        (&[5, 0xff][..], "SocksMethod"),
        (&[5, 1], "SocksUnoffered(1)"),
        (&[5, 2, 1, 1], "SocksCredentials"),
        (&[5, 2, 1, 255], "SocksCredentials"),
        (&[5, 2, 5, 1], "SocksCredentials"),
        (&[5, 2, 0, 0], "SocksVersion(SocksLogin, 0)"),
    ] {
        let error = ask("socks5h://a:b@proxy", "a", answer).result.unwrap_err();
        assert_eq!(format!("{error:?}"), expected, "{answer:?}");
        seen += 1;
    }
    assert_eq!(seen, 16);
}

#[test]
fn what_socks5_cannot_say_is_not_begun() {
    let host = "a".repeat(256);
    let outcome = ask("socks5h://proxy", &host, &with_method(&OPEN));
    assert!(matches!(outcome.result, Err(ProxyError::TooLong("server's host"))));
    assert_eq!(outcome.sent, b"");
    let outcome = ask("socks5h://proxy", &host[1..], &with_method(&OPEN));
    outcome.result.unwrap();
    assert_eq!(outcome.sent.len(), 3 + 5 + 255 + 2);
    // The longest that it can say.
    let text = format!("socks5h://{}:{}@proxy", &host[1..], &host[1..]);
    let outcome = ask(&text, "a", &[&[5, 2, 1, 0], &OPEN[..]].concat());
    outcome.result.unwrap();
    assert_eq!(outcome.sent.len(), 4 + 3 + 510 + 8);
}

/// Each operation of the transport in turn: the error has the step, and a cut is told from other failures.
#[test]
fn a_transport_that_fails_at_each_operation() {
    use std::io::ErrorKind;
    for (proxy, answer) in [
        ("socks5h://a:b@proxy", &[&[5, 2, 1, 0], &OPEN[..]].concat()[..]),
        ("http://proxy", b"HTTP/1.1 200 OK\r\n\r\n"),
    ] {
        for kind in [ErrorKind::ConnectionReset, ErrorKind::HostUnreachable] {
            let mut failures = 0;
            for n in 1.. {
                let (stream, peer) = scripted();
                peer.send(answer);
                peer.state().fail = Some((n, kind));
                match now(bowstring::net::tunnel(stream, &proxy.parse().unwrap(), "a", 1)) {
                    Ok(_) => break,
                    Err(ProxyError::Closed(_)) => assert_eq!(kind, ErrorKind::ConnectionReset),
                    Err(ProxyError::Io(_, error)) => assert_eq!(error.kind(), kind),
                    Err(other) => panic!("{other:?}"),
                }
                failures += 1;
            }
            assert!(failures >= 3, "{failures}");
        }
    }
}
