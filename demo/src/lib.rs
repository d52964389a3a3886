//! The parts of the demo, for its binary and its tests.
#![forbid(unsafe_code)]

pub mod bench;
pub mod connect;
pub mod convert;
pub mod files;
pub mod json;
pub mod loopback;
pub mod metrics;
pub mod mission;
pub mod serve;
pub mod shown;
pub mod tour;
