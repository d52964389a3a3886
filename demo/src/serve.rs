//! `bellwire serve`: the server over TCP.

use crate::address::ServerAddress;
use crate::mission::{self, GOB, Observer, POSTCARD, STRING};
use crate::numbers::number;
use crate::output::{self, Unprinted};
use crate::shown::Shown;
use crate::{files, metrics};
use bellwire::{ComplexData, Printable, RegisterError};
use bellwire_std::{Address, Endpoint, Listener, Server, ServerLimits, tls};
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

/// The most bytes of a text that are logged.
const LOGGED: usize = 1024;

/// More than Linux lets a process have open files.
const MOST_CONNECTIONS: u64 = 1 << 30;

/// More processors than a server of this kind can use.
const MOST_WORKERS: usize = 256;

/// The files that the runtime of a worker keeps open.
const FILES_OF_A_WORKER: usize = 3;

/// The files that the process has open besides, and a few for connections.
const OTHER_FILES: usize = 16;

/// What `bellwire serve` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen: HOST[:PORT], :PORT for all interfaces, or unix:PATH.
    #[arg(long, value_name = "ADDR", default_value = ":61000")]
    listen: ServerAddress,
    /// How many connections to serve at a time; further ones are told that the server is busy. Unless
    /// given it is 16384, and with --threads 1000.
    #[arg(long, value_name = "N", value_parser = number(1..=MOST_CONNECTIONS))]
    max_connections: Option<usize>,
    /// How many connections to serve at a time from one address, IPv6 addresses that share their first
    /// 64 bits counted as one; no limit unless given.
    #[arg(long, value_name = "N", value_parser = number(1..=MOST_CONNECTIONS))]
    max_connections_per_address: Option<usize>,
    /// How many bytes to keep for all clients together: requests that have arrived in part or that
    /// handlers work on, and replies that were not taken. Who needs more is told that the server is
    /// busy.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, conflicts_with = "threads",
        value_parser = number(0..=1 << 40))]
    max_bytes_in_flight: usize,
    /// Give each connection a thread of its own, instead of a task.
    #[arg(long)]
    threads: bool,
    /// How many threads share the tasks; as many as there are processors, up to 256, unless given.
    #[arg(long, value_name = "N", conflicts_with = "threads", value_parser = number(1..=MOST_WORKERS as u64))]
    workers: Option<usize>,
    /// Share the port with other processes that do so too, between which the system then chooses.
    #[arg(long)]
    reuse_port: bool,
    /// Show metrics in Prometheus' text form over HTTP at this address, such as localhost:9100, under
    /// /metrics.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "threads")]
    metrics: Option<String>,
    /// Have each connection begin with the PROXY protocol's header, as load balancers send it.
    #[arg(long, conflicts_with = "threads")]
    proxy_protocol: bool,
    /// Speak TLS, and show the certificate in this file, in PEM, with those that lead to its authority.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve only clients whose certificate was signed by an authority in this file, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// When it cannot listen.
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
    let mut server = Server::from_listener(listen(arguments)?, Arc::new(endpoint()?));
    set_limits(&mut server.limits, arguments);
    server.tls = acceptor(arguments, server.local_addr())?;
    let stopper = server.shutdown_handle();
    ctrlc::set_handler(move || stopper.stop())?;
    announce(server.local_addr())?;
    Ok(server.run_with(|_peer| Log)?)
}

fn serve_with_tasks(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let workers = workers(arguments.workers)?;
    if let Some(address) = &arguments.metrics {
        // Before the endpoint is made, which counts its requests from then on.
        metrics::show(address).map_err(|error| format!("cannot show metrics: {error}"))?;
    }
    let mut server =
        bellwire_std::tokio::Server::from_listener(listen(arguments)?, Arc::new(endpoint()?));
    server.proxy_protocol = arguments.proxy_protocol;
    set_limits(&mut server.limits, arguments);
    server.tls = acceptor(arguments, server.local_addr())?;
    let stopper = server.shutdown_handle();
    ctrlc::set_handler(move || stopper.stop())?;
    announce(server.local_addr())?;
    Ok(server.run_on_threads_with(workers, |_peer| Log)?)
}

/// The threads that share the tasks. Too many would fail only after the announcement.
fn workers(wanted: Option<usize>) -> Result<usize, String> {
    let workers = wanted.unwrap_or_else(|| {
        let processors = available_parallelism().map_or(1, usize::from);
        processors.min(MOST_WORKERS)
    });
    let needed = workers * FILES_OF_A_WORKER + OTHER_FILES;
    let limit = files::limit();
    if needed > limit {
        return Err(format!(
            "{workers} workers need {needed} open files, and this process may have {limit}"
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

/// What TLS is done with, if it is. Requests that leave this machine in clear are worth a warning.
fn acceptor(arguments: &Arguments, address: &Address) -> io::Result<Option<tls::Acceptor>> {
    let (Some(chain), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        if address.tcp().is_some_and(|tcp| !tcp.ip().is_loopback()) {
            tracing::warn!(
                "whoever can reach {address} may send requests, and they travel in clear; see --tls-cert"
            );
        }
        return Ok(None);
    };
    let authorities = arguments.client_ca.as_ref().map(tls::RootCerts::from_file);
    let identity = tls::Identity::from_files(chain, key)?;
    tls::Acceptor::new(identity, authorities.transpose()?.as_ref()).map(Some)
}

/// Prints the address as `connect` takes it.
fn announce(address: &Address) -> Result<(), Unprinted> {
    let scheme = match address {
        Address::Tcp(_) => "",
        Address::Unix(_) => "unix:",
    };
    output::line(format_args!("listening on {scheme}{address}"))
}

/// The demo's commands, for a server whose connections each have an `App`.
///
/// # Errors
/// None, as the names differ.
pub fn endpoint<App: Observer + 'static>() -> Result<Endpoint<App>, RegisterError> {
    let endpoint = Endpoint::default();
    endpoint.handle(STRING, mission::string)?;
    endpoint.handle(POSTCARD, mission::postcard)?;
    endpoint.handle(GOB, mission::gob)?;
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
