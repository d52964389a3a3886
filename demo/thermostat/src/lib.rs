//! A thermostat, as an example of your own protocol: its commands, their types, and the handlers.
//!
//! The handlers need no operating system. The feature `host` and the examples serve them with threads and with tokio.
//! A client needs only the commands; a shell needs neither:
//!
//! ```console
//! $ bellwire list localhost
//! $ bellwire call localhost SET '{"target":22.5,"mode":"Heat"}'
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(not(any(test, feature = "host")), no_std)]

#[cfg(feature = "host")]
pub mod host;
mod room;

pub use room::Thermostat;

use bellwire::schema::Description;
use bellwire::{Command, Line, NoReply, Postcard, Reply, ReplySent, Schema};
use heapless::Vec;
use serde::{Deserialize, Serialize};

/// Returns the current reading.
pub const READ: Command<(), Postcard<Reading>> = Command::new("READ");
/// Changes the setting. Refused if the target is not from 5 to 35 degrees.
pub const SET: Command<Postcard<Setting>, ()> = Command::new("SET");
/// Adds a note to the readings. There is no reply.
pub const LOG: Command<Line, NoReply> = Command::new("LOG");
/// Returns the latest readings, at most as many as asked for.
pub const HISTORY: Command<Postcard<u8>, Postcard<Vec<Entry, 8>>> = Command::new("HISTORY");

/// All commands, for `HELP` and `SCHEMA`, and for a client that checks its server.
pub const COMMANDS: &[Description] = &[
    READ.describe(),
    SET.describe(),
    LOG.describe(),
    HISTORY.describe(),
];

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Schema)]
pub struct Reading {
    /// The temperature in degrees Celsius.
    pub celsius: f32,
    /// Whether the heating is on.
    pub heating: bool,
}

/// The wanted temperature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Schema)]
pub struct Setting {
    /// The temperature in degrees Celsius.
    pub target: f32,
    /// What the thermostat may do to reach it.
    pub mode: Mode,
}

/// How a thermostat controls the temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Mode {
    /// It only measures.
    Off,
    /// It heats.
    Heat,
    /// It heats for this number of readings, then only measures.
    HeatFor(u16),
}

/// A reading in the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Schema)]
pub struct Entry {
    /// The reading's number since the start.
    pub number: u32,
    /// The reading.
    pub reading: Reading,
    /// The note that [`LOG`] added, if any.
    pub note: Option<heapless::String<32>>,
}

/// The handler of [`READ`].
pub fn read(room: &mut Thermostat, (): (), reply: Reply<'_, Postcard<Reading>>) -> ReplySent {
    reply.send(&room.read())
}

/// The handler of [`SET`].
pub fn set(room: &mut Thermostat, setting: Setting, reply: Reply<'_, ()>) -> ReplySent {
    if !(5.0..=35.0).contains(&setting.target) {
        return reply.refuse("the target must be from 5 to 35 degrees");
    }
    room.setting = setting;
    reply.send(())
}

/// The handler of [`LOG`].
pub fn log(room: &mut Thermostat, note: &str, reply: Reply<'_, NoReply>) -> ReplySent {
    if room.note(note) {
        reply.none()
    } else {
        reply.refuse("a note takes at most 32 bytes")
    }
}

/// The handler of [`HISTORY`].
pub fn history(
    room: &mut Thermostat,
    most: u8,
    reply: Reply<'_, Postcard<Vec<Entry, 8>>>,
) -> ReplySent {
    reply.send(&room.latest(most.into()))
}
