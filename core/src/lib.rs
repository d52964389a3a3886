//! Named commands with typed payloads over any byte stream.
//!
//! This crate has both ends of the conversation, for programs with and without an operating system. It needs no heap
//! and has no `unsafe` code. Its code does not panic, with two exceptions: smoltcp itself can panic, and so can an
//! `async` client that is polled after its end.
//!
//! A [`Command`] is a constant that both ends share: a name, the [`Format`] of the request and the
//! format of the reply. A server registers handlers in an [`Endpoint`] and serves it over a
//! [`ServerConnection`]. A client calls. [`wire`] has the grammar of the bytes. [`ErrorKind`] and [`Error`]
//! describe how errors are reported.
//!
//! ```text
//!   your code      handlers in an Endpoint                    Client::call
//!                            |                                     |
//!   drivers        blocking | asynch | smoltcp        blocking | asynch | smoltcp
//!                            |                                     |
//!   two buffers       ServerConnection                   ClientConnection
//!                            |                                     |
//!   the protocol          Session                                  |
//!                            |                                     |
//!   payloads               Format: Line, Postcard, Gob, your own
//! ```
//!
//! Only the drivers move bytes. Everything below them is a state machine over memory that you lend.
//! A driver of your own is therefore short: see [`ServerConnection`] and [`ClientConnection`]. Use [`Session`]
//! directly if your server shares buffers between connections or answers later.
//!
//! # Guides
//! | question | page |
//! |---|---|
//! | Which bytes are on the wire? | [`wire`] |
//! | How large must buffers be? | [`Limits`] |
//! | A call failed: who must act, and may it be repeated? | [`Error`]; for a server's log, [`ErrorKind`] |
//! | How does a server send values without a request? | [`topics`] |
//! | How do I write a format of my own? | [`Format`] |
//! | How is a type described, for gob, for `HELP` and for JSON? | [`schema`] |
//! | How is a serial line served, in plain text or reliably? | [`serial`]; with the feature `link`, `link` |
//! | How are refused requests logged? | [`Endpoint::on_rejection`] |
//!
//! The folder `examples` has a server on a UART, a client, and a custom format.
//!
//! # Features
//! | feature | default | adds |
//! |---|---|---|
//! | `gob` | on | `Gob`, the format of Go's `encoding/gob` |
//! | `postcard` | on | `Postcard`, a compact format for serde types |
//! | `sentences` | on | a sentence in each error line; without it only a handler's own reason is sent |
//! | `derive` | off | `derive(Schema)`, the description of a type |
//! | `async` | off | the drivers over embedded-io-async |
//! | `smoltcp` | off | the drivers over smoltcp's TCP sockets |
//! | `link` | off | a reliable stream over a serial line |
//! | `alloc` | off | `HeapComplexData`, `OwnedReply`, and descriptions of the types of `alloc` |
//! | `std-collections` | off | descriptions of the standard library's `HashMap` and `HashSet` |
//! | `defmt` | off | `defmt::Format` on errors and data |

// Size. A small machine here is a 32-bit microcontroller with little flash and stack. Attributes serve it in
// three ways:
// - `inline(never)`, marked `// size`: the function has several callers, and one copy is smaller than many.
// - The same, only if pointers have fewer than 64 bits: a larger machine runs the inlined copies faster.
// - `cold` with `inline(never)`: a rare path stays out of the code and the stack frame of the common one.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

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
mod failure;
pub mod format;
mod limits;
mod line;
#[cfg(feature = "link")]
pub mod link;
mod name;
mod printable;
mod remote_error;
mod reply;
pub mod schema;
mod sentence;
pub mod serial;
mod session;
#[cfg(feature = "smoltcp")]
pub mod smoltcp;
pub mod topics;
#[doc = include_str!("wire.md")]
pub mod wire {}
#[cfg(test)]
mod work;

pub use buffer::Buffer;
pub use client::ClientConnection;
#[doc(hidden)] // for clients with queues: bellwire-std and the bench
pub use client::{ClientSession, Found};
#[doc(hidden)] // the same
pub use command::Expected;
#[doc(hidden)] // a bound that every format and `NoReply` meet
pub use command::ReplyFormat;
pub use command::{Command, NoReply, Route};
pub use complex_data::ComplexData;
#[cfg(feature = "alloc")]
pub use complex_data::HeapComplexData;
pub use connection::{Next, ServerConnection};
pub use endpoint::{Endpoint, RegisterError, Service};
pub use error::{Code, DecodeError, DecodeErrorKind, Error, ErrorKind, RequestError};
#[cfg(feature = "postcard")]
pub use format::Postcard;
#[doc(no_inline)]
pub use format::{Format, Line, Payload};
#[cfg(feature = "gob")]
pub use format::{Gob, RawGob, gob};
pub use limits::Limits;
pub use printable::Printable;
pub use remote_error::RemoteError;
pub use reply::{Reply, ReplySent};
#[doc(no_inline)]
pub use schema::Schema;
pub use session::{Session, Step};
pub use topics::Topic;
