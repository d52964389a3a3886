//! Named commands with typed payloads over any byte stream.
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
pub mod format;
mod line;
mod reply;
mod session;

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
pub use reply::{Answered, Reply};
pub use session::{Limits, Session, Step};
