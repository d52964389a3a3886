//! Bellwire's demo on the lm3s6965evb, a Cortex-M3 with 256 KiB of flash, 64 KiB of RAM and
//! Ethernet, as QEMU emulates it. It was not run on silicon, where the clock is to be set up first, and where
//! the console, which waits for each byte, may cost UART0 some of its own.
//!
//! ```text
//! server, client          the programs, in src/bin; to measure and to test: echo, panic
//! mission  shown          commands, values and handlers, and how they are shown: the host demo's own
//! serial   network        the two transports: UART0, and TCP by smoltcp
//! console                 what the board tells a person, on UART1
//! uart  ethernet  clock   the drivers
//! registers  interrupt    the machine
//! stack                   how much of it was used, and which calls lie on it
//! ```
#![no_std]

pub mod clock;
pub mod console;
pub mod ethernet;
mod interrupt;
#[path = "../../src/mission.rs"]
pub mod mission;
pub mod network;
mod registers;
pub mod serial;
#[path = "../../src/shown.rs"]
pub mod shown;
pub mod stack;
pub mod uart;
