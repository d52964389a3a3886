//! `bellwire bench`: a load generator.
//!
//! Few threads, each with its share of the connections: all are opened, then all are loaded, then
//! what happened is added up. Reading, checking and refilling a connection is one wake-up's work,
//! however many replies arrived, so that the server is measured and not this.

mod link;
mod load;
mod process;
mod report;
mod tally;
mod worker;

pub use report::{Latency, Report, ServerProcess};

use crate::connect::with_port;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use link::Link;
use load::{Load, Named};
use process::Process;
use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tally::Tally;
use worker::{Done, Plan};

/// What `bellwire bench` is told on its command line.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The server: HOST or HOST:PORT; the port is 61000 unless given.
    #[arg(value_name = "HOST[:PORT]")]
    server: String,
    /// How many connections to open.
    #[arg(short, long, value_name = "N", default_value_t = 50)]
    connections: usize,
    /// How many requests each connection keeps in flight; with 0, none is sent.
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pipeline: usize,
    /// For how many seconds to send requests; with 0, each connection fills its pipeline once.
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    duration: Duration,
    /// The command to send, as the demo's client sends it.
    #[arg(long, value_enum, default_value_t = Named::String)]
    command: Named,
    /// Send these bytes as the request instead, for a server of your own; \n, \r, \t, \\ and \xNN
    /// mean what they do in Rust.
    #[arg(long, value_name = "BYTES", requires = "reply", conflicts_with = "command", value_parser = load::unescape)]
    request: Option<load::Bytes>,
    /// The reply that --request is to get, each time the same, written the same way.
    #[arg(long, value_name = "BYTES", requires = "request", value_parser = load::unescape)]
    reply: Option<load::Bytes>,
    /// How many seconds a reply may take, and a connection to open, before it counts as lost.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// How many threads share the connections [default: half the cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The process of the server, where it runs on this machine: its CPU time for each request and
    /// its memory for each connection are reported too (Linux).
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// How many seconds to keep the connections open and idle at the end, before the memory is
    /// measured.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    hold: Duration,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Loads a server, and prints how it did.
///
/// # Errors
/// When no connection can be opened, or any reply was wrong or lost.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let report = measure(arguments)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    match report.errors.values().sum::<u64>() {
        0 => Ok(()),
        1 => Err("1 error".into()),
        n => Err(format!("{n} errors").into()),
    }
}

fn measure(arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let address = with_port(&arguments.server);
    let unreachable = |error| format!("cannot connect to {address}: {error}");
    let addresses: Vec<_> = address.to_socket_addrs().map_err(unreachable)?.collect();
    let load = match (&arguments.request, &arguments.reply) {
        (Some(request), Some(reply)) => Load::new(&request.0, &reply.0, arguments.pipeline),
        _ => Load::named(arguments.command, arguments.pipeline),
    }?;
    let server = arguments.server_pid.map(Process::new);
    let before = server.as_ref().map(Process::usage).transpose()?;

    let mut tally = Tally::default();
    let shares = open(arguments, &addresses, &mut tally);
    let connections = shares.iter().map(Vec::len).sum();
    if connections == 0 {
        let reason = tally.errors.into_keys().next().unwrap_or_default();
        return Err(format!("cannot connect to {address}: {reason}").into());
    }

    let at_start = server.as_ref().map(Process::usage).transpose()?;
    let start = Instant::now();
    let plan = Plan {
        load: &load,
        timeout: arguments.timeout,
        end: start + arguments.duration,
        replies: &AtomicU64::new(0),
    };
    let done = share_out(&plan, shares, arguments.duration)?;
    let elapsed = start.elapsed();
    for (_, each) in &done {
        tally.add(each);
    }
    let at_end = server.as_ref().map(Process::usage).transpose()?;
    thread::sleep(arguments.hold);
    let held_usage = server.as_ref().map(Process::usage).transpose()?;
    drop(done);

    let server_process = match (before, at_start, at_end, held_usage) {
        (Some(before), Some(at_start), Some(at_end), Some(held)) => Some(ServerProcess::new(
            at_end.cpu.saturating_sub(at_start.cpu),
            tally.replies(),
            held.memory.saturating_sub(before.memory),
            connections,
        )),
        _ => None,
    };
    Ok(Report::new(
        arguments,
        address,
        connections,
        elapsed,
        tally,
        server_process,
    ))
}

/// Opens the connections, those of each thread by itself.
fn open(arguments: &Arguments, addresses: &[SocketAddr], tally: &mut Tally) -> Vec<Vec<Link>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores / 2);
    let threads = threads.clamp(1, arguments.connections.max(1));
    let mut shares = Vec::new();
    thread::scope(|scope| {
        let opening: Vec<_> = (0..threads)
            .map(|index| {
                let count = (arguments.connections + index) / threads;
                scope.spawn(move || worker::open(count, addresses, arguments.timeout))
            })
            .collect();
        for (links, errors) in opening.into_iter().filter_map(|thread| thread.join().ok()) {
            shares.push(links);
            tally.add(&errors);
        }
    });
    shares
}

/// Has each share of the connections loaded by a thread, and shows how far it is.
fn share_out(
    plan: &Plan<'_>,
    shares: Vec<Vec<Link>>,
    duration: Duration,
) -> Result<Vec<Done>, Box<dyn Error>> {
    let bar = progress_bar(duration);
    let begin = Instant::now();
    thread::scope(|scope| {
        let working: Vec<_> = shares
            .into_iter()
            .map(|links| scope.spawn(move || worker::run(plan, links)))
            .collect();
        while !working.iter().all(thread::ScopedJoinHandle::is_finished) {
            let replies = plan.replies.load(Ordering::Relaxed);
            bar.set_position(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX));
            bar.set_message(format!("{replies} replies"));
            thread::sleep(Duration::from_millis(5));
        }
        bar.finish_and_clear();
        working
            .into_iter()
            .map(|thread| Ok(thread.join().map_err(|_| "a thread panicked")??))
            .collect()
    })
}

/// A bar on standard error, where that is a terminal.
fn progress_bar(duration: Duration) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
