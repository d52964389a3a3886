//! What the measured programs share.
//!
//! Each program in `src/bin` is the smallest of its kind: one conversation over a UART, with the
//! core's blocking driver (`server_async`: the async one) and nothing else. What it takes beyond `empty` is the core.
//! `cargo test -p bellwire-tests --test footprint -- --nocapture` measures them, but for `every_format`, which
//! is there to be linked.
//!
//! None of them links if it can panic.
#![no_std]

use bellwire::ComplexData;
use bellwire::complex_data::{Inner, Map};
use core::panic::PanicInfo;
use embedded_io::Write;
use firmware::uart::Uart;

/// The receive buffer of each: the largest ComplexData has 718 bytes.
pub const RX: usize = 768;
/// The transmit buffer of each.
pub const TX: usize = 768;

/// Tells, in four bytes each, how much stack was used, and how many bytes of `state` the core had besides
/// its buffers. That and what the application `kept` lay on the stack, and are taken off: the one counts
/// as RAM, the other is not the core's.
pub fn report(uart: &mut Uart, state: usize, kept: usize) -> ! {
    let (stack, _) = firmware::stack::used();
    let stack = stack.saturating_sub(state).saturating_sub(kept);
    for figure in [stack, state] {
        // A UART takes everything.
        let _ = uart.write(&figure.to_le_bytes());
    }
    loop {
        core::hint::spin_loop();
    }
}

/// The demo's structure, made without a panic where it would not fit.
pub fn value() -> ComplexData {
    let inner = Inner {
        n: 256,
        s: "Recursive structs? Piece of cake!"
            .try_into()
            .unwrap_or_default(),
        m: map(&[("01", 1), ("10", 2), ("11", 3)]),
        ..Inner::default()
    };
    ComplexData {
        n: 23,
        s: "string data".try_into().unwrap_or_default(),
        m: map(&[("one", 1), ("two", 2), ("three", 3)]),
        p: b"abc".as_slice().try_into().unwrap_or_default(),
        c: Some(inner),
    }
}

fn map(entries: &[(&str, i64)]) -> Map {
    let mut map = Map::new();
    for (key, n) in entries {
        let _ = map.insert((*key).try_into().unwrap_or_default(), *n);
    }
    map
}

#[allow(unsafe_code)] // SAFETY: nobody defines it, so a program that could call it does not link
unsafe extern "C" {
    safe fn a_panic_path_is_left() -> !;
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    a_panic_path_is_left()
}
