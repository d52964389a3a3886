//! The parts of the demo, for its binary and its tests.
#![forbid(unsafe_code)]
// They panic when nobody reads any more; `output` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod address;
pub mod bench;
pub mod connect;
pub mod convert;
pub mod files;
pub mod json;
pub mod loopback;
pub mod metrics;
pub mod mission;
mod numbers;
pub mod output;
pub mod serve;
pub mod shown;
pub mod tour;
