//! The workloads that are an echo: what is sent, on how many connections, how many at once.

use bowstring_testing::frames::{BINARY, FIN, TEXT, client_frame, server_frame};
use bowstring_testing::random::Random;

use crate::script::Script;

pub struct Workload {
    name: &'static str,
    pub connections: usize,
    /// Messages in one write; the next follow when all have come back.
    at_once: usize,
    opcode: u8,
    len: usize,
    text: fn(usize, usize) -> Vec<u8>,
}

const WORKLOADS: [Workload; 9] = [
    workload("a", 64, 1, TEXT, 20, ascii),
    workload("b", 64, 16, TEXT, 20, ascii),
    workload("c", 64, 1, BINARY, 1 << 10, bytes),
    workload("c16", 16, 16, BINARY, 1 << 10, bytes),
    workload("d", 64, 1, BINARY, 16 << 10, bytes),
    workload("e", 4, 1, BINARY, 1 << 20, bytes),
    workload("e4", 4, 1, BINARY, 4 << 20, bytes),
    workload("f", 16, 1, TEXT, 64 << 10, korean),
    workload("a512", 512, 1, TEXT, 20, ascii),
];

const fn workload(
    name: &'static str,
    connections: usize,
    at_once: usize,
    opcode: u8,
    len: usize,
    text: fn(usize, usize) -> Vec<u8>,
) -> Workload {
    Workload { name, connections, at_once, opcode, len, text }
}

pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
}

impl Workload {
    /// Whether messages are so large that memory for them is worth a look.
    pub fn is_large(&self) -> bool {
        self.len >= 1 << 20
    }

    /// What the connections say, and what they must hear. Connections differ in what they say as far
    /// as the generator's caches allow, so that answers that were mixed up are noticed.
    pub fn script(&self, raw: bool) -> Script {
        let variants = (CACHED / (self.len * self.at_once)).clamp(1, self.connections);
        let mut script = Script::new(self.at_once);
        for variant in 0..variants {
            let (mut said, mut heard) = (Vec::new(), Vec::new());
            for n in 0..self.at_once {
                let payload = (self.text)(self.len, variant * self.at_once + n);
                let at = said.len();
                said.extend(client_frame(FIN | self.opcode, &payload));
                if raw {
                    heard.extend_from_slice(&said[at..]);
                } else {
                    heard.extend(server_frame(FIN | self.opcode, &payload));
                }
            }
            script.push(said, heard);
        }
        script
    }
}

/// How many bytes of messages the generator may have: about what stays in a core's own cache.
const CACHED: usize = 128 << 10;

fn ascii(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|i| b'a' + ((i * 7 + seed * 3) % 26) as u8).collect()
}

fn bytes(len: usize, seed: usize) -> Vec<u8> {
    Random::new(seed as u64).bytes(len)
}

/// Korean as it is written, spaces and full stops among the letters of three bytes; ASCII fills up
/// what no letter fits into.
fn korean(len: usize, seed: usize) -> Vec<u8> {
    const LINE: &str = "활시위를 당기면 소리가 난다. 바람이 부는 언덕에서 우리는 멀리 보이는 강을 \
                        따라 천천히 걸었고, 저녁이 되자 마을에 작은 등불이 하나둘 켜졌다. ";
    let mut text = String::with_capacity(len);
    for letter in LINE.chars().cycle().skip(seed) {
        if text.len() + letter.len_utf8() > len {
            break;
        }
        text.push(letter);
    }
    let mut text = text.into_bytes();
    text.resize(len, b'.');
    text
}
