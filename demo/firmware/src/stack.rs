//! How deep the stack has been.
//!
//! The start-up code paints the stack. What has lost its paint has been used.

use crate::registers::Register;

#[allow(unsafe_code)] // SAFETY: symbols of the linker script; only their addresses are used
unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// The bytes of the stack that were in use at some time, and those that there are.
pub fn used() -> (usize, usize) {
    let (bottom, top) = (
        (&raw const _stack_end).addr(),
        (&raw const _stack_start).addr(),
    );
    let first_used = (bottom..top).step_by(4).find(|address| {
        // SAFETY: below the stack's end in use is memory that nobody has a value in; what is in
        // use is read only as far as its deepest word, without interpreting it.
        #[allow(unsafe_code)]
        let word = unsafe { Register::new(*address) };
        word.read() != cortex_m_rt::STACK_PAINT_VALUE
    });
    (top - first_used.unwrap_or(top), top - bottom)
}
