//! S42: any future may be dropped at any poll, and nothing is lost or doubled.

use bowstring_testing::io::poll::poll_times;
use tokio::time::advance;

use crate::network::*;

/// Every future is dropped after so many polls, again and again, over connections that end.
#[tokio::test(start_paused = true)]
async fn s42_futures_dropped_again_and_again() {
    for times in 1..4 {
        let (client, mut network) = Network::with_room(50, &Default::default(), |_| Answer::Accept);
        let mut client = client.config(settings(|config| {
            config.max_kept_messages = 3;
            config.base = std::time::Duration::ZERO;
        }));
        let serving = async {
            for connection in 0..5 {
                let mut server = network.server().await;
                for number in 0..20 {
                    server.send(format!("{connection}.{number}")).await.unwrap();
                }
                // It has read all of it before it is told.
                server.close(1001, "").await.unwrap();
            }
            let mut server = network.server().await;
            let mut said = Vec::new();
            while said.last().is_none_or(|last| last != "29") {
                said.push(received(&mut server).await);
            }
            said
        };
        let client = async {
            let (mut got, mut sent) = (Vec::new(), 0);
            loop {
                if let Some(message) = poll_times(client.recv(), times) {
                    got.push(message.unwrap().unwrap().as_text().unwrap().to_owned());
                }
                if got.len() == 100 && sent < 30 {
                    match poll_times(client.send(sent.to_string()), times) {
                        Some(result) => {
                            result.unwrap();
                            sent += 1;
                        }
                        None => drop(poll_times(client.flush(), times)),
                    }
                }
                if sent == 30 {
                    let _ = poll_times(client.flush(), times);
                }
                if got.len() == 100 && sent == 30 && client.take_undelivered().is_empty() {
                    break;
                }
                advance(std::time::Duration::from_millis(1)).await;
            }
            let (mut client, got) = (client, got);
            tokio::spawn(async move { while let Ok(Some(_)) = client.recv().await {} });
            got
        };
        let (said, got) = in_time(async { tokio::join!(serving, client) }).await;
        let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        assert_eq!(said, expected, "{times}");
        let all = (0..5).flat_map(|c| (0..20).map(move |n| format!("{c}.{n}")));
        assert!(got.iter().cloned().eq(all), "{times}: {got:?}");
    }
}
