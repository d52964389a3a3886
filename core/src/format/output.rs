//! The memory that a payload is written to.

use super::EncodeError;
use core::cell::Cell;
use core::fmt::{self, Display, Write};

/// A payload that is being written, in memory that is filled from the front.
///
/// It is for the [`encode`](super::Format::encode) of a format. Each method that writes returns
/// [`EncodeError::NoRoom`] if the memory is too small.
///
/// ```
/// use bellwire::format::Output;
///
/// let mut space = [0; 8];
/// let mut output = Output::new(&mut space);
/// output.byte(0)?; // reserved for a length
/// output.bytes(b"abc")?;
/// output.set_prefix(0, &[0x80, 3])?; // this length takes two bytes
/// assert_eq!(output.written(), b"\x80\x03abc");
/// # Ok::<(), bellwire::format::EncodeError>(())
/// ```
#[derive(Debug)]
pub struct Output<'s> {
    memory: &'s mut [u8],
    /// The number of bytes written.
    size: usize,
}

impl<'s> Output<'s> {
    /// Creates an empty output over `memory`.
    pub fn new(memory: &'s mut [u8]) -> Self {
        Self { memory, size: 0 }
    }

    /// Returns the number of bytes written.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the bytes written.
    pub fn written(&self) -> &[u8] {
        self.memory.get(..self.size).unwrap_or(&[])
    }

    /// Returns the free memory. Call [`fill`](Self::fill) to count the bytes written to it.
    pub fn space(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.size..).unwrap_or(&mut [])
    }

    /// Counts the first `n` bytes of [`space`](Self::space) as written, or all if there are fewer.
    pub fn fill(&mut self, n: usize) {
        self.size = self.size.saturating_add(n).min(self.memory.len());
    }

    /// Removes all bytes after the first `size`.
    pub fn truncate(&mut self, size: usize) {
        self.size = self.size.min(size);
    }

    /// Writes one byte.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`]
    pub fn byte(&mut self, byte: u8) -> Result<(), EncodeError> {
        *self.memory.get_mut(self.size).ok_or(EncodeError::NoRoom)? = byte;
        self.size = self.size.saturating_add(1);
        Ok(())
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`]. Then nothing is written.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let slots = self.space().get_mut(..bytes.len());
        slots.ok_or(EncodeError::NoRoom)?.copy_from_slice(bytes);
        self.size = self.size.saturating_add(bytes.len());
        Ok(())
    }

    /// Returns the number of bytes that `value` takes when displayed, for a format that writes the length first.
    ///
    /// # Errors
    /// [`EncodeError::Unencodable`] if `value` cannot be displayed.
    pub fn length_of<T: Display + ?Sized>(value: &T) -> Result<usize, EncodeError> {
        let mut length = Length(0);
        write!(length, "{value}").map_err(|_| EncodeError::Unencodable)?;
        Ok(length.0)
    }

    /// Writes `value` as it is displayed. [`length_of`](Self::length_of) has returned `length`.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], or [`EncodeError::Unencodable`] if the text has another length now.
    pub fn display<T: Display + ?Sized>(
        &mut self,
        value: &T,
        length: usize,
    ) -> Result<(), EncodeError> {
        let start = self.size;
        write!(self, "{value}").map_err(|_| EncodeError::NoRoom)?;
        if self.size.saturating_sub(start) != length {
            return Err(EncodeError::Unencodable);
        }
        Ok(())
    }

    /// Replaces the reserved byte at offset `at` by `prefix`, and moves the bytes after it.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`]
    pub fn set_prefix(&mut self, at: usize, prefix: &[u8]) -> Result<(), EncodeError> {
        let body = at.saturating_add(1);
        let shift = prefix.len().saturating_sub(1);
        if shift > 0 {
            let rest = self.memory.get_mut(body..).unwrap_or(&mut []);
            make_room(rest, self.size.saturating_sub(body), shift)?;
        }
        let head = self.memory.get_mut(at..).unwrap_or(&mut []);
        for (slot, byte) in head.iter_mut().zip(prefix) {
            *slot = *byte;
        }
        self.size = self.size.saturating_add(shift);
        Ok(())
    }
}

impl Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// Counts the bytes of formatted text.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}

/// Moves the first `length` bytes of `space` towards its end by `shift` bytes.
///
/// This is for a length prefix that takes more bytes than were reserved for it.
fn make_room(space: &mut [u8], length: usize, shift: usize) -> Result<(), EncodeError> {
    let space = space.get_mut(..length.saturating_add(shift));
    let space = space.ok_or(EncodeError::NoRoom)?;
    if cfg!(target_pointer_width = "64") {
        space.copy_within(..length, shift);
    } else {
        // In a program that calls `copy_within` twice, the compiler cannot prove that it does not
        // panic.
        move_back(space, shift);
    }
    Ok(())
}

/// Moves bytes towards the end by `shift`, one by one from the last, so that none is overwritten
/// before it is moved. See also [`Buffer::space`](crate::Buffer::space), which moves bytes to the
/// front.
fn move_back(space: &mut [u8], shift: usize) {
    let cells = Cell::from_mut(space).as_slice_of_cells();
    let to = cells.get(shift..).unwrap_or(&[]);
    let from = cells.get(..to.len()).unwrap_or(&[]);
    for (to, from) in to.iter().zip(from).rev() {
        to.set(from.get());
    }
}

#[cfg(test)]
mod tests {
    use super::{EncodeError, make_room, move_back};

    #[test]
    fn make_room_and_move_back_keep_the_bytes_and_check_the_space() {
        for size in 0..20 {
            for shift in 0..=size {
                let bytes: [u8; 20] = *b"abcdefghijklmnopqrst";
                let (mut one, mut other) = (bytes, bytes);
                move_back(&mut one[..size], shift);
                assert_eq!(one[shift..size], bytes[..size - shift]);
                assert_eq!(make_room(&mut other[..size], size - shift, shift), Ok(()));
                assert_eq!(one, other);
                let more = make_room(&mut other[..size], size - shift + 1, shift);
                assert_eq!(more, Err(EncodeError::NoRoom));
            }
        }
    }
}
