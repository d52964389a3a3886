//! Code shared by the targets: values, pieces of input, and checks that apply to every format.

pub mod cuts;
pub mod formats;
pub mod pipe;
pub mod values;

// The tests' server, with a command of each kind.
#[path = "../../support/server.rs"]
pub mod server;
