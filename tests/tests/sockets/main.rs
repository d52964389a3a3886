//! The std adapter's sockets: addresses, dialing, listening, deadlines and closing.

mod conn;
mod deadlines;
mod dial;
mod listener;
mod resolve;
