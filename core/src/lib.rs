//! Named commands with typed payloads over any byte stream, for both ends of it, with or without an
//! operating system: no heap, no `unsafe`, no panic path.
//!
//! A [`Command`] is a constant that both ends share: a name, the [`Format`] of its request, and that
//! of its reply. A server registers handlers in an [`Endpoint`] and serves it over a
//! [`Connection`]; a client calls. What stands on the wire is told in the
//! project's README; how errors are told, at [`Fault`] and [`Error`].
//!
//! ```text
//!   your code      handlers in an Endpoint                    Client::call
//!                            |                                     |
//!   drivers        blocking | asynch | smoltcp        blocking | asynch | smoltcp
//!                            |                                     |
//!   two buffers         Connection                              Caller
//!                            |                                     |
//!   the protocol          Session                                  |
//!                            |                                     |
//!   payloads               Format: Line, Postcard, your own, ...
//! ```
//!
//! Only the drivers move bytes. Everything below them is a state machine over memory that you
//! lend, so a driver of your own is short: see [`Connection`] and [`Caller`]. A server that shares
//! buffers between connections, or answers later, works with [`Session`].
//!
//! The feature `sentences`, on by default, has error lines say what is wrong; without it they tell
//! the code and the command alone. Off by default are `async` for the driver over
//! embedded-io-async, `smoltcp` for that over smoltcp's sockets, `alloc` for `HeapComplexData`,
//! `defmt` for `defmt::Format` on errors and data.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "async")]
pub mod asynch;
pub mod blocking;
mod buffer;
mod client;
mod command;
pub mod complex_data;
mod connection;
mod endpoint;
mod error;
mod error_line;
pub mod format;
mod limits;
mod line;
mod printable;
mod reply;
mod sentence;
mod session;
#[cfg(feature = "smoltcp")]
pub mod smoltcp;

pub use buffer::Buffer;
pub use client::Caller;
pub use command::{Answer, Command, Expected, NoReply, Route};
pub use complex_data::ComplexData;
#[cfg(feature = "alloc")]
pub use complex_data::HeapComplexData;
pub use connection::{Connection, Next};
pub use endpoint::{Endpoint, RegisterError, Service};
pub use error::{Code, Error, Fault, Flaw, Malformed, Party, Refusal, Rejection, Text};
pub use format::{Borrowed, Format, Gob, Line, Payload, Postcard, RawGob, Ref, gob};
pub use limits::Limits;
pub use printable::Printable;
pub use reply::{Answered, Reply, Untyped};
pub use session::{Session, Step};
