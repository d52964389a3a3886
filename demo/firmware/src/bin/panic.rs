//! Panics, to show the board's report of a panic.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use cortex_m_rt::entry;
use firmware::console;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    console::panicked()
}

#[entry]
fn main() -> ! {
    loop {
        black_box(beyond_the_end(black_box(&[1, 2, 3])));
    }
}

#[inline(never)]
fn beyond_the_end(numbers: &[u32]) -> u32 {
    numbers[numbers.len()]
}
