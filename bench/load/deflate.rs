//! Compressed echo (RFC 7692): 1 KiB of JSON, each message compressed alone, in both directions.
//!
//! How a server compresses is its own business. So each message is sent once before anything is
//! measured, its answer is inflated and compared, and from then on exactly that answer is expected:
//! without context takeover a server says the same again. The size of the answers is reported too,
//! because a server that compresses less has less to do.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use bowstring_testing::frames::{FIN, Frame, RSV1, TEXT, client_frame};
use bowstring_testing::random::Random;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::script::Script;
use crate::{Failure, connection};

pub const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

const VARIANTS: usize = 16;
const LEN: usize = 1024;

/// What to send and what to expect, and how many bytes of payload the answers have on average.
pub fn script(port: u16) -> Result<(Script, f64), Failure> {
    let mut stream = connection::open(port, Some(OFFER))?;
    let mut script = Script::new(1);
    let mut total = 0;
    for seed in 0..VARIANTS {
        let text = json(seed as u32);
        let said = client_frame(FIN | RSV1 | TEXT, compressed(&text)?);
        stream.write_all(&said)?;
        let (compressed, payload, heard) = answer(&mut stream)?;
        let inflated = if compressed { inflated(&payload)? } else { payload.clone() };
        if inflated != text {
            return Err("a compressed answer is another text".into());
        }
        total += payload.len();
        script.push(said, heard);
    }
    Ok((script, total as f64 / VARIANTS as f64))
}

/// Records as an application would send them: the same names, other values.
fn json(seed: u32) -> Vec<u8> {
    let mut random = Random::new(seed.into());
    let mut next = |below: usize| random.below(below);
    const CITIES: [&str; 6] = ["Oslo", "Lisboa", "Nairobi", "Daegu", "Lima", "Turku"];
    let mut text = String::from("[");
    loop {
        let mut record = String::new();
        let (id, city, at) = (next(1_000_000), CITIES[next(6)], next(100_000_000));
        let (price, cents, open) = (next(900), next(100), next(2) == 0);
        write!(
            record,
            r#"{{"id":{id},"city":"{city}","time":16{at:08},"price":{price}.{cents:02},"open":{open}}},"#
        )
        .expect("a String takes everything");
        if text.len() + record.len() + 2 > LEN {
            break;
        }
        text += &record;
    }
    // White space is JSON too.
    text.pop();
    text.push(']');
    let mut text = text.into_bytes();
    text.resize(LEN, b' ');
    text
}

/// One message's payload (§7.2.1): a sync flush, without the four bytes at its end.
fn compressed(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut engine = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(2 * LEN);
    engine.compress_vec(text, &mut out, FlushCompress::Sync)?;
    out.truncate(out.len() - 4);
    Ok(out)
}

fn inflated(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut engine = Decompress::new(false);
    let mut out = Vec::with_capacity(2 * LEN);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    engine.decompress_vec(&whole, &mut out, FlushDecompress::Sync)?;
    Ok(out)
}

/// One frame of the server: whether it is compressed, its payload, and all of its bytes.
fn answer(stream: &mut TcpStream) -> Result<(bool, Vec<u8>, Vec<u8>), Failure> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 2 * LEN]);
    loop {
        if let Some((frame, len)) = Frame::parse(&bytes) {
            if frame.first() & !RSV1 != FIN | TEXT || len != bytes.len() {
                return Err(format!("the answer is no whole text: {frame:?}").into());
            }
            return Ok((frame.first() & RSV1 != 0, frame.payload, bytes));
        }
        match stream.read(&mut piece)? {
            0 => return Err("the server ended before its answer did".into()),
            _ if bytes.len() > 2 * LEN => return Err("the answer is too long".into()),
            len => bytes.extend_from_slice(&piece[..len]),
        }
    }
}
