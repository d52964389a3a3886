//! The demo's server under load. Separate from `cli`, because a thousand clients slow every other test.

mod attack;
mod connections;
