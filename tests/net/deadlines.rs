//! Every deadline, in virtual time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use bowstring::net::{Incoming, connect_over};
use bowstring::proto::Expired;
use bowstring::{CloseCode, Config, Error, Message};
use tokio::task::coop::consume_budget;
use tokio::time::{advance, sleep};

use crate::opening::{REQUEST, request};
use crate::support::*;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[track_caller]
fn is_about(took: f64, expected: f64) {
    assert!((took - expected).abs() < 0.1, "{took} s instead of {expected}");
}

#[tokio::test(start_paused = true)]
async fn s23_the_opening_handshake_has_ten_seconds() {
    for trickle in [false, true] {
        let (stream, peer) = scripted();
        let reading = async {
            let error = Incoming::read(stream, &Config::default()).await.unwrap_err();
            assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
        };
        let talking = async {
            for byte in REQUEST.bytes().take_while(|_| trickle) {
                peer.send([byte]);
                sleep(secs(1)).await;
            }
            std::future::pending::<()>().await;
        };
        let took = seconds(async { tokio::select!(() = reading => {}, () = talking => {}) }).await;
        is_about(took, 10.0);
        assert!(peer.is_alone() && peer.taken().is_empty());
    }
    // A client whose server says nothing, or takes nothing.
    for room in [usize::MAX, 0] {
        let (stream, peer) = scripted();
        peer.room(room);
        let took = seconds(async {
            let error = connect_over(stream, &request(), &Config::default()).await.unwrap_err();
            assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
        });
        is_about(took.await, 10.0);
    }
    // A server whose client does not take the answer.
    let (stream, peer) = scripted();
    peer.send(REQUEST);
    peer.room(10);
    let took = seconds(async {
        let error = bowstring::accept(stream).await.unwrap_err();
        assert!(matches!(error, Error::HandshakeTimeout(_)), "{error}");
    });
    is_about(took.await, 10.0);
}

/// Whoever was refused and stays connected learns nothing more, and the caller learns why it was.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_reported_though_the_peer_lingers() {
    for (head, reads) in [("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), ("nonsense\r\n\r\n", false)]
    {
        for takes in [true, false] {
            let (stream, peer) = scripted();
            peer.send(head);
            peer.room(if takes { usize::MAX } else { 0 });
            let took = seconds(async {
                let error = bowstring::accept(stream).await.unwrap_err();
                assert!(matches!(error, Error::Request(_)), "{reads} {takes}: {error}");
            });
            assert!(took.await < 20.1);
            assert!(peer.is_alone());
            assert_eq!(peer.is_shut(), takes);
        }
    }
    let (stream, peer) = scripted();
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let incoming = Incoming::read(stream, &Config::default()).await.unwrap();
    in_time(incoming.respond(http::Response::new("a page"))).await.unwrap();
    assert!(peer.taken().ends_with(b"a page"));
}

/// A server that refuses and then neither ends its answer nor the connection.
#[tokio::test(start_paused = true)]
async fn a_status_is_reported_though_the_body_never_ends() {
    for head in ["", "Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        let (stream, peer) = scripted();
        let body = if head.starts_with("T") { "4\r\nbody\r\n" } else { "body" };
        peer.send(format!("HTTP/1.1 401 Unauthorized\r\n{head}\r\n{body}"));
        let took = seconds(async {
            let error = connect_over(stream, &request(), &Config::default()).await.unwrap_err();
            let Error::Status(response) = error else { panic!("{head}: {error}") };
            assert_eq!((response.status().as_u16(), &response.body()[..]), (401, &b"body"[..]));
        });
        assert!(took.await < 10.1);
    }
}

/// The deadline of the handshake counts for the body, too.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_has_the_time_that_is_left_for_its_body() {
    let (stream, peer) = scripted();
    let refusing = async {
        sleep(secs(9)).await;
        peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nbody");
    };
    let (config, request) = (Config::default(), request());
    let opening = seconds(async {
        let (refused, ()) = tokio::join!(connect_over(stream, &request, &config), refusing);
        let Err(Error::Status(response)) = refused else { panic!("{refused:?}") };
        assert_eq!((response.status().as_u16(), &response.body()[..]), (503, &b"body"[..]));
    });
    let took = opening.await;
    assert!((10.0..10.1).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn s34_a_quiet_peer_is_pinged_and_a_dead_one_given_up() {
    for split in [false, true] {
        let (mut ws, peer) = server(&Config::default());
        let start = tokio::time::Instant::now();
        let check = |error: Error| {
            assert!(matches!(error, Error::Timeout(Expired::Pong)), "{error}");
            assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
            is_about(start.elapsed().as_secs_f64(), 40.0);
        };
        if split {
            let (mut reader, writer) = ws.split();
            check(in_time(reader.recv()).await.unwrap_err());
            assert_eq!(in_time(reader.recv()).await.unwrap(), None);
            assert!(matches!(writer.send("x").await, Err(Error::Closed(_))));
        } else {
            check(in_time(ws.recv()).await.unwrap_err());
            assert_eq!(in_time(ws.recv()).await.unwrap(), None);
        }
        let frames = peer.frames();
        assert_eq!(frames.iter().map(|f| f.opcode).collect::<Vec<_>>(), [PING, CLOSE]);
        assert_eq!(frames[1].payload[..2], 1011u16.to_be_bytes());
    }
}

/// An application that receives pongs gets those that it has asked for, and those that nobody has asked for. The
/// keep-alive's are not its business: with them a program would get something after 20 s of silence.
#[tokio::test(start_paused = true)]
async fn pongs_that_answer_the_keep_alive_are_not_received() {
    for way in ["recv", "batch", "split", "handle"] {
        let mut config = Config::default();
        config.report_pings = true;
        let (mut ws, peer) = server(&config);
        let _handle = (way == "handle").then(|| ws.handle());
        let answering = async {
            sleep(secs(21)).await;
            let [ping] = &peer.frames()[..] else { panic!("no ping") };
            assert_eq!((ping.opcode, ping.payload.len()), (PING, 4), "{way}");
            peer.send(bowstring_testing::frames::client_frame(0x80 | PONG, &ping.payload));
            sleep(secs(1)).await;
            peer.send([said(PONG, ""), said(TEXT, "t")].concat());
            std::future::pending::<()>().await;
        };
        let receiving = async {
            let mut got = Vec::new();
            if way == "split" {
                let (mut reader, _writer) = ws.split();
                while got.len() < 2 {
                    got.extend(reader.recv().await.unwrap());
                }
                return got;
            }
            while got.len() < 2 {
                if way == "batch" {
                    let (mut events, _) = ws.batch().await.unwrap().unwrap();
                    while let Some(event) = events.next() {
                        got.push(Message::from(event));
                    }
                } else {
                    got.extend(ws.recv().await.unwrap());
                }
            }
            got
        };
        let got = tokio::select!(got = in_time(receiving) => got, () = answering => unreachable!());
        assert_eq!(got, [Message::Pong("".into()), Message::text("t")], "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_life() {
    for split in [false, true] {
        let (ws, peer) = server(&Config::default());
        // A byte every 39 s: each comes while a ping waits for its pong.
        let message = said(TEXT, "slow");
        let talking = async {
            for byte in message {
                sleep(secs(39)).await;
                peer.send([byte]);
            }
        };
        let receiving = async {
            let (got, took) = if split {
                let (mut reader, _writer) = ws.split();
                let got = reader.recv().await;
                // The clock starts anew with what was heard last.
                (got, seconds(async { drop(reader.recv().await.unwrap_err()) }).await)
            } else {
                let mut ws = ws;
                let got = ws.recv().await;
                (got, seconds(async { drop(ws.recv().await.unwrap_err()) }).await)
            };
            assert_eq!(got.unwrap(), Some(Message::text("slow")));
            is_about(took, 40.0);
        };
        tokio::join!(receiving, talking);
        let pings = peer.frames().iter().filter(|frame| frame.opcode == PING).count();
        assert_eq!(pings, 11, "a ping for each silence");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_pong_runs_from_the_last_byte_taken() {
    for split in [false, true] {
        let (mut ws, peer) = server(&Config::default());
        peer.room(0);
        ws.feed(vec![7u8; 1000]).await.unwrap();
        let receiving = async {
            if !split {
                return ws.recv().await;
            }
            let (mut reader, _writer) = ws.split();
            reader.recv().await
        };
        let taking = async {
            for _ in 0..10 {
                sleep(secs(15)).await;
                peer.room(1);
            }
            std::future::pending::<()>().await;
        };
        let took = seconds(async {
            tokio::select! {
                got = receiving => assert!(matches!(got, Err(Error::Timeout(Expired::Write)))),
                () = taking => {}
            }
        });
        is_about(took.await, 170.0);
    }
}

#[tokio::test(start_paused = true)]
async fn s34_a_peer_that_takes_nothing_is_given_up_by_whoever_sends() {
    for call in ["send", "flush", "feed", "sink", "writer"] {
        let mut config = Config::default();
        config.high_water = 10;
        let (mut ws, peer) = server(&config);
        peer.room(0);
        let data = [7u8; 100];
        let took = seconds(async {
            let error = match call {
                "send" => ws.send(data).await.unwrap_err(),
                "flush" => {
                    ws.feed(data).await.unwrap();
                    ws.flush().await.unwrap_err()
                }
                "feed" => {
                    ws.feed(data).await.unwrap();
                    ws.feed(data).await.unwrap_err()
                }
                "sink" => {
                    use futures_util::SinkExt;
                    SinkExt::send(&mut ws, Message::text("x".repeat(100))).await.unwrap_err()
                }
                _ => {
                    let (mut reader, writer) = ws.split();
                    let (read, wrote) = tokio::join!(reader.recv(), writer.send(data));
                    assert!(matches!(wrote, Err(Error::Closed(_))), "{wrote:?}");
                    read.unwrap_err()
                }
            };
            // No ping got out, so it is not the pong that is missing.
            assert!(matches!(error, Error::Timeout(Expired::Write)), "{call}: {error}");
        });
        is_about(took.await, 40.0);
    }
}

#[tokio::test(start_paused = true)]
async fn s35_the_closing_handshake_has_five_seconds() {
    // The peer: says nothing · takes nothing · answers but does not end TCP.
    for behaviour in ["silent", "stuck", "lingering"] {
        for is_server in [true, false] {
            for call in ["close", "recv", "sink", "writer"] {
                let config = Config::default();
                let (mut ws, peer) = if is_server { server(&config) } else { client(&config) };
                match behaviour {
                    "stuck" => peer.room(1),
                    "lingering" => peer.send(frame(is_server, true, CLOSE, b"")),
                    _ => {}
                }
                let took = seconds(async {
                    let end = match call {
                        "close" => ws.close(1000, "").await,
                        "recv" => {
                            not_yet(ws.close(1000, ""));
                            loop {
                                match ws.recv().await {
                                    Ok(Some(message)) => assert!(message.is_close()),
                                    end => break end.map(drop),
                                }
                            }
                        }
                        "sink" => futures_util::SinkExt::<Message>::close(&mut ws).await,
                        _ => {
                            let (mut reader, writer) = ws.split();
                            let reading = tokio::spawn(async move {
                                loop {
                                    match reader.recv().await {
                                        Ok(Some(message)) => assert!(message.is_close()),
                                        end => break end.map(drop),
                                    }
                                }
                            });
                            // The reader already waits when the writer closes.
                            tokio::task::yield_now().await;
                            now(async {
                                tokio::select!(biased;
                                    closed = writer.close(1000, "") => drop(closed),
                                    () = async {} => {}
                                )
                            });
                            reading.await.unwrap()
                        }
                    };
                    if behaviour == "lingering" {
                        assert!(end.is_ok(), "§7.1.1: {end:?}");
                    } else {
                        let error = end.unwrap_err();
                        assert!(matches!(error, Error::Timeout(Expired::Close)), "{error}");
                    }
                });
                is_about(took.await, 5.0);
            }
        }
    }
}

/// Closing has one deadline, however often the call is dropped and made again.
#[tokio::test(start_paused = true)]
async fn dropping_close_does_not_give_the_peer_more_time() {
    let (mut ws, _peer) = server(&Config::default());
    let took = seconds(async {
        loop {
            if let Ok(end) = tokio::time::timeout(secs(1), ws.close(1000, "")).await {
                break drop(end.unwrap_err());
            }
        }
    });
    is_about(took.await, 5.0);
}

#[tokio::test(start_paused = true)]
async fn a_violating_peer_that_does_not_go_has_five_seconds() {
    for room in [usize::MAX, 0] {
        let (mut ws, peer) = server(&quiet());
        peer.room(room);
        peer.send([0xFF, 0xFF]);
        let took = seconds(async {
            let error = ws.recv().await.unwrap_err();
            assert!(matches!(error, Error::Violation(_)), "{error}");
        });
        is_about(took.await, 0.0);
        is_about(seconds(async { assert_eq!(ws.recv().await.unwrap(), None) }).await, 5.0);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_keep_alive_nothing_is_timed() {
    let (mut ws, peer) = server(&quiet());
    for _ in 0..100 {
        not_yet(ws.recv());
        advance(secs(100_000)).await;
    }
    assert_eq!(peer.total(), 0);
    let (mut reader, _writer) = ws.split();
    for _ in 0..100 {
        not_yet(reader.recv());
        advance(secs(100_000)).await;
    }
    assert_eq!(peer.total(), 0);
}

/// To a task that has used up what the runtime grants it even a timer is refused, without being set.
#[tokio::test(start_paused = true)]
async fn a_timer_that_is_first_asked_for_without_budget_goes_off_all_the_same() {
    let (mut ws, peer) = server(&Config::default());
    let mut first = true;
    let waiting = async {
        poll_fn(|cx| {
            if std::mem::take(&mut first) {
                while pin!(consume_budget()).poll(cx).is_ready() {}
            }
            pin!(ws.recv()).poll(cx)
        })
        .await
    };
    let took = seconds(async {
        assert!(matches!(waiting.await, Err(Error::Timeout(Expired::Pong))));
    });
    is_about(took.await, 40.0);
    assert_eq!(peer.frames()[0].opcode, 9);
}
