//! The thermostat on a host: all connections share it. Requires the feature `host`.

use crate::{COMMANDS, HISTORY, LOG, READ, SET, Thermostat};
use bellwire::RegisterError;
use bellwire_std::Endpoint;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The context of a connection.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Thermostat>>);

impl Shared {
    fn room(&self) -> MutexGuard<'_, Thermostat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns an endpoint with the commands and their descriptions.
///
/// # Errors
/// None, because the names differ.
pub fn endpoint() -> Result<Endpoint<Shared>, RegisterError> {
    let endpoint = silent_endpoint()?;
    endpoint.describe(COMMANDS);
    Ok(endpoint)
}

/// Returns an endpoint that does not answer `HELP` and `SCHEMA`.
///
/// # Errors
/// As [`endpoint`].
pub fn silent_endpoint() -> Result<Endpoint<Shared>, RegisterError> {
    let endpoint = Endpoint::<Shared>::default();
    endpoint.handle(READ, |app, (), reply| {
        crate::read(&mut app.room(), (), reply)
    })?;
    endpoint.handle(SET, |app, setting, reply| {
        crate::set(&mut app.room(), setting, reply)
    })?;
    endpoint.handle(LOG, |app, note, reply| {
        crate::log(&mut app.room(), note, reply)
    })?;
    endpoint.handle(HISTORY, |app, most, reply| {
        crate::history(&mut app.room(), most, reply)
    })?;
    Ok(endpoint)
}
