//! Compression between sockets: agreed on in the handshake, in every mode, with its counters.

use std::time::Duration;

use bowstring::handshake::{
    BuildError, ClientRequest, DeflateOffer, DeflateParams, HeadLimits, ResponseError,
    answer_deflate, check_request, check_response, parse_request_head, parse_response_head,
    write_accept,
};
use bowstring::net::{Deflate, Incoming, Memory, connect_over};
use bowstring::{Config, Error, Event, WebSocket};
use http::HeaderMap;
use tokio::io::DuplexStream;

const NONCE: [u8; 16] = *b"the sample nonce";

fn request() -> ClientRequest {
    ClientRequest::new("ws://server.example.com/".parse().unwrap())
}

/// From the offer's bytes to the agreement, and what a server must not make of it.
#[test]
fn agreed_on_in_the_handshake() {
    let offer = DeflateOffer { server_max_window_bits: Some(12), ..DeflateOffer::default() };
    let request = request().deflate(Some(offer));
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

    // Not offered, offered otherwise, or agreed to twice.
    let error = check(Some(&extension), &self::request()).unwrap_err();
    assert_eq!(error, ResponseError::UnofferedExtension("permessage-deflate".into()));
    let narrow = DeflateOffer { server_max_window_bits: Some(9), ..offer };
    let error = check(Some(&extension), &self::request().deflate(Some(narrow))).unwrap_err();
    assert_eq!(error, ResponseError::Deflate("server_max_window_bits"));
    assert!(error.to_string().contains("server_max_window_bits"), "{error}");
    let answer = write_accept(&upgrade, None, Some(&extension), &HeaderMap::new()).unwrap();
    let once = format!("{extension}");
    let twice = String::from_utf8(answer).unwrap().replace(&once, &format!("{once}, {once}"));
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
            let error = request().deflate(Some(offer)).write(NONCE).unwrap_err();
            assert_eq!(error, BuildError::WindowBits(bits));
            assert!(error.to_string().contains("RFC 7692 §7.1.2"), "{error}");
        }
    }
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
