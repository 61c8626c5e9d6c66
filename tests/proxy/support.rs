//! A proxy that follows a script.

use bowstring::net::{Proxy, ProxyError, tunnel};
pub use bowstring_testing::io::poll::now;
pub use bowstring_testing::io::scripted::{Cut, scripted};

/// What came of a tunnel: what the client has sent, and the bytes after the proxy's answer or the error.
pub struct Outcome {
    pub sent: Vec<u8>,
    pub result: Result<Vec<u8>, ProxyError>,
}

/// Asks a proxy that sends `answer`, whatever it gets, and closes then.
pub fn ask(proxy: &str, host: &str, answer: &[u8]) -> Outcome {
    ask_cut(&proxy.parse().unwrap(), host, answer, Cut::Whole)
}

pub fn ask_cut(proxy: &Proxy, host: &str, answer: &[u8], cut: Cut) -> Outcome {
    let (stream, peer) = scripted();
    peer.state().reads = cut.clone();
    peer.state().writes = cut;
    peer.send(answer);
    peer.end();
    let result = now(tunnel(stream, proxy, host, 443));
    // What was not read by then comes to whoever reads on.
    let result = result.map(|(_, early)| {
        let unread = peer.state().input.iter().copied().collect::<Vec<u8>>();
        [early, unread].concat()
    });
    Outcome { sent: peer.taken(), result }
}
