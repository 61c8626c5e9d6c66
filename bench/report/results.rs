//! Figures by peer and row, and the ratios between them.
//!
//! A ratio is taken within a round, where the machine was in the same mood for both; then the median
//! of the rounds is what is told, and the smallest and the largest say how far to trust it.

use std::collections::BTreeMap;

/// What a row is to be compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nanoseconds, as a multiple of this peer's.
    Over(&'static str),
    /// Bytes, as they are.
    Bytes,
    /// A number of events, as it is.
    Count,
}

pub struct Row {
    pub name: &'static str,
    pub what: &'static str,
    pub measure: Measure,
}

const LIMIT: Measure = Measure::Over("raw-epoll");

pub const ROWS: [Row; 19] = [
    row("a", "20 B text, 64 connections, 1 in flight", LIMIT),
    row("b", "20 B text, 64 × 16 per write", LIMIT),
    row("c", "1 KiB binary, 64 × 1", LIMIT),
    row("c16", "1 KiB binary, 16 × 16 per write", LIMIT),
    row("d", "16 KiB binary, 64 × 1", LIMIT),
    row("e", "1 MiB binary, 4 × 1", LIMIT),
    row("e-faults", "the server's minor page faults per message of e", Measure::Count),
    row("e4", "4 MiB binary, 4 × 1", LIMIT),
    row("e4-faults", "the server's minor page faults per message of e4", Measure::Count),
    row("f", "64 KiB Korean text, 16 × 1", LIMIT),
    row("a512", "a with 512 connections", LIMIT),
    row("h", "opening handshakes", LIMIT),
    row("i", "broadcast of 100 B to 1,000, per delivery", LIMIT),
    row("room4", "4 messages of 100 B per write to 200, per delivery", LIMIT),
    row("room64", "64 messages of 100 B per write to 200, per delivery", LIMIT),
    row("j", "compressed echo of 1 KiB JSON, ÷ Bun", Measure::Over("bun")),
    row("j-bytes", "its answers, bytes", Measure::Bytes),
    row("g", "idle connection, bytes", Measure::Bytes),
    row("g1", "the same after one message, bytes", Measure::Bytes),
];

const fn row(name: &'static str, what: &'static str, measure: Measure) -> Row {
    Row { name, what, measure }
}

/// A median with its smallest and largest.
#[derive(Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

pub struct Results {
    /// In the order in which they were measured first.
    pub peers: Vec<String>,
    /// By row, peer and round.
    values: BTreeMap<(String, String, u32), f64>,
}

impl Results {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut peers, mut values) = (Vec::<String>::new(), BTreeMap::new());
        for line in text.lines() {
            let words: Vec<_> = line.split('\t').collect();
            let &[round, peer, row, value] = &words[..] else {
                return Err(format!("{line:?} is no figure"));
            };
            let (Ok(round), Ok(value)) = (round.parse(), value.parse()) else {
                return Err(format!("{line:?} has no number"));
            };
            if !peers.iter().any(|known| known == peer) {
                peers.push(peer.to_owned());
            }
            values.insert((row.to_owned(), peer.to_owned(), round), value);
        }
        Ok(Self { peers, values })
    }

    /// What was measured.
    pub fn absolute(&self, row: &str, peer: &str) -> Option<Spread> {
        spread(self.rounds(row, peer).map(|(_, value)| value).collect())
    }

    /// What is told: a ratio, or bytes.
    pub fn told(&self, row: &Row, peer: &str) -> Option<Spread> {
        match row.measure {
            Measure::Bytes | Measure::Count => self.absolute(row.name, peer),
            Measure::Over(base) => self.ratio((row.name, peer), (row.name, base)),
        }
    }

    /// One row of a peer over another, round by round.
    pub fn ratio(&self, over: (&str, &str), under: (&str, &str)) -> Option<Spread> {
        let ratios = self.rounds(over.0, over.1).filter_map(|(round, value)| {
            let base = self.values.get(&(under.0.to_owned(), under.1.to_owned(), round))?;
            Some(value / base)
        });
        spread(ratios.collect())
    }

    pub fn rounds(&self, row: &str, peer: &str) -> impl Iterator<Item = (u32, f64)> {
        let first = (row.to_owned(), peer.to_owned(), 0);
        let last = (row.to_owned(), peer.to_owned(), u32::MAX);
        self.values.range(first..=last).map(|((.., round), value)| (*round, *value))
    }
}

fn spread(mut values: Vec<f64>) -> Option<Spread> {
    values.sort_by(f64::total_cmp);
    let (&min, &max) = (values.first()?, values.last()?);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    Some(Spread { median: low.midpoint(high), min, max })
}
