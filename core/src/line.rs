//! Lines: where one ends, and what of it counts.

/// How many bytes the first line takes, its line feed included. It is looked for behind the
/// `scanned` bytes that are known to hold none. What has been looked at is added to `scanned`, so no
/// byte is looked at twice.
///
/// It is part of its callers where that is fast, and there once where that is small.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
pub(crate) fn find_end(input: &[u8], scanned: &mut usize) -> Option<usize> {
    let fresh = input.get(*scanned..).unwrap_or(&[]);
    let offset = if cfg!(target_pointer_width = "64") {
        line_feed(fresh)
    } else {
        // A smaller machine has more use for the 100 bytes that the search by words takes.
        fresh.iter().position(|byte| *byte == b'\n')
    };
    #[cfg(test)]
    crate::work::count(offset.unwrap_or(fresh.len()));
    // Nothing here goes beyond the input.
    *scanned = scanned.wrapping_add(offset.unwrap_or(fresh.len()));
    offset.map(|_| scanned.wrapping_add(1))
}

/// The index of the first line feed, looked for in a machine word at a time. No sum here goes beyond
/// the bytes.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: usize = usize::from_ne_bytes([0x01; size_of::<usize>()]);
    const HIGH: usize = usize::from_ne_bytes([0x80; size_of::<usize>()]);
    const LINE_FEEDS: usize = usize::from_ne_bytes([b'\n'; size_of::<usize>()]);
    let (words, rest) = bytes.as_chunks::<{ size_of::<usize>() }>();
    let mut passed = 0usize;
    for word in words {
        // A byte of `zeros` is zero where there is a line feed; subtracting one sets the high bit of
        // the lowest such byte, and of none below it.
        let zeros = usize::from_le_bytes(*word) ^ LINE_FEEDS;
        let found = zeros.wrapping_sub(ONES) & !zeros & HIGH;
        if found != 0 {
            return Some(passed.wrapping_add(found.trailing_zeros() as usize / 8));
        }
        passed = passed.wrapping_add(size_of::<usize>());
    }
    let offset = rest.iter().position(|byte| *byte == b'\n')?;
    Some(passed.wrapping_add(offset))
}

/// `line` without the spaces and carriage returns around it.
pub(crate) fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\r' | b'\n', rest @ ..] = line {
        line = rest;
    }
    while let [rest @ .., b' ' | b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}

/// `line` without its line feed and the carriage return before it.
pub(crate) fn strip_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] | text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::line_feed;

    #[test]
    fn a_line_feed_is_found_wherever_it_stands() {
        // Bytes that differ from it by one bit, or by a borrow, are no line feeds.
        for filler in [0x00, 0x09, 0x0b, 0x0d, 0x8a, 0x80, 0xff] {
            for start in 0..9 {
                for place in start..40 {
                    let mut bytes = [filler; 40];
                    bytes[place..].fill(b'\n');
                    assert_eq!(line_feed(&bytes[start..]), Some(place - start));
                    assert_eq!(line_feed(&bytes[start..place]), None);
                }
            }
        }
    }
}
