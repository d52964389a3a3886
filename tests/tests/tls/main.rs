//! TLS between the std adapter's ends, with hosts and devices.

mod connections;
mod device;
mod records;
mod resumption;
