//! The table as Markdown, and every figure as JSON.

use std::fmt::Write as _;

use super::results::{Measure, ROWS, Results, Row, Spread};

pub fn markdown(results: &Results, about: &str, notes: &str) -> String {
    let mut text = String::from("# Results of `bench/run.sh`\n\n");
    for line in about.lines() {
        let _ = writeln!(text, "{line}\n");
    }
    text += "CPU time of the server per message as a multiple of the raw epoll echo's, unless a row \
             says otherwise: the median of the rounds (smallest–largest). Less is better. In brackets \
             after raw-epoll: its nanoseconds. A dash: there is no server of that peer for the \
             workload, or it is named at the end.\n\n";
    let rows = ROWS
        .iter()
        .filter(|row| results.peers.iter().any(|peer| results.absolute(row.name, peer).is_some()));
    let rows: Vec<_> = rows.collect();
    let _ = writeln!(
        text,
        "| |{}",
        rows.iter().map(|row| format!(" {} |", row.name)).collect::<String>()
    );
    let _ = writeln!(text, "|---|{}", "---|".repeat(rows.len()));
    for peer in &results.peers {
        let _ = write!(text, "| {peer} |");
        for row in &rows {
            let _ = write!(text, " {} |", cell(results, row, peer));
        }
        text.push('\n');
    }
    text.push('\n');
    for row in rows {
        let _ = writeln!(text, "- {}: {}", row.name, row.what);
    }
    text += &growth(results);
    if !notes.is_empty() {
        text += "\nNot measured, or not as it should be:\n\n";
        for line in notes.lines() {
            let _ = writeln!(text, "- {line}");
        }
    }
    text
}

fn cell(results: &Results, row: &Row, peer: &str) -> String {
    let base = row.measure == Measure::Over("raw-epoll") && peer == "raw-epoll";
    match (results.told(row, peer), results.absolute(row.name, peer)) {
        (Some(_), Some(absolute)) if base => format!("1 ({:.0})", absolute.median),
        (Some(told), _) => shown(told, row.measure == Measure::Bytes),
        // What it would be compared with is missing.
        (None, Some(absolute)) => format!("{:.0} ns", absolute.median),
        (None, None) => "–".to_owned(),
    }
}

fn shown(spread: Spread, whole: bool) -> String {
    let Spread { median, min, max } = spread;
    match whole {
        true if min == max => format!("{median:.0}"),
        true => format!("{median:.0} ({min:.0}–{max:.0})"),
        false if min == max => format!("{median:.2}"),
        false => format!("{median:.2} ({min:.2}–{max:.2})"),
    }
}

/// What eight times as many busy connections cost each peer.
fn growth(results: &Results) -> String {
    let mut text = String::new();
    for peer in &results.peers {
        if let Some(ratio) = results.ratio(("a512", peer), ("a", peer)) {
            let _ = write!(text, " {peer} {},", shown(ratio, false));
        }
    }
    if text.is_empty() {
        return text;
    }
    text.pop();
    format!(
        "\n512 busy connections over 64, the same server's time per message (a512 ÷ a):{text}.\n"
    )
}

pub fn json(results: &Results) -> String {
    let mut lines = Vec::new();
    for row in &ROWS {
        for peer in &results.peers {
            let rounds: Vec<_> =
                results.rounds(row.name, peer).map(|(_, value)| value.to_string()).collect();
            if !rounds.is_empty() {
                let (row, rounds) = (row.name, rounds.join(", "));
                lines.push(format!(
                    "  {{\"row\": \"{row}\", \"peer\": \"{peer}\", \"rounds\": [{rounds}]}}"
                ));
            }
        }
    }
    format!("[\n{}\n]\n", lines.join(",\n"))
}
