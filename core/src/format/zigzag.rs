//! The zigzag encoding of signed numbers in gob and postcard: numbers near zero, of either sign, take few bytes.

/// Decodes a signed number. The lowest bit is the sign; the higher bits are the number or, if it is negative,
/// its complement.
pub(super) const fn signed(number: u64) -> i64 {
    let magnitude = (number >> 1).cast_signed();
    if number & 1 == 0 {
        magnitude
    } else {
        !magnitude
    }
}

/// Encodes a signed number.
pub(super) const fn unsigned(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}
