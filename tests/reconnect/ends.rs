//! Which ends are worth another attempt, and which are the end.

use std::io;

use bowstring::handshake::ClientRequest;
use bowstring::net::{
    AttemptError, Disconnect, OpeningStep, ReconnectError, ReconnectState, ReconnectingWebSocket,
    Retry,
};
use bowstring::proto::{Expired, Violation};
use bowstring::{CloseFrame, Config, Error, Message};
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

use crate::network::*;

/// What becomes of a client.
#[derive(Debug, PartialEq)]
enum Fate {
    Back,
    /// It ends well.
    End,
    /// It ends with an error.
    Failed,
}

fn fate(result: Result<Option<Message>, ReconnectError>) -> Fate {
    match result {
        Ok(Some(_)) => Fate::Back,
        Ok(None) => Fate::End,
        Err(ReconnectError::Permanent(_)) => Fate::Failed,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn after_close_codes() {
    for (code, expected) in [
        (1000, Fate::End),
        (1001, Fate::Back),
        (1002, Fate::Failed),
        (1003, Fate::Failed),
        (1007, Fate::Failed),
        (1008, Fate::Failed),
        (1009, Fate::Failed),
        (1010, Fate::Failed),
        (1011, Fate::Back),
        (1012, Fate::Back),
        (1013, Fate::Back),
        (1014, Fate::Back),
        (3000, Fate::Failed),
        (4000, Fate::Failed),
    ] {
        let (mut client, mut network) = Network::open();
        let serving = async {
            let mut server = network.server().await;
            server.close(code, "why").await.unwrap();
            network.server().await.send("back").await.unwrap();
        };
        let result = beside(client.recv(), serving).await;
        if let Err(error) = &result {
            let why = error.disconnect().unwrap();
            assert!(error.to_string().contains(&format!("{code}: why")), "{error}");
            assert_eq!(why.close_code(), Some(code.into()));
        }
        assert_eq!(fate(result), expected, "{code}");
        if expected != Fate::Back {
            assert_eq!(client.recv().await.unwrap(), None, "it is told once");
            assert!(matches!(client.state(), ReconnectState::Ended { cause: Some(_) }));
            assert!(matches!(client.send("more").await, Err(ReconnectError::Ended)));
        }
    }
}

/// Without a code, §7.1.5 says 1005: the peer had nothing to complain about.
#[tokio::test(start_paused = true)]
async fn after_a_close_frame_without_a_code() {
    let (mut client, mut network) = Network::open();
    let serving = async {
        let mut server = network.server().await;
        server.send(Message::Close(None)).await.unwrap();
        while server.recv().await.unwrap().is_some() {}
    };
    assert_eq!(fate(beside(client.recv(), serving).await), Fate::End);
}

#[tokio::test(start_paused = true)]
async fn after_connections_that_fail() {
    // A cut, a close code that must not be sent, a frame that is not legal.
    for (bytes, expected) in [
        (&b""[..], Fate::Back),
        (b"\x88\x02\x03\xEE", Fate::Back),
        (b"\xC1\x00", Fate::Failed),
        (b"\x81\x01\xFF", Fate::Failed),
    ] {
        let (mut client, mut network) = Network::open();
        let serving = async {
            let mut stream = network.server().await.into_inner().stream;
            stream.write_all(bytes).await.unwrap();
            drop(stream);
            network.server().await.send("back").await.unwrap();
        };
        assert_eq!(fate(beside(client.recv(), serving).await), expected, "{bytes:?}");
    }
}

/// A peer that has gone without a word is found by the keep-alive: after 20 s a ping, 20 s for its answer.
#[tokio::test(start_paused = true)]
async fn after_the_peer_has_gone_without_a_word() {
    let (mut client, mut network) = Network::open();
    let serving = async {
        let _dead = network.server().await;
        network.server().await.send("back").await.unwrap();
    };
    let back = async { client.recv().await.unwrap() };
    assert_eq!(beside(back, serving).await, Some(text("back")));
    assert_eq!(network.attempted(), [0, 41_000]);
    // Deadlines of the application's own.
    let mut config = Config::default();
    config.timeouts.keep_alive = Some(secs(3));
    config.timeouts.pong = secs(2);
    let (mut client, mut network) = Network::with_room(1 << 10, &config, |_| Answer::Accept);
    connected(&mut client).await;
    let _dead = network.server().await;
    let (_, why) = disconnected(&mut client).await;
    let expired = matches!(*why, Disconnect::Failed(Error::Timeout(Expired::Pong)));
    assert!(expired, "{why}");
}

/// A peer that takes nothing is found while the client sends.
#[tokio::test(start_paused = true)]
async fn after_the_peer_has_stopped_reading() {
    let (mut client, mut network) =
        Network::with_room(1 << 10, &Config::default(), |_| Answer::Accept);
    let serving = async {
        let _dead = network.server().await;
        let mut server = network.server().await;
        assert_eq!(received(&mut server).await, "second");
        server.send("got it").await.unwrap();
    };
    let sending = async {
        client.send("a".repeat(100 << 10)).await.unwrap();
        let (mut doubtful, mut why) = (Vec::new(), None);
        loop {
            match client.event().await.unwrap().unwrap() {
                bowstring::net::ReconnectEvent::Message(message) => break (message, doubtful, why),
                bowstring::net::ReconnectEvent::Disconnected { in_doubt, cause, .. } => {
                    doubtful = in_doubt;
                    why = Some(cause);
                    client.send("second").await.unwrap();
                }
                _ => {}
            }
        }
    };
    let (message, doubtful, why) = beside(sending, serving).await;
    assert_eq!(message, text("got it"));
    assert_eq!(doubtful.len(), 1);
    let why = why.unwrap();
    assert!(matches!(*why, Disconnect::Failed(Error::Timeout(Expired::Write))), "{why}");
}

fn status(status: u16) -> Error {
    let response = http::Response::builder().status(status);
    Error::Status(Box::new(response.body(Bytes::new()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn after_attempts_that_fail() {
    let io = |kind: io::ErrorKind| Error::Io(kind.into());
    for (error, expected) in [
        (Error::Lost.into(), Fate::Back),
        (Error::HandshakeTimeout(OpeningStep::Handshake).into(), Fate::Back),
        (io(io::ErrorKind::ConnectionRefused).into(), Fate::Back),
        (io(io::ErrorKind::NetworkUnreachable).into(), Fate::Back),
        (status(408).into(), Fate::Back),
        (status(429).into(), Fate::Back),
        (status(500).into(), Fate::Back),
        (status(502).into(), Fate::Back),
        (status(503).into(), Fate::Back),
        (status(504).into(), Fate::Back),
        (status(301).into(), Fate::Failed),
        (status(400).into(), Fate::Failed),
        (status(401).into(), Fate::Failed),
        (status(403).into(), Fate::Failed),
        (status(404).into(), Fate::Failed),
        (status(426).into(), Fate::Failed),
        (Error::NoSuchHost("nowhere.example".into()).into(), Fate::Failed),
        (Error::NeedsTls.into(), Fate::Failed),
        (Error::Violation(Violation::MaskedFrame).into(), Fate::Failed),
        (Error::Closed(CloseFrame { code: 1008.into(), reason: "".into() }).into(), Fate::Failed),
        (AttemptError::transient("the token server is away"), Fate::Back),
        (AttemptError::permanent("the password is wrong"), Fate::Failed),
    ] {
        let said = error.to_string();
        let mut error = Some(error);
        let (mut client, mut network) = Network::new(move |_| match error.take() {
            Some(error) => Answer::Fail(error),
            None => Answer::Accept,
        });
        let serving = async { network.server().await.send("back").await.unwrap() };
        let result = beside(client.recv(), serving).await;
        if let Err(error) = &result {
            assert_eq!(error.to_string(), said);
        }
        assert_eq!(fate(result), expected, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_application_may_decide_otherwise() {
    for (code, retry, expected) in [
        (1000, Retry::BackOff, Fate::Back),
        (4000, Retry::BackOff, Fate::Back),
        (1001, Retry::Never, Fate::Failed),
        (1000, Retry::Never, Fate::End),
    ] {
        let (client, mut network) = Network::open();
        let mut client = client.policy(move |_, _| retry);
        let serving = async {
            network.server().await.close(code, "").await.unwrap();
            network.server().await.send("back").await.unwrap();
        };
        assert_eq!(fate(beside(client.recv(), serving).await), expected, "{code}");
    }
}

/// What was received before the end is received first, whatever happens meanwhile.
#[tokio::test(start_paused = true)]
async fn nothing_that_was_said_before_the_end_is_lost() {
    let (mut client, mut network) = Network::open();
    connected(&mut client).await;
    let mut server = network.server().await;
    for number in 0..100 {
        server.feed(format!("{number}")).await.unwrap();
    }
    let close = Message::Close(Some(CloseFrame::new(1001, "").unwrap()));
    server.send(close).await.unwrap();
    drop(server);
    // Sending finds that the connection is gone.
    for _ in 0..5 {
        client.send("anybody there?").await.unwrap();
    }
    for number in 0..100 {
        let message = in_time(client.recv()).await.unwrap();
        assert_eq!(message, Some(text(&number.to_string())));
    }
    let (_, why) = disconnected(&mut client).await;
    assert_eq!(why.close_code(), Some(1001.into()));
}

/// Over a real network: nobody listens, which may change; and what can never be an address.
#[tokio::test]
async fn where_nobody_listens_and_what_is_no_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut client = ReconnectingWebSocket::new(format!("ws://{address}/")).unwrap();
    let (_, why) = disconnected(&mut client).await;
    let refused = matches!(*why, Disconnect::Attempt(AttemptError::Connection(_)));
    assert!(refused && why.is_transient(), "{why:?}");
    for address in ["", "ftp://localhost/", "ws://", "nowhere"] {
        assert!(ReconnectingWebSocket::new(address).is_err(), "{address}");
    }
    let request = ClientRequest::new("ws://localhost/".parse().unwrap()).header("a b", "");
    assert!(matches!(ReconnectingWebSocket::new(request), Err(Error::Build(_))));
}
