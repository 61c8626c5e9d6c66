//! S42: any future may be dropped at any poll, and nothing is lost, doubled or half written.

use bowstring::net::Incoming;
use bowstring::{Config, Error};

use crate::doors::*;
use crate::opening::{REQUEST, request};
use crate::support::*;

async fn disturbed(door: Door, is_server: bool, seed: u64, plan: &Plan) {
    let mut config = Config::default();
    if !matches!(door, Door::Send | Door::SplitBatch) {
        // So that feeding has to wait.
        config.high_water = 30;
    }
    let (ws, peer) = conversation(is_server, seed, &config);
    peer.state().stutter = Some((Random::new(seed + 2), 2));
    let mut got = Vec::new();
    let result = in_time(echo(door, ws, plan, &mut got)).await;
    assert!(result.is_ok(), "{door:?} {is_server} {plan:?}: {result:?}");
    check_received(door, &got, true);
    check(door, is_server, &peer.taken(), true);
}

#[tokio::test(start_paused = true)]
async fn s42_a_future_dropped_at_any_one_poll() {
    for door in DOORS {
        for is_server in [true, false] {
            for n in 1.. {
                let plan = Plan::at(n);
                disturbed(door, is_server, 7, &plan).await;
                if !plan.reached() {
                    assert!(n > 5, "{door:?}: hardly anything was pending");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn s42_futures_dropped_again_and_again() {
    for door in DOORS {
        for is_server in [true, false] {
            for every in 1..6 {
                for seed in 0..10 {
                    disturbed(door, is_server, 10 * seed, &Plan::every(every)).await;
                }
            }
        }
    }
}

/// The opening handshake owns its transport: dropped at any poll, it lets go of it.
#[tokio::test(start_paused = true)]
async fn s42_a_handshake_dropped_at_any_poll() {
    for is_server in [true, false] {
        for n in 1.. {
            let (stream, peer) = scripted();
            peer.state().stutter = Some((Random::new(n), 2));
            peer.state().reads = Cut::Each(20);
            peer.state().writes = Cut::Each(20);
            let request = request();
            let config = Config::default();
            let opening = async {
                if is_server {
                    peer.send(REQUEST);
                    let incoming = Incoming::read(stream, &config).await?;
                    incoming.accept().await?;
                } else {
                    bowstring::net::connect_over(stream, &request, &config).await?;
                }
                Ok::<_, Error>(())
            };
            let mut opening = Box::pin(opening);
            let mut polls = 0;
            let done = loop {
                if poll(opening.as_mut()).is_ready() {
                    break true;
                }
                polls += 1;
                if polls == n {
                    break false;
                }
            };
            drop(opening);
            assert!(peer.is_alone());
            // A client's server never answers here.
            if done || !is_server && polls > 60 {
                break;
            }
        }
    }
}
