//! What several of the tests need: a server with a command of each kind, over memory, over real sockets
//! and over smoltcp; conversations with it; and streams that do as a script says.
#![allow(clippy::missing_panics_doc)] // a panic is how a test fails

pub mod board;
pub mod expect;
pub mod go;
pub mod image;
pub mod lan;
#[path = "../../demo/src/mission.rs"]
pub mod mission;
pub mod poll;
pub mod running;
pub mod server;
pub mod wire;
