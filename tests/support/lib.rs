//! What several of the tests need: a server with a command of each kind, over memory, over real sockets
//! and over smoltcp; conversations with it; streams that do as a script says; and a Go program to
//! talk to.
#![allow(clippy::missing_panics_doc)] // a panic is how a test fails

pub mod attack;
pub mod board;
pub mod cable;
pub mod certificates;
pub mod driver;
pub mod expect;
pub mod gate;
pub mod go;
pub mod gob_exchange;
pub mod gob_streams;
pub mod image;
pub mod lan;
#[path = "../../demo/src/mission.rs"]
pub mod mission;
pub mod net;
pub mod poll;
pub mod running;
pub mod served;
pub mod server;
pub mod wire;

use std::env;
use std::io::{self, Write};

/// Says on standard error that this machine cannot test something, which fails the test in
/// continuous integration: where the environment variable `CI` is set and not empty.
pub fn not_tested(what: &str, why: &str) {
    let line = format!("\nNOT TESTED {what}: {why}\n");
    let in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
    assert!(!in_ci, "{line}");
    // The test harness keeps to itself what eprintln prints in a test that passes.
    let _ = io::stderr().write_all(line.as_bytes());
}
