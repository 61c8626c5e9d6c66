//! Compressed echo (RFC 7692): 1 KiB of JSON, each message compressed alone, in both directions.
//!
//! How a server compresses is its own business. So each message is sent once before anything is
//! measured, its answer is inflated and compared, and from then on exactly that answer is expected:
//! without context takeover a server says the same again. The size of the answers is reported too,
//! for whoever compresses less has less to do.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use crate::frames::{self, Opcode, Script};
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
        let mut said = Vec::new();
        frames::masked(Opcode::Text, true, &compressed(&text)?, &mut said);
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
    let mut state = seed * 7919 + 1;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    const CITIES: [&str; 6] = ["Oslo", "Lisboa", "Nairobi", "Daegu", "Lima", "Turku"];
    let mut text = String::from("[");
    loop {
        let mut record = String::new();
        let (id, city, at) = (next(1_000_000), CITIES[next(6) as usize], next(100_000_000));
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
    let mut bytes = vec![0; 2];
    stream.read_exact(&mut bytes)?;
    let (first, mut len) = (bytes[0], usize::from(bytes[1]));
    if len == 126 {
        let mut long = [0; 2];
        stream.read_exact(&mut long)?;
        bytes.extend_from_slice(&long);
        len = usize::from(u16::from_be_bytes(long));
    }
    if first & 0xbf != 0x81 || len > 2 * LEN {
        return Err(format!("the answer is no whole text: {first:02x} {len}").into());
    }
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload)?;
    bytes.extend_from_slice(&payload);
    Ok((first & 0x40 != 0, payload, bytes))
}
