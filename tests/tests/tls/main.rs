//! TLS between the std adapter's ends, with hosts and devices.

mod bad_peers;
mod certificates;
mod device;
mod endings;
mod limits;
mod records;
mod resumption;
mod support;
mod transfer;
