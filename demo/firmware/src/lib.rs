//! Bellwire's demo on the lm3s6965evb, a Cortex-M3 with 256 KiB of flash, 64 KiB of RAM and
//! Ethernet, emulated by QEMU.
//!
//! It has not run on real hardware. There the clock must be set up first, and UART0 may lose bytes
//! while the console waits for its own UART.
//!
//! It serves the commands of the crate `bellwire-commands`, as the host's demo does.
//!
//! ```text
//! server  client          the programs, in src/bin
//! thermostat              a program with commands of its own, in src/bin
//! echo    panic           programs to measure and to test, in src/bin
//! serial   tcp   network  the two transports: UART0, and TCP over smoltcp
//! console                 the console on UART1
//! uart  ethernet  clock   the drivers
//! boots                   the number of starts
//! registers  interrupt    access to the hardware
//! stack                   stack usage, and the addresses of calls
//! ```
#![no_std]

pub mod boots;
pub mod clock;
pub mod console;
pub mod ethernet;
mod interrupt;
pub mod network;
mod registers;
pub mod serial;
pub mod stack;
pub mod tcp;
pub mod uart;
