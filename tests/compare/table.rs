//! Writes the results as a Markdown table, and compares them with the aims.

use super::server::Kind;
use super::{Found, GOB, LOADS, Memory, cpu, median};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The lines before and after the table in the README.
const MARKS: [&str; 2] = ["<!-- measured -->\n", "<!-- end of measured -->"];

pub(crate) fn write(found: &Found, idle: u32, memory: &Memory, note: &str) -> String {
    let mut table = "| connections × in flight |".to_owned();
    for kind in Kind::ALL {
        let _ = write!(table, " {} |", kind.name());
    }
    let _ = writeln!(table, "\n|---|{}", "---|".repeat(Kind::ALL.len()));
    for (row, (connections, pipeline)) in LOADS.iter().enumerate() {
        let requests = if row == GOB { ", GOB and STRING" } else { "" };
        let _ = write!(table, "| {connections} × {pipeline}{requests} |");
        for kind in Kind::ALL {
            let Some(reports) = found.get(&(row, kind)) else {
                table.push_str(" – |");
                continue;
            };
            let rate = median(reports, |report| report.requests_per_second);
            let p99 = median(reports, |report| report.latency_us.p99);
            let _ = write!(
                table,
                " **{} µs**, {}/s, {} |",
                digits(cpu(reports)),
                grouped(rate),
                time(p99)
            );
        }
        table.push('\n');
    }
    for (used, state) in [(0, "fresh"), (1, "used once")] {
        let idle = grouped(f64::from(idle));
        let _ = write!(table, "| memory, {idle} idle, {state} |");
        for kind in Kind::ALL {
            let _ = write!(table, " {:.2} kB |", memory[&(used, kind)] / 1000.0);
        }
        table.push('\n');
    }
    let _ = write!(table, "\n{note}\n");
    table
}

/// Returns a line for each aim: whether it is met, the result and the limit.
pub(crate) fn aims(found: &Found, memory: &Memory) -> Vec<String> {
    let row = |load| LOADS.iter().position(|each| *each == load).unwrap_or(0);
    let of = |load, kind| cpu(&found[&(row(load), kind)]);
    let mut aims = Vec::new();
    let mut aim = |figure: String, value: f64, most: f64| {
        let met = if value <= most { "met" } else { "NOT MET" };
        aims.push(format!("{met}: {figure}: {value:.2}, at most {most:.2}"));
    };
    // The bare loop and Redis have one thread, so compare them with one worker.
    for load in [(32, 16), (1, 64)] {
        let ratio = of(load, Kind::Task) / of(load, Kind::Bare);
        aim(format!("CPU at {load:?} over the bare loop"), ratio, 1.15);
    }
    for load in &LOADS[..GOB] {
        let load = *load;
        let ratio = of(load, Kind::Task) / of(load, Kind::Redis);
        aim(format!("CPU at {load:?} over Redis"), ratio, 1.0);
    }
    let ratio = of((32, 16), Kind::Tasks) / of((32, 16), Kind::Go);
    aim("CPU at (32, 16) over Go".to_owned(), ratio, 1.0 / 8.0);
    let ratio = of(LOADS[GOB], Kind::Tasks) / of(LOADS[GOB], Kind::Go);
    aim(
        "CPU of GOB and STRING over Go".to_owned(),
        ratio,
        1.0 / 10.0,
    );
    let p99 = |kind| {
        median(&found[&(row((500, 1)), kind)], |report| {
            report.latency_us.p99
        })
    };
    let ratio = p99(Kind::Task) / p99(Kind::Redis);
    aim("p99 at (500, 1) over Redis".to_owned(), ratio, 1.0);
    for used in [0, 1] {
        let bytes = memory[&(used, Kind::Tasks)];
        aim(
            format!("kB an idle connection after {used} requests"),
            bytes / 1000.0,
            1.2,
        );
    }
    aims
}

/// Replaces the table between its marks in the README.
pub(crate) fn put_into(readme: &Path, table: &str) -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(readme)?;
    let (before, rest) = text.split_once(MARKS[0]).ok_or("the README has no mark")?;
    let (_, after) = rest
        .split_once(MARKS[1])
        .ok_or("the README has no end mark")?;
    fs::write(readme, [before, MARKS[0], table, MARKS[1], after].concat())?;
    Ok(())
}

/// Formats a number below 100 with three significant digits.
pub(crate) fn digits(number: f64) -> String {
    match number {
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// Formats a latency given in microseconds.
fn time(microseconds: f64) -> String {
    match microseconds {
        1000.0.. => format!("{} ms", digits(microseconds / 1000.0)),
        _ => format!("{microseconds:.0} µs"),
    }
}

/// Formats a number rounded to three significant digits, with spaces between groups of three.
fn grouped(number: f64) -> String {
    let unit = 10f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (number / unit).round() * unit);
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
