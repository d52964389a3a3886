//! Code shared by the measured programs.
//!
//! Each program in `src/bin` is the smallest of its kind. It holds one conversation over a UART, with the
//! core's blocking driver (`server_async`: the async driver). The core's size is the difference to
//! the program `empty`. To measure it, run:
//!
//! ```text
//! cargo test -p bellwire-tests --test footprint -- --nocapture
//! ```
//!
//! `every_format` and `client_string_topics` are only linked, not measured. In all programs a reachable panic is a
//! link error.
#![no_std]

use bellwire::ComplexData;
use bellwire::complex_data::Level;
use core::panic::PanicInfo;
use embedded_io::Write;
use firmware::uart::Uart;
use heapless::{LinearMap, String};

/// Bytes of each receive buffer: the largest `ComplexData` has 718 bytes.
pub const RX: usize = 768;
/// Bytes of each transmit buffer.
pub const TX: usize = 768;

/// Sends two little-endian numbers of four bytes: the stack used, and `state`.
///
/// `state` is the size of the core's state without its buffers, and `kept` that of the application's data.
/// Both lie on the stack and are subtracted from the stack used: `state` counts as RAM, and `kept` does
/// not belong to the core.
pub fn report(uart: &mut Uart, state: usize, kept: usize) -> ! {
    let (stack, _) = firmware::stack::used();
    let stack = stack.saturating_sub(state).saturating_sub(kept);
    for figure in [stack, state] {
        // Writing to a UART cannot fail.
        let _ = uart.write(&figure.to_le_bytes());
    }
    loop {
        core::hint::spin_loop();
    }
}

/// Returns the demo's structure. Parts that do not fit are left out, because this must not panic.
pub fn value() -> ComplexData {
    let inner = Level {
        n: 256,
        s: "Recursive structs? Piece of cake!"
            .try_into()
            .unwrap_or_default(),
        m: map(&[("01", 1), ("10", 2), ("11", 3)]),
        ..Level::default()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().unwrap_or_default(),
        m: map(&[("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().unwrap_or_default(),
        c: Some(inner),
    }
}

fn map(entries: &[(&str, i64)]) -> LinearMap<String<16>, i64, 8> {
    let mut map = LinearMap::new();
    for (key, n) in entries {
        let _ = map.insert((*key).try_into().unwrap_or_default(), *n);
    }
    map
}

#[allow(unsafe_code)] // SAFETY: it is undefined, so a program that can call it does not link
unsafe extern "C" {
    safe fn a_panic_path_is_left() -> !;
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    a_panic_path_is_left()
}
