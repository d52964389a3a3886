//! `bellwire bench`: a load generator.
//!
//! A few threads share the connections. The phases are: open all, load all, add up the results.
//! One wake-up reads, checks and refills a connection, however many replies have arrived. The load
//! generator therefore costs little, and the measurement is the server's.

mod called;
mod connection;
mod counts;
mod load;
mod process;
mod report;
mod stream;
mod worker;

pub use report::{Latency, Report, ServerProcess};

use crate::failure::Failure;
use crate::numbers::{number, seconds, time_limit};
use crate::output;
use crate::target;
use bellwire_std::{Network, resolve};
use called::{CallOptions, Called};
use clap::Args;
use connection::Connection;
use counts::Counts;
use indicatif::{ProgressBar, ProgressStyle};
use load::{Load, Named};
use process::Process;
use std::io;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use worker::{Address, Done, Plan, TICK, Target};

/// More threads than a load generator can use.
const MOST_THREADS: usize = 256;

/// The command line of `bellwire bench`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    target: target::Target,
    /// The number of connections to open.
    #[arg(short, long, value_name = "N", default_value_t = 50, value_parser = number(1..=1_000_000))]
    connections: usize,
    /// The requests that each connection keeps in flight; with 0, none is sent.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = number(0..=1_000_000))]
    pipeline: usize,
    /// The seconds to send requests for; with 0, each connection fills its pipeline once.
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    duration: Duration,
    /// The command to send, as the demo's client sends it.
    #[arg(long, value_enum, default_value_t = Named::String)]
    command: Named,
    /// Send these bytes as the request instead, to a server of your own. The escapes \n, \r, \t, \\
    /// and \xNN mean the same as in Rust.
    #[arg(long, value_name = "BYTES", requires = "reply", conflicts_with = "command", value_parser = load::unescape)]
    request: Option<load::Bytes>,
    /// The reply to expect to every --request, with the same escapes.
    #[arg(long, value_name = "BYTES", requires = "request", value_parser = load::unescape)]
    reply: Option<load::Bytes>,
    #[command(flatten)]
    called: CallOptions,
    /// The seconds that a reply, or opening a connection, may take before it counts as lost.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = time_limit)]
    timeout: Duration,
    /// The number of threads that share the connections [default: half the cores, up to 256].
    #[arg(long, value_name = "N", value_parser = number(1..=MOST_THREADS as u64))]
    threads: Option<usize>,
    /// The process ID of a server on this machine. Also reports its CPU time per request and its
    /// memory per connection (Linux).
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// The seconds to keep the connections open and idle at the end, before the memory is measured.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    hold: Duration,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Loads a server, and prints the result. SIGINT or SIGTERM ends the test early, with a report of the
/// time until then. A second signal ends the process at once.
///
/// # Errors
/// If no connection can be opened, a reply is wrong or lost, or printing fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let load = load(arguments)?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    let handler = move || {
        if told.swap(true, Ordering::Relaxed) {
            exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(Failure::other)?;
    let report = measure(arguments, &load, &stop)?;
    let printed = if arguments.json {
        let json = serde_json::to_string_pretty(&report);
        output::line(json.map_err(Failure::other)?)
    } else {
        output::print(&report)
    };
    match report.errors.values().sum::<u64>() {
        0 => Ok(printed?),
        1 => Err(Failure::other("1 error")),
        n => Err(Failure::other(format!("{n} errors"))),
    }
}

/// Returns the requests to send and the replies to expect.
fn load(arguments: &Arguments) -> Result<Load, Failure> {
    let Arguments {
        pipeline, timeout, ..
    } = *arguments;
    let called = Called::new(&arguments.called, &arguments.target, timeout)?;
    let load = match (called, &arguments.request, &arguments.reply) {
        (Some(called), _, _) => Load::called(called, pipeline),
        (None, Some(request), Some(reply)) => Load::new(&request.0, &reply.0, pipeline),
        _ => Load::named(arguments.command, pipeline),
    };
    load.map_err(Failure::usage)
}

fn measure(arguments: &Arguments, load: &Load, stop: &AtomicBool) -> Result<Report, Failure> {
    let address = &arguments.target.address;
    let target = Target {
        address: match address.network {
            Network::Unix => Address::Unix(address.text.clone().into()),
            Network::Serial if arguments.connections > 1 => {
                let problem = "a serial port has room for one connection: --connections 1";
                return Err(Failure::usage(problem));
            }
            Network::Serial => Address::Serial(address.text.clone()),
            network => Address::Tcp(resolve(network, &address.text)?),
        },
        tls: arguments.target.tls()?,
    };
    let server = arguments.server_pid.map(Process::new);
    let usage = || server.as_ref().map(Process::usage).transpose();
    let usage = || usage().map_err(Failure::other);
    let before = usage()?;

    let mut counts = Counts::default();
    let shares = open(arguments, &target, stop, &mut counts)?;
    let connections = shares.iter().map(Vec::len).sum();
    if connections == 0 {
        let reason = counts.errors.into_keys().next();
        let reason = reason.unwrap_or_else(|| "interrupted".to_owned());
        let problem = format!("cannot connect to {address}: {reason}");
        return Err(Failure::transport(problem));
    }

    let at_start = usage()?;
    let start = Instant::now();
    let plan = Plan {
        load,
        timeout: arguments.timeout,
        end: start + arguments.duration,
        stop,
        replies: &AtomicU64::new(0),
    };
    let done = share_out(&plan, shares, arguments.duration)?;
    let elapsed = start.elapsed();
    for (_, each) in &done {
        counts.add(each);
    }
    let at_end = usage()?;
    let held = Instant::now();
    while held.elapsed() < arguments.hold && !stop.load(Ordering::Relaxed) {
        thread::sleep(arguments.hold.saturating_sub(held.elapsed()).min(TICK));
    }
    let held_usage = usage()?;
    drop(done);

    let server_process = match (before, at_start, at_end, held_usage) {
        (Some(before), Some(at_start), Some(at_end), Some(held)) => Some(ServerProcess::new(
            at_end.cpu.saturating_sub(at_start.cpu),
            counts.replies(),
            held.memory.saturating_sub(before.memory),
            connections,
        )),
        _ => None,
    };
    Ok(Report::new(
        arguments,
        address.to_string(),
        connections,
        elapsed,
        counts,
        server_process,
    ))
}

/// Opens the connections, in one thread for each share.
fn open(
    arguments: &Arguments,
    target: &Target<'_>,
    stop: &AtomicBool,
    counts: &mut Counts,
) -> Result<Vec<Vec<Connection>>, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or((cores / 2).min(MOST_THREADS));
    let threads = threads.clamp(1, arguments.connections);
    let mut shares = Vec::new();
    thread::scope(|scope| {
        let open = |index| {
            let count = (arguments.connections + index) / threads;
            let work = move || worker::open(count, target, arguments.timeout, stop);
            thread::Builder::new().spawn_scoped(scope, work)
        };
        let opening = started((0..threads).map(open), stop)?;
        for (connections, errors) in opening.into_iter().filter_map(|thread| thread.join().ok()) {
            shares.push(connections);
            counts.add(&errors);
        }
        Ok(shares)
    })
}

/// Loads each share of the connections in its own thread, and shows the progress.
fn share_out(
    plan: &Plan<'_>,
    shares: Vec<Vec<Connection>>,
    duration: Duration,
) -> Result<Vec<Done>, Failure> {
    let bar = progress_bar(duration);
    let begin = Instant::now();
    thread::scope(|scope| {
        let work = |connections| {
            thread::Builder::new().spawn_scoped(scope, move || worker::run(plan, connections))
        };
        let working = started(shares.into_iter().map(work), plan.stop)?;
        while !working.iter().all(thread::ScopedJoinHandle::is_finished) {
            let replies = plan.replies.load(Ordering::Relaxed);
            bar.set_position(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX));
            bar.set_message(format!("{replies} replies"));
            thread::sleep(Duration::from_millis(5));
        }
        bar.finish_and_clear();
        working
            .into_iter()
            .map(|thread| {
                let done = thread.join();
                let done = done.map_err(|_| Failure::other("a thread panicked"))?;
                done.map_err(Failure::other)
            })
            .collect()
    })
}

/// Returns the threads. If one could not be started, stops the others.
fn started<T>(
    threads: impl Iterator<Item = io::Result<T>>,
    stop: &AtomicBool,
) -> Result<Vec<T>, Failure> {
    let threads = threads.collect::<io::Result<Vec<_>>>();
    threads.map_err(|error| {
        stop.store(true, Ordering::Relaxed);
        Failure::other(format!("cannot start a thread: {error}"))
    })
}

/// A progress bar on standard error, if that is a terminal.
fn progress_bar(duration: Duration) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}
