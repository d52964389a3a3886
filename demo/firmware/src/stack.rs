//! Stack usage, and the addresses of the calls on the stack.
//!
//! The start-up code fills the stack with a pattern ("paint"). Words without the paint have been used.

use crate::registers::Register;
use cortex_m::register::msp;

#[allow(unsafe_code)] // SAFETY: symbols of the linker script; only their addresses are used
unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
    static __stext: u32;
    static __etext: u32;
}

/// Returns the most bytes of the stack ever used, and the size of the stack.
pub fn used() -> (usize, usize) {
    let (bottom, top) = (
        (&raw const _stack_end).addr(),
        (&raw const _stack_start).addr(),
    );
    let first_used = (bottom..top).step_by(4).find(|address| {
        // SAFETY: the unused part of the stack holds no values. Of the used part only the deepest word
        // is read, and it is not interpreted.
        #[allow(unsafe_code)]
        let word = unsafe { Register::new(*address) };
        word.read() != cortex_m_rt::STACK_PAINT_VALUE
    });
    (top - first_used.unwrap_or(top), top - bottom)
}

/// Returns the addresses of the calls that have not returned, the last one first.
///
/// It takes every word on the stack that may be a return address. So some calls that have returned
/// appear too.
pub fn calls() -> impl Iterator<Item = u32> {
    let code = (&raw const __stext).addr()..(&raw const __etext).addr();
    let (last, first) = (msp::read() as usize, (&raw const _stack_start).addr());
    (last..first).step_by(4).filter_map(move |address| {
        // SAFETY: the program does nothing else any more, and its stack is only read.
        #[allow(unsafe_code)]
        let word = unsafe { Register::new(address) }.read();
        // A return address is odd: the lowest bit marks Thumb code. The call, or its second half, is
        // two bytes before it.
        let call = word.checked_sub(3)?;
        (word % 2 == 1 && code.contains(&(call as usize))).then_some(call)
    })
}
