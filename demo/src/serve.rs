//! `bellwire serve`: the server over TCP.

use crate::metrics;
use crate::mission::{self, GOB, Observer, PORT, POSTCARD, STRING};
use crate::shown::Shown;
use bellwire::{ComplexData, Printable, RegisterError};
use bellwire_std::{Address, Endpoint, Listener, Network, Server, ServerLimits, asynch, tls};
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

/// The most bytes of a text that are logged.
const LOGGED: usize = 1024;

/// What `bellwire serve` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen: a host or address with a port, or :PORT for all interfaces.
    #[arg(long, value_name = "ADDR", default_value_t = format!(":{PORT}"))]
    listen: String,
    /// How many connections to serve at a time; further ones are told that the server is busy. Unless
    /// given it is 16384, and with --threads 1000.
    #[arg(long, value_name = "N")]
    max_connections: Option<NonZero<usize>>,
    /// How many connections to serve at a time from one address, IPv6 addresses that share their first
    /// 64 bits counted as one; no limit unless given.
    #[arg(long, value_name = "N")]
    max_connections_per_address: Option<NonZero<usize>>,
    /// How many bytes to keep for all clients together: requests that have arrived in part or that
    /// handlers work on, and replies that were not taken. Who needs more is told that the server is
    /// busy.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, conflicts_with = "threads")]
    max_bytes_in_flight: usize,
    /// Give each connection a thread of its own, instead of a task.
    #[arg(long)]
    threads: bool,
    /// How many threads share the tasks; as many as there are processors unless given.
    #[arg(long, value_name = "N", conflicts_with = "threads")]
    workers: Option<NonZero<usize>>,
    /// Share the port with other processes that do so too, between which the system then chooses.
    #[arg(long)]
    reuse_port: bool,
    /// Show metrics in Prometheus' text form over HTTP at this address, which is written as that of
    /// --listen, such as localhost:9100.
    #[arg(long, value_name = "ADDR", conflicts_with = "threads")]
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
    let mut server = Server::over(listen(arguments)?, Arc::new(endpoint()?));
    set_limits(&mut server.limits, arguments);
    server.tls = acceptor(arguments, server.local_addr())?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop())?;
    announce(server.local_addr())?;
    Ok(server.run(|_peer| Log)?)
}

fn serve_with_tasks(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(address) = &arguments.metrics {
        // Before the endpoint is made, which counts its requests from then on.
        metrics::show(address).map_err(|error| format!("cannot show metrics: {error}"))?;
    }
    let mut server = asynch::Server::over(listen(arguments)?, Arc::new(endpoint()?));
    server.proxy_protocol = arguments.proxy_protocol;
    set_limits(&mut server.limits, arguments);
    server.tls = acceptor(arguments, server.local_addr())?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop())?;
    announce(server.local_addr())?;
    let threads = arguments.workers.map_or_else(available_parallelism, Ok)?;
    Ok(server.run_on_threads(threads.get(), |_peer| Log)?)
}

fn set_limits(limits: &mut ServerLimits, arguments: &Arguments) {
    if let Some(connections) = arguments.max_connections {
        limits.connections = connections.get();
    }
    limits.connections_per_address = arguments.max_connections_per_address.map(NonZero::get);
    limits.bytes_in_flight = arguments.max_bytes_in_flight;
}

fn listen(arguments: &Arguments) -> io::Result<Listener> {
    let bind = if arguments.reuse_port {
        Listener::bind_shared
    } else {
        Listener::bind
    };
    bind(Network::Tcp, &arguments.listen)
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
    let authorities = arguments
        .client_ca
        .as_ref()
        .map(tls::Authorities::from_file);
    let identity = tls::Identity::from_files(chain, key)?;
    tls::Acceptor::new(identity, authorities.transpose()?.as_ref()).map(Some)
}

fn announce(address: &Address) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "listening on {address}")?;
    out.flush()
}

/// The demo's commands, for a server whose connections each have an `App`.
///
/// # Errors
/// None, as the names differ.
pub fn endpoint<App: Observer + 'static>() -> Result<Endpoint<App>, RegisterError> {
    let endpoint = Endpoint::new();
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
