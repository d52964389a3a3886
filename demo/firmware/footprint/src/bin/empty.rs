//! A program without the core, which sends back the first bytes.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use embedded_io::{Read, Write};
use firmware::uart::Uart;
use footprint::{RX, TX};

#[entry]
fn main() -> ! {
    static mut BUFFERS: ([u8; RX], [u8; TX]) = ([0; RX], [0; TX]);

    let (rx, tx) = BUFFERS;
    let mut uart = Uart::zero();
    // The other programs read, write and use their buffers too.
    let count = uart.read(rx).unwrap_or(0);
    for (to, from) in tx.iter_mut().zip(rx).take(count) {
        *to = *from;
    }
    let _ = uart.write(tx);
    let _ = uart.flush();
    let state = 0;
    footprint::report(&mut uart, state, 0)
}
