//! Frames as bytes (RFC 6455 §5.2), made before anything is measured.

#[derive(Clone, Copy)]
pub enum Opcode {
    Text = 1,
    Binary = 2,
}

/// What connections say in one write, and what they must hear before the next. There are a few
/// variants; connection `i` has the `i`-th, round and round.
pub struct Script {
    /// Messages in one write.
    pub at_once: usize,
    variants: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Script {
    pub fn new(at_once: usize) -> Self {
        Self { at_once, variants: Vec::new() }
    }

    pub fn push(&mut self, said: Vec<u8>, heard: Vec<u8>) {
        self.variants.push((said, heard));
    }

    pub fn said(&self, connection: usize) -> &[u8] {
        &self.variants[connection % self.variants.len()].0
    }

    pub fn heard(&self, connection: usize) -> &[u8] {
        &self.variants[connection % self.variants.len()].1
    }
}

/// A client's frame: the header, the key, the payload under it.
pub fn masked(opcode: Opcode, compressed: bool, payload: &[u8], out: &mut Vec<u8>) {
    const RSV1: u8 = 0x40;
    let key = [0x37, 0xfa, 0x21, 0x3d ^ payload.len() as u8];
    header(opcode as u8 | if compressed { RSV1 } else { 0 }, 0x80, payload.len(), out);
    out.extend_from_slice(&key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A server's frame.
pub fn plain(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    header(opcode as u8, 0, payload.len(), out);
    out.extend_from_slice(payload);
}

fn header(opcode: u8, mask: u8, len: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match len {
        0..=125 => out.push(mask | len as u8),
        126..=0xffff => {
            out.push(mask | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
