//! The command line of the demo.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

use bellwire::Printable;
use bellwire_demo::output::{Unprinted, of_standard_output};
use bellwire_demo::{bench, connect, convert, files, loopback, serve, tour};
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

/// Named commands with typed payloads over any byte stream.
///
/// Without a command: the tour, which lets a server and a client talk over TCP and over smoltcp, and
/// shows what each sends and receives.
///
/// When whoever reads the output goes, as `head` does, every command ends without a word and with
/// success. SERVER and ADDR are HOST, HOST:PORT, :PORT, an IPv6 address (in brackets if a port follows) or
/// unix:PATH; the port is 61000 unless given.
#[derive(Parser)]
#[command(name = "bellwire", version)]
struct Arguments {
    /// Log more: connections that come and go.
    #[arg(short, long, global = true)]
    verbose: bool,

    /// Log less: warnings and errors only, not what arrives.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve STRING, POSTCARD and GOB until SIGINT or SIGTERM.
    Serve(serve::Arguments),
    /// Send a text and a structure to a server, and print its replies.
    ///
    /// Characters in them that would command a terminal, or hide text, are escaped, also in a pipe.
    Connect(connect::Arguments),
    /// Print the values that come on standard input as JSON, a line each.
    Decode(convert::DecodeArguments),
    /// Encode the structures that come as JSON on standard input.
    ///
    /// Names of fields are exact: an unknown field, or one that comes twice, is an error. An empty map,
    /// and empty bytes, are encoded as nil.
    Encode(convert::EncodeArguments),
    /// Let clients and a server talk over smoltcp, and measure their round trips.
    Loopback {
        /// Capture the packets in this file, for Wireshark.
        #[arg(long, value_name = "FILE")]
        pcap: Option<PathBuf>,
    },
    /// Load a server, check every reply, and print requests a second and latencies.
    ///
    /// The load is a closed loop: each connection sends its next request when a reply has arrived.
    /// So a latency is the time from sending a request to having its reply, those ahead of it in
    /// the pipeline included; and while the server stalls nothing is sent, so that one stall counts
    /// once for each request in flight, and not for all that users would have sent meanwhile.
    ///
    /// It fails if any reply was wrong or did not come.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.verbose, arguments.quiet);
    files::raise_limit();
    let result = match arguments.command {
        None => tour::run(),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Connect(arguments)) => connect::run(&arguments),
        Some(Command::Decode(arguments)) => convert::decode(&arguments).map_err(of_standard_output),
        Some(Command::Encode(arguments)) => convert::encode(&arguments).map_err(of_standard_output),
        Some(Command::Loopback { pcap }) => loopback::run(pcap.as_deref()),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.downcast_ref().is_some_and(Unprinted::is_closed) => ExitCode::SUCCESS,
        Err(error) => {
            // An error may quote a peer or a file. If nobody reads it either, the exit code remains.
            let error = error.to_string();
            let _ = writeln!(io::stderr(), "bellwire: {}", Printable::new(&error));
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error, each line with the file and line of the code that wrote it.
fn start_log(verbose: bool, quiet: bool) {
    let level = match (verbose, quiet) {
        (true, _) => LevelFilter::DEBUG,
        (false, false) => LevelFilter::INFO,
        (false, true) => LevelFilter::WARN,
    };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        // It would be told on standard error, by a macro that panics if that is what failed.
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false)
        .with_file(true)
        .with_line_number(true)
        .with_max_level(level)
        .init();
}
