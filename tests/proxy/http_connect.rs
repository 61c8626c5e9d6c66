//! HTTP `CONNECT` (RFC 9110 §9.3.6).

use bowstring::handshake::HeadError;
use bowstring::net::{Proxy, ProxyError, ProxyStep};
use http::StatusCode;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};

use crate::support::*;

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

fn sent(proxy: &Proxy, host: &str) -> String {
    let outcome = ask_cut(proxy, host, OPEN, Cut::Whole);
    outcome.result.unwrap();
    String::from_utf8(outcome.sent).unwrap()
}

#[test]
fn the_request() {
    let plain: Proxy = "http://proxy".parse().unwrap();
    for (host, authority) in [
        ("example.com", "example.com:443"),
        ("10.0.0.1", "10.0.0.1:443"),
        ("2001:db8::1", "[2001:db8::1]:443"),
    ] {
        let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        assert_eq!(sent(&plain, host), head);
    }
    let credentials: Proxy = "https://Aladdin:open%20sesame@proxy".parse().unwrap();
    let basic = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    assert!(sent(&credentials, "a").contains(basic));
    // RFC 7617 §2.1: in UTF-8. No password is an empty one.
    let user: Proxy = "http://t%C3%A9st@proxy".parse().unwrap();
    assert!(sent(&user, "a").contains("Basic dMOpc3Q6\r\n"));
}

#[test]
fn fields_of_the_caller() {
    let proxy: Proxy = "http://ann:secret@proxy".parse().unwrap();
    let proxy = proxy
        .header(USER_AGENT, "probe/1".parse().unwrap())
        .header(HOST, "elsewhere".parse().unwrap())
        .header(PROXY_AUTHORIZATION, "Bearer abc".parse().unwrap());
    assert_eq!(
        sent(&proxy, "a"),
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nuser-agent: probe/1\r\n\
         proxy-authorization: Bearer abc\r\n\r\n"
    );
}

#[test]
fn hosts_that_would_make_another_request() {
    for host in ["", "a b", "a\r\nX: y", "a:80", "user@a", "a/b", "[::1]", "a?b", "a#b", "é", "\0"]
    {
        for proxy in ["http://proxy", "socks5h://proxy"] {
            let outcome = ask(proxy, host, OPEN);
            assert!(matches!(outcome.result, Err(ProxyError::Target)), "{host:?}");
            assert_eq!(outcome.sent, b"");
        }
    }
}

/// Any 2xx opens it, informational answers precede it, and no field makes a body of what follows.
#[test]
fn answers_that_open_a_tunnel_in_any_pieces() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-Agent: tinyproxy/1.11\r\n\r\n",
        "HTTP/1.1 201 \r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 Whatever\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        for rest in ["", "HTTP/1.1 407 no answer of the proxy\r\n\r\n", "\u{16}\u{3}"] {
            for cut in [Cut::Whole, Cut::Each(1), Cut::Each(7)] {
                let answer = format!("{head}{rest}");
                let outcome = ask_cut(&"proxy".parse().unwrap(), "a", answer.as_bytes(), cut);
                assert_eq!(outcome.result.unwrap(), rest.as_bytes(), "{head}");
            }
        }
    }
}

#[test]
fn a_proxy_that_closes_instead_at_every_byte() {
    for end in 0..OPEN.len() {
        let outcome = ask("http://proxy", "a", &OPEN[..end]);
        let closed = matches!(outcome.result, Err(ProxyError::Closed(ProxyStep::HttpConnect)));
        assert!(closed, "{end}: {:?}", outcome.result);
    }
}

#[test]
fn a_wrong_password_is_told_apart_with_its_challenge() {
    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
        Proxy-Authenticate: Basic realm=\"the office\"\r\nContent-Length: 5\r\n\r\nsorry and more";
    for cut in [Cut::Whole, Cut::Each(1)] {
        let outcome = ask_cut(&"http://a:b@proxy".parse().unwrap(), "a", answer, cut);
        let error = outcome.result.unwrap_err();
        assert!(!error.is_transient());
        let ProxyError::AuthenticationRequired(response) = error else { panic!("{error:?}") };
        assert_eq!(response.headers()["proxy-authenticate"], "Basic realm=\"the office\"");
        assert_eq!(response.body(), "sorry");
    }
}

#[test]
fn other_statuses_keep_what_came_with_them() {
    for (answer, status, body, retry_after, is_transient) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "no", None, false),
        (
            "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbusy\r\n0\r\n\r\n",
            503,
            "busy",
            Some(120),
            true,
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\nRetry-After: soon\r\n\r\nno such host",
            502,
            "no such host",
            None,
            true,
        ),
        ("HTTP/1.1 429 Slow down\r\nRetry-After: 0\r\n\r\n", 429, "", Some(0), true),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login/\r\nContent-Length: 0\r\n\r\n",
            302,
            "",
            None,
            false,
        ),
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, "", None, false),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, "", None, false),
        ("HTTP/1.1 999 What\r\n\r\n", 999, "", None, false),
    ] {
        let error = ask("http://proxy", "a", answer.as_bytes()).result.unwrap_err();
        assert_eq!(error.is_transient(), is_transient, "{status}");
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), retry_after, "{status}");
        let ProxyError::Status(response) = error else { panic!("{status}: {error:?}") };
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        assert_eq!(response.body(), body, "{status}");
    }
}

#[test]
fn the_body_of_a_refusal_is_bounded() {
    let answer = [b"HTTP/1.1 403 No\r\n\r\n", &vec![b'x'; 1 << 20][..]].concat();
    let error = ask("http://proxy", "a", &answer).result.unwrap_err();
    assert_eq!(error.response().unwrap().body().len(), 16 << 10);
}

#[test]
fn heads_are_bounded_all_of_them_together() {
    let limit = 8 << 10;
    // A head of exactly so many bytes.
    let head = |status: &str, len: usize| {
        let start = format!("HTTP/1.1 {status}\r\nX: ");
        format!("{start}{}\r\n\r\n", "x".repeat(len - start.len() - 4))
    };
    let is_too_large = |answer: String| {
        let result = ask("http://proxy", "a", answer.as_bytes()).result;
        assert!(
            matches!(result, Ok(_) | Err(ProxyError::Head(HeadError::TooLarge(8192)))),
            "{result:?}"
        );
        result.is_err()
    };
    assert!(!is_too_large(head("200 OK", limit)));
    assert!(is_too_large(head("200 OK", limit + 1)));
    assert!(!is_too_large(head("100 Go on", 4096) + &head("200 OK", 4096)));
    assert!(is_too_large(head("100 Go on", 4096) + &head("200 OK", 4097)));
    assert!(is_too_large("HTTP/1.1 100 \r\n\r\n".repeat(1000)));
}

#[test]
fn answers_that_are_no_http() {
    for (answer, expected) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", HeadError::Malformed("status line")),
        ("HTTP/2.0 200 OK\r\n\r\n", HeadError::Version),
        ("HTTP/1.1 200 OK\n\n", HeadError::BareLf(15)),
        ("HTTP/1.1 20 OK\r\n\r\n", HeadError::Malformed("start line")),
        ("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", HeadError::Folded(17)),
        ("\u{5}\0\r\n\r\n", HeadError::Nul(1)),
    ] {
        match ask("http://proxy", "a", answer.as_bytes()).result {
            Err(ProxyError::Head(error)) => assert_eq!(error, expected, "{answer:?}"),
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}
