//! What the targets share: how a file of the corpus is read, values, and what holds of every format.

pub mod cuts;
pub mod formats;
pub mod pipe;
pub mod values;

// The server with a command of each kind that the tests use.
#[path = "../../support/server.rs"]
pub mod server;
