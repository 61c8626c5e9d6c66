//! A process that is killed says no goodbye, but its kernel does: the other side knows at once, and
//! waits for no timer.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowstring::Error;

use crate::harness::*;
use crate::{alone, fds_at_rest, run};

/// Everything that follows from a kill is to be done by then.
const SOON: Duration = Duration::from_millis(if FULL { 100 } else { 1000 });

/// A client in a process of its own that says `bytes` behind its request, and reads `answer` bytes
/// behind the server's head. Then it does nothing, with the connection open.
fn peer(port: u16, bytes: &[u8], answer: usize) -> Child {
    let octal =
        |bytes: Vec<u8>| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{}' >&3
         while read -r line <&3 && [ \"$line\" != $'\\r' ]; do :; done
         head -c {answer} <&3 >/dev/null; printf '{}' >&3; echo ready; exec sleep 1000",
        octal(request("")),
        octal(bytes.to_vec()),
    );
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash runs");
    let mut ready = [0; 6];
    child.stdout.take().unwrap().read_exact(&mut ready).expect("it gets so far");
    child
}

#[test]
fn s34_a_killed_client_is_known_at_once() {
    let _alone = alone();
    let mut server = echo_server(2);
    let fds = fds_at_rest(&server);
    let mut slowest = Duration::ZERO;
    // Idle; in the midst of a frame; with echoes that it has not read, which makes it a reset.
    let unread = client_frame(FIN | TEXT, "not read").repeat(100);
    for bytes in [vec![], client_frame(FIN | BINARY, [0; 1000])[..500].to_vec(), unread] {
        for _ in 0..5 {
            let mut client = peer(server.port, &bytes, 0);
            until("the connection", || server.fds() == fds + 1);
            client.kill().unwrap();
            let killed = Instant::now();
            server.await_fds(fds);
            slowest = slowest.max(killed.elapsed());
            client.wait().unwrap();
        }
    }
    println!("killed clients: the server's descriptors are back after at most {slowest:.1?}");
    assert!(slowest < SOON, "{slowest:?}");
    server.assert_alive();
}

#[test]
fn s34_a_killed_server_is_known_at_once() {
    let _alone = alone();
    let mut slowest = Duration::ZERO;
    for round in 0..10 {
        let server = echo_server(1);
        let (end, took) = run(async {
            let uri = format!("ws://127.0.0.1:{}/", server.port);
            let (mut ws, _) = bowstring::connect(&uri).await.unwrap();
            ws.send("hello").await.unwrap();
            assert_eq!(ws.recv().await.unwrap(), Some("hello".into()));
            let (mut reader, writer) = ws.split();
            let flood = async {
                // In every other round it dies with messages under way.
                while round % 2 == 1 && writer.send("and on").await.is_ok() {}
                std::future::pending::<Instant>().await
            };
            let heard = async {
                loop {
                    match reader.recv().await {
                        Ok(Some(_)) => {}
                        end => break (end.map(drop), Instant::now()),
                    }
                }
            };
            let kill = async {
                server.signal("KILL");
                Instant::now()
            };
            let (killed, (end, at)) = tokio::select! {
                both = async { tokio::join!(kill, heard) } => both,
                _ = flood => unreachable!(),
            };
            (end, at.saturating_duration_since(killed))
        });
        assert!(matches!(end, Err(Error::Lost | Error::Io(_))), "{end:?}");
        slowest = slowest.max(took);
    }
    println!("killed servers: the client knows after at most {slowest:.1?}");
    assert!(slowest < SOON, "{slowest:?}");
}
