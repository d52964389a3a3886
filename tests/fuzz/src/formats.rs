//! Properties of every format.

use bellwire::Format;
use bellwire::format::{EncodeError, Frame};

/// The limit of steps for each byte of gob read, as in the core's own tests.
const MOST_STEPS: usize = 80;

/// Runs `read` on `input` and checks that it takes a bounded number of steps for each byte.
pub fn bounded<'a, R>(input: &'a [u8], read: impl FnOnce(&'a [u8]) -> R) -> R {
    let _ = bellwire::gob::take_steps();
    let result = read(input);
    let steps = bellwire::gob::take_steps();
    let most = MOST_STEPS * (input.len() + 1);
    assert!(steps <= most, "{steps} steps for {} bytes", input.len());
    result
}

/// Checks that a format finds the same end of a payload, however the bytes arrive in pieces.
///
/// Returns the payload at the start of `input`, if it is complete.
pub fn payload<F: Format>(input: &[u8]) -> Option<&[u8]> {
    let whole = bounded(input, |input| F::frame(input, &mut 0));
    let mut progress = 0;
    let mut found = None;
    bounded(input, |input| {
        for size in 0..=input.len() {
            let frame = F::frame(&input[..size], &mut progress);
            match found {
                None if matches!(frame, Frame::Open | Frame::OpenLine) => {}
                None => found = Some(frame),
                // A session calls `frame` again while the rest of the payload arrives.
                Some(found @ Frame::Ends(end)) if end > size => assert_eq!(frame, found),
                Some(_) => break,
            }
        }
    });
    match found {
        Some(found) => assert_eq!(found, whole),
        None => assert!(matches!(whole, Frame::Open | Frame::OpenLine), "{whole:?}"),
    }
    match whole {
        Frame::Ends(end) => input.get(..end),
        _ => None,
    }
}

/// Returns the bytes that `encode` writes. Checks that they fit into exactly their size, and not into
/// one byte less.
pub fn encoded(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut space = vec![0; 16384];
    let size = encode(&mut space)?;
    let mut exact = vec![0; size];
    assert_eq!(encode(&mut exact), Ok(size));
    assert_eq!(exact, space[..size]);
    if let Some(less) = size.checked_sub(1) {
        assert_eq!(encode(&mut space[..less]), Err(EncodeError::NoRoom));
    }
    Ok(exact)
}

/// Does the same as [`encoded`] for a value in the format `F`. Also checks that `F::frame` finds its end.
pub fn encoded_in<F: Format>(
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let bytes = encoded(&mut encode)?;
    assert_eq!(F::frame(&bytes, &mut 0), Frame::Ends(bytes.len()));
    Ok(bytes)
}
