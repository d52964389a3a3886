//! What the stack tells: how deep it has been, and where a program is.
//!
//! The start-up code paints the stack. What has lost its paint has been used.

use crate::registers::Register;
use cortex_m::register::msp;

#[allow(unsafe_code)] // SAFETY: symbols of the linker script; only their addresses are used
unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
    static __stext: u32;
    static __etext: u32;
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

/// The addresses of calls that have not returned, the last one first, and of some that have:
/// every word in use that may be where a call returns to.
pub fn calls() -> impl Iterator<Item = u32> {
    let code = (&raw const __stext).addr()..(&raw const __etext).addr();
    let (last, first) = (msp::read() as usize, (&raw const _stack_start).addr());
    (last..first).step_by(4).filter_map(move |address| {
        // SAFETY: the stack of a program that does nothing else any more. Its words are only looked at.
        #[allow(unsafe_code)]
        let word = unsafe { Register::new(address) }.read();
        // It is odd, which tells the processor that the code is Thumb's, and two bytes before it stands
        // the call, or the second half of it.
        let call = word.checked_sub(3)?;
        (word % 2 == 1 && code.contains(&(call as usize))).then_some(call)
    })
}
