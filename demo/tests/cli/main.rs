//! The demo's binary as a user runs it, and the parts of its library that print.

mod arguments;
mod bench;
mod bench_call;
mod binary;
mod board;
mod call;
mod convert;
mod loopback;
mod metrics;
mod output;
mod process;
mod serial;
mod thermo;
mod tls;
mod tls_files;
mod watch;
