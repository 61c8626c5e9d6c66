//! Compression between sockets: agreed on in the handshake, in every mode, with its counters.

use std::time::Duration;

use bowstring::handshake::{
    Agreed, BuildError, ClientRequest, DeflateOffer, DeflateParams, HeadLimits, HeadScanner,
    ResponseError, answer_deflate, check_request, check_response, parse_request_head,
    parse_response_head, write_accept,
};
use bowstring::net::{Deflate, Incoming, Memory, connect_over};
use bowstring::proto::Role;
use bowstring::{Config, Error, Event, WebSocket};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const NONCE: [u8; 16] = *b"the sample nonce";

fn request() -> ClientRequest {
    ClientRequest::new("ws://server.example.com/".parse().unwrap())
}

/// From the offer's bytes to the agreement, and what a server must not make of it.
#[test]
fn agreed_on_in_the_handshake() {
    let offer = DeflateOffer { server_max_window_bits: Some(12), ..DeflateOffer::default() };
    let request = request().deflate(offer);
    let limits = HeadLimits::default();
    let head = parse_request_head(&request.write(NONCE).unwrap(), &limits).unwrap();
    let upgrade = check_request(&head).unwrap();
    let (agreed, extension) =
        answer_deflate(upgrade.extensions(), &DeflateParams::default()).unwrap();
    let check = |extension: Option<&_>, request: &ClientRequest| {
        let answer = write_accept(&upgrade, None, extension, &HeaderMap::new()).unwrap();
        check_response(&parse_response_head(&answer, &limits).unwrap(), request, NONCE)
    };
    assert_eq!(check(Some(&extension), &request).unwrap().deflate, Some(agreed));
    assert_eq!(check(None, &request).unwrap().deflate, None);

    // Not offered, offered otherwise, another extension, or agreed to twice.
    let error = check(Some(&extension), &self::request()).unwrap_err();
    assert_eq!(error, ResponseError::UnofferedExtension("permessage-deflate".into()));
    let narrow = DeflateOffer { server_max_window_bits: Some(9), ..offer };
    let error = check(Some(&extension), &self::request().deflate(narrow)).unwrap_err();
    assert_eq!(error, ResponseError::Deflate("server_max_window_bits"));
    assert!(error.to_string().contains("server_max_window_bits"), "{error}");
    let answer = write_accept(&upgrade, None, Some(&extension), &HeaderMap::new()).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let once = format!("{extension}");
    let other = answer.replace(&once, "x-webkit-deflate-frame");
    let response = parse_response_head(other.as_bytes(), &limits).unwrap();
    assert_eq!(
        check_response(&response, &request, NONCE),
        Err(ResponseError::UnofferedExtension("x-webkit-deflate-frame".into()))
    );
    let twice = answer.replace(&once, &format!("{once}, {once}"));
    let response = parse_response_head(twice.as_bytes(), &limits).unwrap();
    assert!(matches!(
        check_response(&response, &request, NONCE),
        Err(ResponseError::UnofferedExtension(_))
    ));
}

/// RFC 7692 §7.1.2: an offer that nobody could keep is not written.
#[test]
fn windows_have_8_to_15_bits() {
    for bits in [0, 7, 16, 255] {
        for (s, c) in [(Some(bits), None), (None, Some(bits)), (Some(15), Some(bits))] {
            let offer = DeflateOffer {
                server_max_window_bits: s,
                client_max_window_bits: c,
                ..DeflateOffer::default()
            };
            let error = request().deflate(offer).write(NONCE).unwrap_err();
            assert_eq!(error, BuildError::WindowBits(bits));
            assert!(error.to_string().contains("RFC 7692 §7.1.2"), "{error}");
        }
    }
}

/// A client whose server answers its offers with this, and what it offered.
async fn answered(
    request: &ClientRequest,
    client: Option<Deflate>,
    answer: &str,
) -> (Result<WebSocket<DuplexStream>, Error>, String, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let mut config = Config::default();
    config.deflate = client;
    let serving = async {
        let (mut scanner, mut bytes) = (HeadScanner::new(&HeadLimits::default()), Vec::new());
        let asked = loop {
            far.read_buf(&mut bytes).await.unwrap();
            if let Some(head) = scanner.scan(&bytes).unwrap() {
                break head.request().unwrap();
            }
        };
        let upgrade = check_request(&asked).unwrap();
        let mut head = write_accept(&upgrade, None, None, &HeaderMap::new()).unwrap();
        head.truncate(head.len() - 2);
        head.extend(format!("Sec-WebSocket-Extensions: {answer}\r\n\r\n").as_bytes());
        far.write_all(&head).await.unwrap();
        asked.headers()["sec-websocket-extensions"].to_str().unwrap().to_owned()
    };
    let (opened, offered) = tokio::join!(connect_over(near, request, &config), serving);
    (opened.map(|(ws, _)| ws), offered, far)
}

/// What browsers take for an answer, the default client takes as well, in each mode, and it understands
/// a server whose messages refer back.
#[tokio::test]
async fn a_client_opens_on_the_plain_answers_that_browsers_take() {
    let text = (0..200u32).map(|n| format!("{} ", n * 7919)).collect::<String>();
    for mode in [Memory::Shared, Memory::Window(9), Memory::Window(12), Memory::Full] {
        for params in [
            "",
            "; client_max_window_bits=15",
            "; server_max_window_bits=15",
            "; client_max_window_bits=10",
            "; client_no_context_takeover",
        ] {
            let answer = format!("permessage-deflate{params}");
            let (opened, offered, far) = answered(&request(), memory(mode), &answer).await;
            let mut near = opened.unwrap_or_else(|e| panic!("{mode:?} {params}: {e}"));
            assert!(offered.ends_with("permessage-deflate; client_max_window_bits"), "{offered}");

            // The server keeps a full window for its messages, and reads what the client may send.
            let mut agreed = DeflateParams::default();
            if params.contains("client_max_window_bits=10") {
                agreed.client_max_window_bits = 10;
            }
            agreed.client_no_context_takeover = params.contains("client_no_context_takeover");
            let mut theirs = Config::default();
            theirs.deflate = memory(Memory::Full);
            let mut both = Agreed::default();
            both.deflate = Some(agreed);
            let mut far = WebSocket::from_agreed(far, Role::Server, [], both, &theirs);
            for _ in 0..3 {
                far.send(&*text).await.unwrap();
                assert_eq!(near.recv().await.unwrap().unwrap().as_text(), Some(&*text));
                near.send(&*text).await.unwrap();
                assert_eq!(far.recv().await.unwrap().unwrap().as_text(), Some(&*text));
            }
            // It did refer back.
            let received = near.ratios().1;
            assert!(received.wire < received.plain / 4, "{mode:?} {params}: {received:?}");
        }
    }
}

/// What a client offers is its own to say: by its configuration, or for one request.
#[tokio::test]
async fn the_caller_says_which_offers_are_made() {
    let plain = "permessage-deflate; client_max_window_bits";
    let alone = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 client_max_window_bits";
    let small = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10";
    let strict = |memory| {
        let mut deflate = Deflate::default();
        (deflate.memory, deflate.plain_offer) = (memory, false);
        Some(deflate)
    };
    for (config, expected) in [
        (memory(Memory::Shared), format!("{alone}, {plain}")),
        (memory(Memory::Window(10)), format!("{small}, {plain}")),
        (memory(Memory::Full), plain.to_owned()),
        (strict(Memory::Shared), alone.to_owned()),
        (strict(Memory::Window(10)), small.to_owned()),
        (strict(Memory::Full), plain.to_owned()),
    ] {
        let (_, offered, _) = answered(&request(), config, "permessage-deflate").await;
        assert_eq!(offered, expected);
    }

    // An answer that goes with no offer fails, and the text names the way out.
    for config in [strict(Memory::Shared), strict(Memory::Window(10))] {
        let (opened, ..) = answered(&request(), config, "permessage-deflate").await;
        let error = opened.unwrap_err();
        assert!(matches!(error, Error::Response(ResponseError::Deflate(_))), "{error}");
        for way_out in ["Config::deflate", "ClientRequest::deflate"] {
            assert!(error.to_string().contains(way_out), "{error}");
        }
    }

    // The request's own offers come instead of the configuration's.
    let own = DeflateOffer { server_max_window_bits: Some(11), ..DeflateOffer::default() };
    let request = request().deflate(own).deflate(DeflateOffer::default());
    assert_eq!(request.deflate_offers(), [own, DeflateOffer::default()]);
    let (opened, offered, _) =
        answered(&request, strict(Memory::Shared), "permessage-deflate").await;
    assert!(opened.is_ok());
    let first = "permessage-deflate; server_max_window_bits=11; client_max_window_bits";
    assert_eq!(offered, format!("{first}, {plain}"));
    assert_eq!(request.without_deflate().deflate_offers(), []);
}

type Pair = (WebSocket<DuplexStream>, WebSocket<DuplexStream>);

async fn pair(client: Option<Deflate>, server: Option<Deflate>) -> Result<Pair, Error> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (mut ours, mut theirs) = (Config::default(), Config::default());
    (ours.deflate, theirs.deflate) = (client, server);
    // The client pings, the server does not: one of the two finds the other quiet.
    theirs.timeouts.keep_alive = None;
    let request = request();
    let (client, server) = tokio::join!(connect_over(near, &request, &ours), async {
        Incoming::read(far, &theirs).await?.accept().await
    });
    Ok((client?.0, server?))
}

fn memory(memory: Memory) -> Option<Deflate> {
    let mut deflate = Deflate::default();
    deflate.memory = memory;
    Some(deflate)
}

#[tokio::test]
async fn every_mode_with_every_other() {
    let chat = r#"{"type":"message","room":"arrows","from":"ana","text":"the bow is strung"}"#;
    let message = chat.repeat(20);
    let modes = [
        None,
        memory(Memory::Shared),
        memory(Memory::Window(9)),
        memory(Memory::Window(12)),
        memory(Memory::Full),
    ];
    for client in modes {
        for server in modes {
            let (mut near, mut far) = pair(client, server).await.unwrap();
            for _ in 0..3 {
                near.send(&message).await.unwrap();
                let came = far.recv().await.unwrap().unwrap();
                assert_eq!(came.as_text(), Some(&*message));
                far.send(came).await.unwrap();
                assert_eq!(near.recv().await.unwrap().unwrap().as_text(), Some(&*message));
            }
            let plain = 3 * message.len() as u64;
            let (sent, received) = near.ratios();
            assert_eq!((sent, received), (far.ratios().1, far.ratios().0));
            if client.is_none() || server.is_none() {
                assert_eq!((sent.plain, sent.wire), (0, 0));
                continue;
            }
            for ratio in [sent, received] {
                assert_eq!(ratio.plain, plain);
                assert!(ratio.wire < plain / 5, "{client:?} {server:?} {ratio:?}");
            }
        }
    }
}

/// With a window the second message says it is the first again; alone it says it all anew.
#[tokio::test]
async fn what_a_window_spares() {
    let mut wires = Vec::new();
    for mode in [Memory::Shared, Memory::Full] {
        let (mut near, mut far) = pair(memory(mode), memory(mode)).await.unwrap();
        let text: String = (0..200).map(|i| format!("{i:x} ")).collect();
        for _ in 0..2 {
            near.send(&text).await.unwrap();
            far.recv().await.unwrap();
        }
        let (reader, writer) = near.split();
        assert_eq!(reader.ratio().wire, 0);
        wires.push(writer.ratio().wire);
    }
    assert!(wires[1] * 3 < wires[0] * 2, "{wires:?}");
}

/// A compressor is given up where nothing is sent for two keep-alive intervals, be the connection
/// quiet, pinged by the peer, or kept busy by it; the message after that is still understood.
#[tokio::test(start_paused = true)]
async fn an_unused_compressor_is_given_back() {
    let text = (0..200u32).map(|n| format!("{} ", n * 7919)).collect::<String>();
    for (busy, kept) in
        [(Busy::Neither, false), (Busy::Peer, false), (Busy::Us, true), (Busy::Both, true)]
    {
        let (mut near, mut far) = pair(memory(Memory::Full), memory(Memory::Full)).await.unwrap();
        near.send(&text).await.unwrap();
        assert_eq!(far.recv().await.unwrap().unwrap().as_text(), Some(&*text));
        let first = near.ratios().0;
        for _ in 0..13 {
            let pause = Duration::from_secs(5);
            let waiting = async { tokio::join!(near.recv(), far.recv()) };
            assert!(tokio::time::timeout(pause, waiting).await.is_err(), "pinged, and no more");
            if matches!(busy, Busy::Peer | Busy::Both) {
                far.send(Event::Ping(b"every 5 s")).await.unwrap();
            }
            if matches!(busy, Busy::Us | Busy::Both) {
                near.send("x").await.unwrap();
                near.send(&*"y".repeat(200)).await.unwrap();
                far.recv().await.unwrap();
                far.recv().await.unwrap();
            }
        }
        let before = near.ratios().0;
        near.send(&text).await.unwrap();
        assert_eq!(far.recv().await.unwrap().unwrap().as_text(), Some(&*text));
        // With the window still there the same again is almost nothing.
        let again = near.ratios().0.wire - before.wire;
        assert_eq!(again < first.wire / 2, kept, "{busy:?}: {} then {again}", first.wire);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Busy {
    Neither,
    Peer,
    Us,
    Both,
}
