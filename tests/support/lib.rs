//! Helpers that several tests share: a server with a command of each kind over memory, real sockets and
//! smoltcp, conversations with it, scripted streams, and a Go program as the other end.
#![allow(clippy::missing_panics_doc)] // helpers panic to fail a test

pub mod arrived;
pub mod attack;
pub mod bad_input;
pub mod base64;
pub mod board;
pub mod cable;
pub mod certificates;
pub mod client_cases;
pub mod complex_data_json;
pub mod device;
pub mod driver;
pub mod expect;
pub mod gate;
pub mod go;
pub mod gob_exchange;
pub mod gob_streams;
pub mod image;
pub mod lan;
pub mod net;
pub mod noise;
pub mod poll;
pub mod process;
pub mod pty;
pub mod running;
pub mod script;
pub mod served;
pub mod server;
pub mod topic_cases;
pub mod wire;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

use std::env;
use std::io::{self, Write};

/// Returns whether this is continuous integration: the environment variable `CI` is set and not empty.
pub fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Prints on standard error that this machine cannot run a test.
///
/// # Panics
/// In continuous integration; see [`in_ci`].
pub fn not_tested(what: &str, why: &str) {
    let line = format!("\nNOT TESTED {what}: {why}\n");
    assert!(!in_ci(), "{line}");
    // The test harness hides the output of `eprintln` in a test that passes.
    let _ = io::stderr().write_all(line.as_bytes());
}
