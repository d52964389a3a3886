//! `bellwire serve`: the server over TCP.

use crate::mission::{self, Observer, POSTCARD, STRING, Shown};
use bellwire::{ComplexData, RegisterError};
use bellwire_std::{Endpoint, Server};
use std::error::Error;
use std::io::Write;
use std::sync::Arc;

/// Serves on `address` until SIGINT or SIGTERM.
///
/// # Errors
/// When it cannot listen there.
pub fn run(address: &str) -> Result<(), Box<dyn Error>> {
    let server = Server::bind(address, Arc::new(endpoint()?))?;
    let stopper = server.stopper();
    ctrlc::set_handler(move || stopper.stop())?;

    let mut out = std::io::stdout();
    writeln!(out, "listening on {}", server.local_addr())?;
    out.flush()?;
    server.run(|_peer| Log)?;
    tracing::info!("stopped");
    Ok(())
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
