//! Every conversation again with its n-th operation failing, for all n: it ends, with an error that
//! says so or because the peer had said its last; nothing hangs, spins or panics.

use std::io::ErrorKind;

use bowstring::{Config, Error};

use crate::doors::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn the_nth_operation_fails() {
    // Two that are cuts, and one that is not.
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::PermissionDenied];
    for door in DOORS {
        for is_server in [true, false] {
            for (kind, dead) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
                for n in 1.. {
                    let mut config = Config::default();
                    config.high_water = 100;
                    let (ws, peer) = conversation(is_server, 3, &config);
                    peer.state().fail = Some((n, kind));
                    peer.state().dead = dead;
                    let mut got = Vec::new();
                    let plan = Plan::default();
                    let result = in_time(echo(door, ws, &plan, &mut got)).await;
                    let failed = peer.log().contains(&Op::Fail);
                    match &result {
                        Ok(()) => {}
                        Err(Error::Io(error)) => {
                            assert_eq!((error.kind(), kind), (kind, ErrorKind::PermissionDenied));
                        }
                        // What fails in passing is noticed by what comes later.
                        Err(
                            Error::Closed(_) | Error::Misuse(_) | Error::Timeout(_) | Error::Lost,
                        ) => {
                            assert!(failed);
                        }
                        Err(error) => panic!("{door:?} {n}: {error}"),
                    }
                    check_received(door, &got, !failed);
                    check(door, is_server, &peer.taken(), !failed);
                    if !failed {
                        assert!(result.is_ok(), "{door:?}: {result:?}");
                        assert!(n > 10);
                        break;
                    }
                }
            }
        }
    }
}

/// The same with TCP ending at every byte of what the peer says.
#[tokio::test(start_paused = true)]
async fn s28_the_transport_ends_at_every_byte() {
    let len = wire(true).len();
    for door in DOORS {
        for is_server in [true, false] {
            for reset in [true, false] {
                for cut in (0..120).chain(700..len) {
                    let config = Config::default();
                    let (ws, peer) = if is_server { server(&config) } else { client(&config) };
                    let bytes = wire(is_server);
                    let whole = cut >= bytes.len();
                    peer.send(&bytes[..cut.min(bytes.len())]);
                    if reset {
                        peer.reset()
                    } else {
                        peer.end()
                    }
                    let mut got = Vec::new();
                    let result = in_time(echo(door, ws, &Plan::default(), &mut got)).await;
                    match result {
                        Ok(()) => assert!(whole, "{door:?} {cut}"),
                        // A reset has the same name as an end without a close frame.
                        Err(Error::Lost) => assert!(!whole),
                        Err(error) => panic!("{door:?} {cut}: {error}"),
                    }
                    check_received(door, &got, whole);
                    // Where the close overtakes them, echoes of another task come too late.
                    let split = door.is_split();
                    check(door, is_server, &peer.taken(), whole && !reset && !split);
                }
            }
        }
    }
}
