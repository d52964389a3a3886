//! The parts of the demo, for its binary and its tests.
#![forbid(unsafe_code)]
// These macros panic when the reader has gone; `output` returns an error.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod address;
pub mod bench;
pub mod call;
pub mod connect;
pub mod convert;
pub mod failure;
pub mod files;
pub mod json;
pub mod list;
pub mod loopback;
pub mod metrics;
mod numbers;
pub mod output;
pub mod serve;
pub mod shell;
pub mod target;
pub mod tour;
pub mod watch;
