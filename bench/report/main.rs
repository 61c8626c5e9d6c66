//! From what was measured to what is read: `report RAW ABOUT NOTES DIRECTORY`.
//!
//! `RAW` has a line for each figure: round, peer, row, value. Prints the table, and saves it as
//! `table.md`, `results.json` and `chart.svg`.

mod chart;
mod results;
mod table;

use std::process::ExitCode;
use std::{env, fs};

use results::Results;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [raw, about, notes, directory] = &args[..] else {
        return Err("usage: report RAW ABOUT NOTES DIRECTORY".into());
    };
    let results = Results::parse(&fs::read_to_string(raw)?)?;
    let about = fs::read_to_string(about)?;
    let table = table::markdown(&results, &about, &fs::read_to_string(notes)?);
    print!("{table}");
    fs::write(format!("{directory}/table.md"), table)?;
    fs::write(format!("{directory}/results.json"), table::json(&results))?;
    fs::write(format!("{directory}/chart.svg"), chart::svg(&results, &about))?;
    Ok(())
}
