//! A forward proxy that answers with any bytes: nothing may panic, nothing of the server's may be lost, and
//! how the bytes are cut makes no difference.
//!
//! Byte 0: what the proxy speaks, and whether there is a password. Byte 1: how many bytes a read gives. The
//! rest: what the proxy sends before it closes.

use bowstring::net::{Proxy, ProxyError, tunnel};
use bowstring_testing::io::poll::now;
use bowstring_testing::io::scripted::{Cut, scripted};

const PROXIES: [&str; 4] =
    ["http://proxy", "http://ann:secret@proxy", "socks5h://proxy", "socks5h://ann:secret@proxy"];

pub fn proxy(data: &[u8]) {
    let [kind, cut, answer @ ..] = data else { return };
    let proxy: Proxy = PROXIES[usize::from(kind % 4)].parse().expect("an address");
    let whole = ask(&proxy, answer, Cut::Whole);
    let in_pieces = ask(&proxy, answer, Cut::Each(1 + usize::from(*cut)));
    match (whole, in_pieces) {
        (Ok(rest), Ok(same)) => {
            assert_eq!(rest, same);
            assert!(answer.ends_with(&rest) && rest.len() < answer.len());
        }
        (Err(error), Err(same)) => {
            assert_eq!(format!("{error:?}"), format!("{same:?}"));
            assert!(error.to_string().len() < 400);
            assert!(error.step().is_some() && !error.is_timeout());
            let body = error.response().map_or(0, |response| response.body().len());
            assert!(body <= answer.len().min(16 << 10));
        }
        (whole, in_pieces) => panic!("{whole:?}, but in pieces {in_pieces:?}"),
    }
}

/// Gives what the server has sent.
fn ask(proxy: &Proxy, answer: &[u8], cut: Cut) -> Result<Vec<u8>, ProxyError> {
    let (stream, peer) = scripted();
    peer.state().reads = cut;
    peer.send(answer);
    peer.end();
    let (_stream, early) = now(tunnel(stream, proxy, "server", 443))?;
    let unread: Vec<u8> = peer.state().input.iter().copied().collect();
    Ok([early, unread].concat())
}
