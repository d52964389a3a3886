//! The command line of the demo.
#![forbid(unsafe_code)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

use bellwire::Printable;
use bellwire_demo::failure::Failure;
use bellwire_demo::output::{self, Unprinted, of_standard_output};
use bellwire_demo::{
    bench, call, connect, convert, files, list, loopback, serve, shell, tour, watch,
};
use clap::{CommandFactory, Parser, Subcommand};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::LevelFilter;

/// Named commands with typed payloads over any byte stream.
///
/// Without a command, runs the tour: a server and a client talk over TCP and over smoltcp, and each
/// message is printed.
///
/// When the reader of standard output goes away, as `head` does, every command ends silently and with success.
/// `connect`, `list`, `call`, `shell`, `watch` and `bench` exit with 1 if the server refused, a reply was wrong or the
/// output failed. They exit with 2 for wrong arguments or values, and with 3 if the connection failed.
///
/// SERVER and ADDR are HOST, HOST:PORT, :PORT, an IPv6 address (in brackets if a port follows) or unix:PATH. The
/// default port is 61000. SERVER may also be serial:PATH, a serial port, with options: serial:PATH?baud=9600 sets the
/// baud rate, 115200 by default. serial:PATH?plain sends requests as they are, for a device without a link.
#[derive(Parser)]
#[command(name = "bellwire", version)]
struct Arguments {
    /// Log more: also connections that open and close.
    #[arg(short, long, global = true)]
    verbose: bool,

    /// Log less: only warnings and errors, not the received values.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve STRING, POSTCARD, GOB and the topic TICK until SIGINT or SIGTERM.
    Serve(serve::Arguments),
    /// Send a text and a structure to a server, and print its replies.
    ///
    /// Characters that would control a terminal or hide text are escaped, even if the output is a pipe.
    Connect(connect::Arguments),
    /// List the commands and topics of a server.
    List(list::Arguments),
    /// Call a command of a server, with JSON.
    ///
    /// The server describes its commands, so you need no program of your own. The reply is one line of JSON.
    Call(call::Arguments),
    /// Call commands of a server from a prompt, or from lines on standard input.
    ///
    /// A line is a command's name, then its request as for `call`. `help` lists the commands and topics. `call NAME
    /// VALUE` also calls a command named `help` or `call`. The prompt has a history and completes names. Without a
    /// terminal there is no prompt. Errors go to standard error.
    Shell(shell::Arguments),
    /// Print the values of topics as a server publishes them, until Ctrl-C.
    ///
    /// Each is a line of JSON: `{"time":"…","topic":"TICK","value":5}`. `"lost":3` means that three values were lost
    /// here. `"lost":null` means that the connection was lost, and an unknown number of values with it; the lines after
    /// it come from a new connection.
    Watch(watch::Arguments),
    /// Print the completions of a command-line shell, such as bash.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Decode the values on standard input, and print each as a line of JSON.
    Decode(convert::DecodeArguments),
    /// Encode the JSON structures on standard input.
    ///
    /// Field names are exact: an unknown or duplicate field is an error. An empty map and empty bytes are
    /// encoded as nil.
    Encode(convert::EncodeArguments),
    /// Run clients and a server over smoltcp, and measure their round trips.
    Loopback {
        /// Capture the packets in this file, for Wireshark.
        #[arg(long, value_name = "FILE")]
        pcap: Option<PathBuf>,
    },
    /// Load a server, check every reply, and print requests per second and latencies.
    ///
    /// The load is a closed loop: each connection sends its next request after a reply arrives.
    /// A latency is the time from sending a request until its reply arrives, including the time that
    /// earlier requests in the pipeline take. While the server stalls, nothing is sent. One stall
    /// therefore counts once for each request in flight, not for every request that users would have
    /// sent meanwhile.
    ///
    /// Fails if any reply was wrong or missing. `--call` loads any command that the server describes.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.verbose, arguments.quiet);
    files::raise_limit();
    let result = match arguments.command {
        None => tour::run(),
        Some(Command::Serve(arguments)) => serve::run(&arguments),
        Some(Command::Connect(arguments)) => connect::run(&arguments).map_err(Into::into),
        Some(Command::List(arguments)) => list::run(&arguments).map_err(Into::into),
        Some(Command::Call(arguments)) => call::run(&arguments).map_err(Into::into),
        Some(Command::Shell(arguments)) => shell::run(&arguments).map_err(Into::into),
        Some(Command::Watch(arguments)) => watch::run(&arguments).map_err(Into::into),
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Decode(arguments)) => convert::decode(&arguments).map_err(of_standard_output),
        Some(Command::Encode(arguments)) => convert::encode(&arguments).map_err(of_standard_output),
        Some(Command::Loopback { pcap }) => loopback::run(pcap.as_deref()),
        Some(Command::Bench(arguments)) => bench::run(&arguments).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error
                .downcast_ref()
                .map_or(1, |failure: &Failure| failure.code);
            // An error may quote a peer or a file. If standard error is closed, the exit code remains.
            let error = error.to_string();
            let _ = writeln!(io::stderr(), "bellwire: {}", Printable::new(&error));
            ExitCode::from(code)
        }
    }
}

/// Prints the completions for a shell.
fn completions(shell: clap_complete::Shell) -> Result<(), Box<dyn Error>> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "bellwire", &mut script);
    Ok(output::line(String::from_utf8_lossy(&script).trim_end())?)
}

/// Returns whether the reader of standard output went away.
fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let unprinted = error
        .downcast_ref()
        .or(error.source().and_then(<dyn Error>::downcast_ref));
    unprinted.is_some_and(Unprinted::is_closed)
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
        // tracing reports them with `eprintln!`, which panics if standard error is closed.
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false)
        .with_file(true)
        .with_line_number(true)
        .with_max_level(level)
        .init();
}
