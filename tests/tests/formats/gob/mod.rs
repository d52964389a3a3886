//! Gob, compared with streams that Go wrote.

mod any;
mod bounds;
mod decode;
mod encode;
mod hostile;
mod kinds;
mod session;
mod types;
mod vectors;
