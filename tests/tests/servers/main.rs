//! The std adapter's servers, with threads and with tasks, over real sockets.

mod async_handlers;
mod bad_input;
mod contexts;
mod endings;
mod extremes;
mod fairness;
mod hangups;
mod help;
mod in_flight;
mod limits;
mod sent;
mod tasks;
mod tcp;
mod topics;
mod topics_sizes;
mod topics_soak;
