//! Signed numbers as gob and postcard write them: small ones, of either sign, take few bytes.

/// The signed number that an unsigned one stands for: the sign is the lowest bit, behind the number
/// or its complement.
pub(super) const fn signed(number: u64) -> i64 {
    let magnitude = (number >> 1).cast_signed();
    if number & 1 == 0 {
        magnitude
    } else {
        !magnitude
    }
}

/// The unsigned number that stands for a signed one.
pub(super) const fn unsigned(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}
