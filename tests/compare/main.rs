//! Measures `bellwire serve` and other servers, and writes the results to a README and a chart.
//! `bash tests/compare/run` builds all programs and runs it.

mod chart;
mod server;
mod table;

use bellwire_demo::bench::Report;
use clap::Parser;
use server::{Kind, Server};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Measures `bellwire serve` and other servers.
#[derive(Parser)]
struct Arguments {
    /// The binary `bellwire`.
    #[arg(long)]
    bellwire: PathBuf,
    /// The binary of the bare event loop.
    #[arg(long)]
    bare: PathBuf,
    /// The binary of the Go server.
    #[arg(long)]
    go: PathBuf,
    /// Text below the table: date and machine.
    #[arg(long)]
    note: String,
    /// Measurements for each row; the median counts. With one connection, a server shares a core with its
    /// client in some rounds only, so a few rounds are not enough.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Seconds to load a server in each round.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Idle connections for measuring memory.
    #[arg(long, default_value_t = 10_000)]
    idle: u32,
    /// The README to update. Without it, the table is only printed.
    #[arg(long, requires = "chart")]
    readme: Option<PathBuf>,
    /// The SVG file for the chart.
    #[arg(long)]
    chart: Option<PathBuf>,
}

/// The loads: connections, and requests in flight on each. The last load sends GOB and STRING.
const LOADS: [(usize, usize); 6] = [(1, 1), (32, 1), (32, 16), (1, 64), (500, 1), (32, 4)];

/// The row that sends GOB, which only some servers support.
const GOB: usize = LOADS.len() - 1;

/// The reports of all rounds, by load and server.
type Found = BTreeMap<(usize, Kind), Vec<Report>>;

/// Bytes per idle connection, by the number of its answered requests and the server.
type Memory = BTreeMap<(u32, Kind), f64>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut found = Found::new();
    let servers = Kind::ALL
        .iter()
        .map(|kind| Server::start(*kind, &arguments))
        .collect::<Result<Vec<_>, _>>()?;
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for (row, (connections, pipeline)) in LOADS.into_iter().enumerate() {
            let knows = |server: &&Server| row != GOB || server.kind.knows_gob();
            // Each round starts with another server, so the order does not favour any.
            let in_turn = servers.iter().cycle().skip(round).take(servers.len());
            for server in in_turn.filter(knows) {
                let load = [
                    format!("--connections={connections}"),
                    format!("--pipeline={pipeline}"),
                    format!("--duration={}", arguments.seconds),
                ];
                let dialect = match row {
                    GOB => &["--command=gob"],
                    _ => server.kind.dialect(),
                };
                let report = bench(&arguments, server, &load, dialect)?;
                found.entry((row, server.kind)).or_default().push(report);
            }
        }
    }
    drop(servers);

    let mut memory = Memory::new();
    for (used, kind) in [0, 1]
        .into_iter()
        .flat_map(|used| Kind::ALL.map(|kind| (used, kind)))
    {
        eprintln!("{} connections to {}", arguments.idle, kind.name());
        // Start a fresh server: one that was loaded keeps some memory.
        let server = Server::start(kind, &arguments)?;
        let load = [
            format!("--connections={}", arguments.idle),
            format!("--pipeline={used}"),
            "--duration=0".to_owned(),
            "--hold=5".to_owned(),
        ];
        let report = bench(&arguments, &server, &load, kind.dialect())?;
        memory.insert((used, kind), self::used(&report).memory_per_connection);
    }

    let table = table::write(&found, arguments.idle, &memory, &arguments.note);
    println!("{table}");
    for aim in table::aims(&found, &memory) {
        println!("{aim}");
    }
    if let (Some(readme), Some(chart)) = (&arguments.readme, &arguments.chart) {
        fs::write(chart, chart::draw(&found))?;
        table::put_into(readme, &table)?;
    }
    Ok(())
}

/// Loads a server with `bellwire bench` and returns its report.
fn bench(
    arguments: &Arguments,
    server: &Server,
    load: &[String],
    dialect: &[&str],
) -> Result<Report, Box<dyn Error>> {
    let output = Command::new(&arguments.bellwire)
        .args(["bench", "--json", "--timeout=30", &server.address])
        .arg(format!("--server-pid={}", server.pid()))
        .args(load)
        .args(dialect)
        .stderr(Stdio::inherit())
        .output()?;
    let report: Report = serde_json::from_slice(&output.stdout)?;
    if output.status.success() {
        Ok(report)
    } else {
        Err(format!("{}: {:?}", server.kind.name(), report.errors).into())
    }
}

fn used(report: &Report) -> bellwire_demo::bench::ServerProcess {
    report
        .server_process
        .expect("bench was given the server's process id")
}

/// Returns the median of a figure over all rounds.
fn median(reports: &[Report], figure: impl Fn(&Report) -> f64) -> f64 {
    let mut figures: Vec<_> = reports.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn cpu(reports: &[Report]) -> f64 {
    median(reports, |report| used(report).cpu_us_per_request)
}
