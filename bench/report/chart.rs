//! A bar chart: one panel for each echo workload, a bar for each peer, the shortest on top.

use std::fmt::Write as _;

use super::results::{Measure, ROWS, Results, Row};

const COLUMNS: usize = 4;
const LABEL: f64 = 112.0;
const BAR: f64 = 120.0;
const WIDTH: f64 = LABEL + BAR + 46.0;
const LINE: f64 = 15.0;
/// Where bars are cut; their numbers tell the rest.
const CUT: f64 = 4.0;

pub fn svg(results: &Results, about: &str) -> String {
    let panels: Vec<_> = ROWS
        .iter()
        .filter(|row| row.measure == Measure::Over("raw-epoll"))
        .map(|row| (row, bars(results, row)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let height = panels.iter().map(|(_, bars)| bars.len()).max().unwrap_or(0) as f64 * LINE + 52.0;
    let columns = panels.len().clamp(1, COLUMNS);
    let lines = panels.len().div_ceil(COLUMNS);
    let (wide, high) = (columns as f64 * WIDTH + 16.0, lines as f64 * height + 60.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" \
         viewBox=\"0 0 {wide} {high}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"22\" font-size=\"15\" fill=\"#222\">CPU time of the server per message ÷ \
         raw epoll echo (less is better)</text>\n\
         <text x=\"12\" y=\"40\" fill=\"#777\">{}</text>\n",
        escaped(about.lines().next().unwrap_or_default())
    );
    for (n, (row, bars)) in panels.iter().enumerate() {
        let x = (n % COLUMNS) as f64 * WIDTH + 12.0;
        let y = (n / COLUMNS) as f64 * height + 66.0;
        panel(&mut text, x, y, row, bars);
    }
    text + "</svg>\n"
}

/// Who did it, and at what ratio.
fn bars<'a>(results: &'a Results, row: &Row) -> Vec<(&'a str, f64)> {
    let told = |peer: &'a String| Some((&**peer, results.told(row, peer)?.median));
    let mut bars: Vec<_> =
        results.peers.iter().filter(|peer| *peer != "raw-epoll").filter_map(told).collect();
    bars.sort_by(|left, right| left.1.total_cmp(&right.1));
    bars
}

fn panel(text: &mut String, x: f64, y: f64, row: &Row, bars: &[(&str, f64)]) {
    let _ = writeln!(
        text,
        "<text x=\"{x}\" y=\"{y}\" fill=\"#222\"><tspan font-weight=\"bold\">{}</tspan> {}</text>",
        row.name,
        escaped(row.what)
    );
    for (n, (peer, ratio)) in bars.iter().enumerate() {
        let top = y + 10.0 + n as f64 * LINE;
        let (start, base) = (x + LABEL, top + LINE - 5.0);
        let len = ratio.min(CUT) / CUT * BAR;
        let colour = match *peer {
            "bowstring" => "#c2410c",
            peer if peer.starts_with("bowstring") => "#fb923c",
            "raw-tokio" => "#9ca3af",
            _ => "#7aa2d6",
        };
        let weight = if peer.starts_with("bowstring") { "bold" } else { "normal" };
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\" fill=\"#444\" \
             font-weight=\"{weight}\">{peer}</text>\
             <rect x=\"{start}\" y=\"{top}\" width=\"{len:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{base}\" fill=\"#222\">{ratio:.2}{}</text>",
            start - 5.0,
            LINE - 3.0,
            start + len + 4.0,
            if *ratio > CUT { " »" } else { "" }
        );
    }
    // The limit.
    let limit = x + LABEL + BAR / CUT;
    let _ = writeln!(
        text,
        "<path d=\"M{limit} {}v{}\" stroke=\"#222\" stroke-dasharray=\"2 2\"/>",
        y + 8.0,
        bars.len() as f64 * LINE + 2.0
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
