//! `bellwire serve`: the server over TCP.

use crate::mission::{self, Observer, POSTCARD, STRING, Shown};
use bellwire::{ComplexData, RegisterError};
use bellwire_std::{Endpoint, Server, asynch};
use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// Serves on `address` until SIGINT or SIGTERM, with a thread or with a task for each of at most so
/// many connections.
///
/// # Errors
/// When it cannot listen there.
pub fn run(address: &str, threads: bool, connections: usize) -> Result<(), Box<dyn Error>> {
    let endpoint = Arc::new(endpoint()?);
    let taken = |error| format!("cannot listen on {address}: {error}");
    if threads {
        let mut server = Server::bind(address, endpoint).map_err(taken)?;
        server.limits.connections = connections;
        let stopper = server.stopper();
        ctrlc::set_handler(move || stopper.stop())?;
        announce(server.local_addr()?)?;
        server.run(|_peer| Log)?;
    } else {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let server = asynch::Server::bind(address, endpoint).await;
            let mut server = server.map_err(taken)?;
            server.limits.connections = connections;
            let stopper = server.stopper();
            ctrlc::set_handler(move || stopper.stop())?;
            announce(server.local_addr()?)?;
            server.run(|_peer| Log).await;
            Ok::<(), Box<dyn Error>>(())
        })?;
    }
    tracing::info!("stopped");
    Ok(())
}

fn announce(address: SocketAddr) -> io::Result<()> {
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
    Ok(endpoint)
}

/// An observer that logs.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Observer for Log {
    fn text(&mut self, text: &str) {
        tracing::info!("received STRING {text:?}");
    }

    fn data(&mut self, data: ComplexData) {
        tracing::info!("received outer {}", Shown(&data));
        if let Some(inner) = &data.c {
            tracing::info!("received inner {}", Shown(inner));
        }
    }
}
