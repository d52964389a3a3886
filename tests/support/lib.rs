//! What several of the tests need.
#![allow(clippy::missing_panics_doc)] // a helper that panics is a test that fails

pub mod net;
pub mod server;
