//! Clients that own their memory.

mod error;

pub use error::{CallError, Cause};
