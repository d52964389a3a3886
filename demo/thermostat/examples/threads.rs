//! The thermostat in a server with a thread for each connection:
//! `cargo run -p bellwire-thermostat --example threads [ADDR]`

use bellwire::RegisterError;
use bellwire_std::{Endpoint, Server};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thermostat::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};

/// All connections share one thermostat.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Thermostat>>);

impl Shared {
    fn room(&self) -> MutexGuard<'_, Thermostat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint() -> Result<Endpoint<Shared>, RegisterError> {
    let endpoint = Endpoint::<Shared>::default();
    endpoint.handle(READ, |app, (), reply| {
        thermostat::read(&mut app.room(), (), reply)
    })?;
    endpoint.handle(SET, |app, value, reply| {
        thermostat::set(&mut app.room(), value, reply)
    })?;
    endpoint.handle(LOG, |app, note, reply| {
        thermostat::log(&mut app.room(), note, reply)
    })?;
    endpoint.handle(HISTORY, |app, most, reply| {
        thermostat::history(&mut app.room(), most, reply)
    })?;
    endpoint.describe(COMMANDS);
    Ok(endpoint)
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("localhost:61000".into());
    let server = Server::bind(&address, endpoint()?)?;
    println!("listening on {}", server.local_addr());
    let shared = Shared::default();
    Ok(server.run_with(move |_peer| shared.clone())?)
}
