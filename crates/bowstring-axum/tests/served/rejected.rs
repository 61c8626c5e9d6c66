//! Requests that do not become a WebSocket: the type that a program gets, and the answer; beside axum's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bowstring_axum::WebSocketUpgrade;
use bowstring_axum::rejection::*;
use bowstring_testing::handshake::request_to;
use bowstring_testing::io::wait::soon;
use http::{Method, Request, StatusCode, Version};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::support::*;

type Ours = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The name of the variant, and what its methods say.
fn describe(rejection: &WebSocketUpgradeRejection) -> (String, StatusCode, String) {
    let name = format!("{rejection:?}");
    let name = name.split('(').next().unwrap().to_owned();
    assert_eq!(rejection.body_text(), rejection.to_string());
    (name, rejection.status(), rejection.body_text())
}

/// A server that notes each rejection.
async fn noting() -> (SocketAddr, Arc<Mutex<Vec<(String, StatusCode, String)>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let handler = async move |ws: Ours| -> Response {
        match ws {
            Ok(ws) => ws.on_upgrade(async |_| {}),
            Err(rejection) => {
                note.lock().unwrap().push(describe(&rejection));
                rejection.into_response()
            }
        }
    };
    (serve(Router::new().route("/", any(handler))).await, seen)
}

/// A server of axum's own.
async fn axums() -> SocketAddr {
    let handler = async |ws: axum::extract::ws::WebSocketUpgrade| ws.on_upgrade(async |_| {});
    serve(Router::new().route("/", any(handler))).await
}

async fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let answer = raw(address, request.as_bytes(), 9999).await;
    let answer = String::from_utf8(answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[tokio::test]
async fn requests_of_http_1_1() {
    let legal = || request_to("localhost", "Connection: close\r\n");
    let without = |line: &str| legal().replace(&format!("{line}\r\n"), "");
    let plain = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned();
    // Request, the type, the status here and in axum, a field of the answer.
    let cases = [
        (plain, "InvalidConnectionHeader", 400, 400, ""),
        (legal().replace("GET", "POST"), "MethodNotGet", 405, 405, "allow: GET"),
        (without("Connection: Upgrade"), "InvalidConnectionHeader", 400, 400, ""),
        (without("Upgrade: websocket"), "InvalidUpgradeHeader", 400, 400, ""),
        (legal().replace("websocket", "h2c"), "InvalidUpgradeHeader", 400, 400, ""),
        // §4.4: the client learns which version is known.
        (
            legal().replace("Version: 13", "Version: 8"),
            "InvalidWebSocketVersionHeader",
            426,
            400,
            "sec-websocket-version: 13",
        ),
        (
            without("Sec-WebSocket-Version: 13"),
            "InvalidWebSocketVersionHeader",
            400,
            400,
            "sec-websocket-version: 13",
        ),
        (
            without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "WebSocketKeyHeaderMissing",
            400,
            400,
            "",
        ),
        // §4.2.1 item 5, which axum does not look at.
        (legal().replace("dGhlIHNhbXBs", "short"), "WebSocketKeyHeaderMissing", 400, 101, ""),
        (legal().replace("HTTP/1.1", "HTTP/1.0"), "ConnectionNotUpgradable", 426, 426, ""),
        // What frames follow must not be a body as well.
        (
            request_to("localhost", "Connection: close\r\nContent-Length: 1\r\n") + "x",
            "InvalidRequest",
            400,
            101,
            "",
        ),
        (
            request_to("localhost", "Connection: close\r\nSec-WebSocket-Protocol: a, a\r\n"),
            "InvalidRequest",
            400,
            101,
            "",
        ),
        (
            request_to("localhost", "Connection: close\r\nSec-WebSocket-Extensions: ;\r\n"),
            "InvalidRequest",
            400,
            101,
            "",
        ),
    ];
    let (address, seen) = noting().await;
    let axums = axums().await;
    for (request, name, status, axums_status, field) in cases {
        let (got, answer) = ask(address, &request).await;
        assert_eq!(got, status, "{request}{answer}");
        assert!(answer.contains(field), "{request}{answer}");
        let (seen, said, text) = seen.lock().unwrap().pop().expect("a rejection");
        assert_eq!((&*seen, said.as_u16()), (name, status), "{request}");
        assert!(!text.is_empty() && answer.trim_end().ends_with(&text), "{answer}");
        assert_eq!(ask(axums, &request).await.0, axums_status, "axum: {request}");
    }
}

#[tokio::test]
async fn requests_of_http_2() {
    let (address, seen) = noting().await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, mut connection) = h2::client::handshake(stream).await.unwrap();
    let mut ping = connection.ping_pong().unwrap();
    tokio::spawn(connection);
    soon("settings", ping.ping(h2::Ping::opaque())).await.unwrap();
    let cases = [
        (Method::GET, None, "13", "MethodNotConnect", 405),
        (Method::CONNECT, Some("chat"), "13", "InvalidProtocolPseudoheader", 501),
        (Method::CONNECT, Some("websocket"), "8", "InvalidWebSocketVersionHeader", 400),
    ];
    for (method, protocol, version, name, status) in cases {
        let mut request = Request::builder()
            .method(&method)
            .version(Version::HTTP_2)
            .uri("http://localhost/")
            .header("sec-websocket-version", version)
            .body(())
            .unwrap();
        if let Some(protocol) = protocol {
            request.extensions_mut().insert(h2::ext::Protocol::from_static(protocol));
        }
        let mut client = client.clone().ready().await.unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let response = soon("a response", response).await.unwrap();
        let (seen, said, _) = seen.lock().unwrap().pop().expect("a rejection");
        assert_eq!((&*seen, said, response.status().as_u16()), (name, response.status(), status));
        assert!(!response.headers().contains_key("upgrade"), "RFC 9113 §8.2.2");
        assert_eq!(response.headers().contains_key("sec-websocket-version"), version == "8");
        assert_eq!(response.headers().contains_key("allow"), method == Method::GET);
    }
}

/// Programs test their routes without a server. There hyper has no connection to give away.
#[tokio::test]
async fn a_request_that_no_server_has_read() {
    let app: Router =
        Router::new().route("/", any(async |ws: WebSocketUpgrade| ws.on_upgrade(async |_| {})));
    let request = Request::builder()
        .uri("/")
        .header("host", "localhost")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", bowstring_testing::handshake::KEY)
        .header("sec-websocket-version", "13")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
}

/// `get` is the trap: all works over HTTP/1.1.
#[tokio::test]
async fn a_route_for_get_alone_refuses_http_2() {
    let handler = async |ws: WebSocketUpgrade| ws.on_upgrade(async |_| {});
    let address = serve(Router::new().route("/", axum::routing::get(handler))).await;
    let (ws, _) = h1(address, "/", &[]).await.unwrap();
    drop(ws);
    let error = h2(address, "/", &[]).await.unwrap_err();
    let bowstring::Error::Status(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), 405);
}

/// Each type has an answer of its own, for programs that make one.
#[test]
fn types_by_themselves() {
    let cases: [(WebSocketUpgradeRejection, u16); 9] = [
        (MethodNotGet::default().into(), 405),
        (MethodNotConnect::default().into(), 405),
        (InvalidConnectionHeader::default().into(), 400),
        (InvalidUpgradeHeader::default().into(), 400),
        (InvalidProtocolPseudoheader::default().into(), 501),
        (InvalidWebSocketVersionHeader::default().into(), 400),
        (WebSocketKeyHeaderMissing::default().into(), 400),
        (ConnectionNotUpgradable::default().into(), 426),
        (InvalidRequest::default().into(), 400),
    ];
    for (rejection, status) in cases {
        let (name, said, text) = describe(&rejection);
        assert!(!text.is_empty(), "{name}");
        assert_eq!((said.as_u16(), rejection.into_response().status().as_u16()), (status, status));
    }
}
