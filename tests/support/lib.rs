//! What several of the tests need: a server with a command of each kind, a conversation with it,
//! and streams that do as a script says.

#![allow(clippy::missing_panics_doc)] // a panic is how a test fails

pub mod expect;
pub mod poll;
pub mod server;
pub mod wire;
