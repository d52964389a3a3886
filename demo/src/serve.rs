//! `bellwire serve`: the server over TCP.

use crate::address::ServerAddress;
use crate::numbers::number;
use crate::output::{self, Unprinted};
use crate::{files, metrics};
use bellwire::{ComplexData, Printable, RegisterError};
use bellwire_std::{
    Address, Endpoint, Listener, Server, ServerLimits, ServerOn, ShutdownHandle, tls,
};
use commands::shown::Shown;
use commands::{COMMANDS, GOB, Observer, POSTCARD, STRING, TICK};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

/// The most bytes of a text that are logged.
const LOGGED: usize = 1024;

/// More open files than Linux allows a process.
const MOST_CONNECTIONS: u64 = 1 << 30;

/// More processors than this server can use.
const MOST_WORKERS: usize = 256;

/// The files that a worker's runtime keeps open.
const FILES_OF_A_WORKER: usize = 3;

/// The process's other open files, and a few for connections.
const OTHER_FILES: usize = 16;

/// The command line of `bellwire serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address to listen on: HOST[:PORT], :PORT for all interfaces, or unix:PATH.
    #[arg(long, value_name = "ADDR", default_value = ":61000")]
    listen: ServerAddress,
    /// The most connections to serve at a time; further ones get the error "busy". The default is
    /// 16384, or 1000 with --threads.
    #[arg(long, value_name = "N", value_parser = number(1..=MOST_CONNECTIONS))]
    max_connections: Option<usize>,
    /// The most connections to serve at a time from one address; unlimited by default. IPv6 addresses
    /// that share their first 64 bits count as one.
    #[arg(long, value_name = "N", value_parser = number(1..=MOST_CONNECTIONS))]
    max_connections_per_address: Option<usize>,
    /// The most bytes to hold for all clients together: incomplete requests, requests in handlers, and
    /// unsent replies. A request that would exceed this gets the error "busy".
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, conflicts_with = "threads",
        value_parser = number(0..=1 << 40))]
    max_bytes_in_flight: usize,
    /// Run each connection on its own thread instead of as a task.
    #[arg(long)]
    threads: bool,
    /// The number of threads that run the tasks [default: the number of processors, up to 256].
    #[arg(long, value_name = "N", conflicts_with = "threads", value_parser = number(1..=MOST_WORKERS as u64))]
    workers: Option<usize>,
    /// Share the port with other processes that also use this option; the system distributes connections.
    #[arg(long)]
    reuse_port: bool,
    /// Serve metrics at this address, such as localhost:9100: in Prometheus' text format, over HTTP,
    /// under /metrics.
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
    /// Expect the PROXY protocol's header, which load balancers send, at the start of each connection.
    #[arg(long)]
    proxy_protocol: bool,
    /// Use TLS with the certificate in this PEM file, followed by any intermediate certificates.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve only clients whose certificate was signed by an authority in this PEM file.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If the server cannot listen.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.threads {
        serve_with_threads(arguments)?;
    } else {
        serve_with_tasks(arguments)?;
    }
    tracing::info!("stopped");
    Ok(())
}

fn serve_with_threads(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    show_metrics(arguments)?;
    let mut server = Server::from_listener(listen(arguments)?, ticking_endpoint()?);
    let address = server.local_addr().clone();
    configure(&mut server, arguments, &address)?;
    stop_on_ctrl_c(server.shutdown_handle())?;
    announce(&address)?;
    Ok(server.run_with(|_peer| Log)?)
}

fn serve_with_tasks(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let workers = workers(arguments.workers)?;
    show_metrics(arguments)?;
    let mut server =
        bellwire_std::tokio::Server::from_listener(listen(arguments)?, ticking_endpoint()?);
    let address = server.local_addr().clone();
    configure(&mut server, arguments, &address)?;
    stop_on_ctrl_c(server.shutdown_handle())?;
    announce(&address)?;
    Ok(server.run_on_threads_with(workers, |_peer| Log)?)
}

/// Sets the options that both servers have. `address` is the server's own.
fn configure<M, App>(
    server: &mut ServerOn<M, App>,
    arguments: &Arguments,
    address: &Address,
) -> Result<(), Box<dyn Error>> {
    server.proxy_protocol = arguments.proxy_protocol;
    set_limits(&mut server.limits, arguments);
    server.tls = acceptor(arguments, address)?;
    Ok(())
}

fn stop_on_ctrl_c(shutdown: ShutdownHandle) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || shutdown.stop())
}

/// Installs the recorder of metrics, if wanted. An endpoint counts its requests only if it is created later.
fn show_metrics(arguments: &Arguments) -> Result<(), String> {
    match &arguments.metrics {
        Some(address) => {
            metrics::show(address).map_err(|error| format!("cannot show metrics: {error}"))
        }
        None => Ok(()),
    }
}

/// Returns the number of worker threads. Checked early: too many would fail only after the announcement.
fn workers(wanted: Option<usize>) -> Result<usize, String> {
    let workers = wanted.unwrap_or_else(|| {
        let processors = available_parallelism().map_or(1, usize::from);
        processors.min(MOST_WORKERS)
    });
    let needed = workers * FILES_OF_A_WORKER + OTHER_FILES;
    let limit = files::limit();
    if needed > limit {
        return Err(format!(
            "{workers} workers need {needed} open files, but the limit is {limit}"
        ));
    }
    Ok(workers)
}

fn set_limits(limits: &mut ServerLimits, arguments: &Arguments) {
    if let Some(connections) = arguments.max_connections {
        limits.connections = connections;
    }
    limits.connections_per_address = arguments.max_connections_per_address;
    limits.bytes_in_flight = arguments.max_bytes_in_flight;
}

fn listen(arguments: &Arguments) -> io::Result<Listener> {
    let bind = if arguments.reuse_port {
        Listener::bind_shared
    } else {
        Listener::bind
    };
    let ServerAddress { network, text } = &arguments.listen;
    bind(*network, text)
}

/// Returns the TLS acceptor, if a certificate was given. Warns if clear text could leave this machine.
fn acceptor(arguments: &Arguments, address: &Address) -> io::Result<Option<tls::Acceptor>> {
    let (Some(chain), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        if address.tcp().is_some_and(|tcp| !tcp.ip().is_loopback()) {
            tracing::warn!(
                "anyone who can reach {address} may send requests, and they travel in clear; see --tls-cert"
            );
        }
        return Ok(None);
    };
    let authorities = arguments.client_ca.as_ref().map(tls::RootCerts::from_file);
    let identity = tls::Identity::from_files(chain, key)?;
    tls::Acceptor::new(identity, authorities.transpose()?.as_ref()).map(Some)
}

/// Prints the address in the form that `connect` accepts.
fn announce(address: &Address) -> Result<(), Unprinted> {
    let scheme = match address {
        Address::Tcp(_) | Address::Serial(_) => "",
        Address::Unix(_) => "unix:",
    };
    output::line(format_args!("listening on {scheme}{address}"))
}

/// Returns an endpoint that publishes [`TICK`] each second.
fn ticking_endpoint() -> Result<Arc<Endpoint<Log>>, Box<dyn Error>> {
    let endpoint = endpoint()?;
    let tick = endpoint.topic(TICK)?;
    let publish = move || {
        let start = Instant::now();
        for second in 1.. {
            thread::sleep(
                (start + Duration::from_secs(second)).saturating_duration_since(Instant::now()),
            );
            // A number always has room.
            let _ = tick.publish(&second);
        }
    };
    thread::Builder::new().name("tick".into()).spawn(publish)?;
    Ok(Arc::new(endpoint))
}

/// Returns an endpoint with the demo's commands. Each connection has its own `App`.
///
/// # Errors
/// None, because the names differ.
pub fn endpoint<App: Observer + 'static>() -> Result<Endpoint<App>, RegisterError> {
    let endpoint = Endpoint::default();
    endpoint.handle(STRING, commands::string)?;
    endpoint.handle(POSTCARD, commands::postcard)?;
    endpoint.handle(GOB, commands::gob)?;
    endpoint.describe(COMMANDS);
    Ok(endpoint)
}

/// An observer that logs.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Observer for Log {
    fn text(&mut self, text: &str) {
        let text = Printable::new(text).quoted().at_most(LOGGED);
        tracing::info!("received STRING {text}");
    }

    fn data(&mut self, data: &ComplexData) {
        tracing::info!("received outer {}", Shown::from(data));
        if let Some(inner) = &data.c {
            tracing::info!("received inner {}", Shown::from(inner));
        }
    }
}
