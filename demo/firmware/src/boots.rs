//! The number of starts, which survives a reset.

use core::mem::MaybeUninit;

/// The start-up code leaves this memory as it is.
#[unsafe(link_section = ".uninit.BOOTS")]
#[allow(unsafe_code)] // SAFETY: the section is for variables without an initial value, and this has none
static mut BOOTS: MaybeUninit<u32> = MaybeUninit::uninit();

/// Counts this start, and returns the number. Call it once.
///
/// After the power was off, the number begins at the bits that the memory happens to contain.
pub fn count() -> u32 {
    let place = &raw mut BOOTS;
    // SAFETY: called once, and nothing else uses the variable. Whatever the memory contains is a number; a volatile
    // read makes it a fixed one.
    #[allow(unsafe_code)]
    unsafe {
        let boots = place.cast::<u32>().read_volatile().wrapping_add(1);
        place.cast::<u32>().write_volatile(boots);
        boots
    }
}
