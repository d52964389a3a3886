//! Length-prefixed postcard.

use super::postcard_reader::{Reader, take_leb128};
use super::{EncodeError, End, Format, Frame, Payload, make_room, whole};
use crate::error::{Flaw, Malformed};
use core::marker::PhantomData;

/// A value of any serde type in [postcard](https://postcard.jamesmunns.com)'s encoding, after its
/// length in bytes as a LEB128 number.
///
/// The length makes the payload's end known whatever its bytes say, so a payload that is
/// refused is skipped exactly. Bytes left over after the value are an error.
///
/// Beyond what postcard itself checks, a sequence or map may not count more elements than
/// there are bytes left, which also refuses a sequence of elements that take no bytes, and
/// containers nest at most [`MAX_DEPTH`](super::MAX_DEPTH) deep. Encoding does not count them: that
/// is up to a type that holds itself.
#[derive(Debug)]
pub struct Postcard<T>(PhantomData<fn() -> T>);

impl<T: Payload> Format for Postcard<T> {
    type Value<'a> = T::Value<'a>;
    type Sent<'a> = &'a T::Value<'a>;

    fn frame(input: &[u8], _progress: &mut usize) -> Frame {
        let mut rest = input;
        match take_leb128(&mut rest, 64) {
            Ok(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let prefix = input.len().saturating_sub(rest.len());
                Frame::Ends(length.saturating_add(prefix))
            }
            Err(Flaw::Truncated) => Frame::Open(End::Unknown),
            Err(_) => Frame::Broken(Flaw::BadLength),
        }
    }

    fn decode(payload: &[u8]) -> Result<T::Value<'_>, Malformed> {
        Self::decode_with(payload, |value| value)
    }

    fn decode_with<'a, R>(
        payload: &'a [u8],
        take: impl FnOnce(T::Value<'a>) -> R,
    ) -> Result<R, Malformed> {
        let mut body = payload;
        take_leb128(&mut body, 64).map_err(|_| Flaw::BadLength)?;
        let mut reader = Reader::new(body);
        whole::read(&mut reader, take).map_err(|flaw| Malformed {
            flaw,
            field: reader.field,
        })
    }

    fn encode(value: &T::Value<'_>, space: &mut [u8]) -> Result<usize, EncodeError> {
        // One byte is kept for the length, as most values want; a longer one shifts the value.
        let body = space.get_mut(1..).ok_or(EncodeError::NoRoom)?;
        let size = match postcard::to_slice(value, body) {
            Ok(written) => written.len(),
            Err(postcard::Error::SerializeBufferFull) => return Err(EncodeError::NoRoom),
            Err(_) => return Err(EncodeError::Unencodable),
        };
        let (prefix, prefix_size) = length_prefix(size);
        let shift = prefix_size.saturating_sub(1);
        if shift > 0 {
            make_room(body, size, shift)?;
        }
        for (slot, byte) in space.iter_mut().zip(prefix.iter().take(prefix_size)) {
            *slot = *byte;
        }
        Ok(prefix_size.saturating_add(size))
    }
}

/// `length` as LEB128, and how many bytes that takes.
#[allow(clippy::cast_possible_truncation)] // seven bits at a time
fn length_prefix(length: usize) -> ([u8; 10], usize) {
    let mut prefix = [0; 10];
    let mut rest = length;
    let mut size = 0;
    for slot in &mut prefix {
        let bits = (rest & 0x7f) as u8;
        rest >>= 7;
        size += 1;
        if rest == 0 {
            *slot = bits;
            break;
        }
        *slot = bits | 0x80;
    }
    (prefix, size)
}
