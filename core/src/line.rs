//! Lines: finding the end, and trimming.

/// Returns the length in bytes of the first line of `input`, with its line feed, or `None` without a line feed.
///
/// The search skips the first `scanned` bytes, which contain no line feed, and adds the searched bytes to
/// `scanned`. So no byte is searched twice.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
pub(crate) fn find_end(input: &[u8], scanned: &mut usize) -> Option<usize> {
    let fresh = input.get(*scanned..).unwrap_or(&[]);
    let offset = if cfg!(target_pointer_width = "64") {
        line_feed(fresh)
    } else {
        // The search by words takes 100 bytes of code, too much for a small machine.
        fresh.iter().position(|byte| *byte == b'\n')
    };
    #[cfg(test)]
    crate::work::count(offset.unwrap_or(fresh.len()));
    // The sums stay within the input's length, so they do not wrap.
    *scanned = scanned.wrapping_add(offset.unwrap_or(fresh.len()));
    offset.map(|_| scanned.wrapping_add(1))
}

/// Returns the index of the first line feed. Searches one machine word at a time.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: usize = usize::from_ne_bytes([0x01; size_of::<usize>()]);
    const HIGH: usize = usize::from_ne_bytes([0x80; size_of::<usize>()]);
    const LINE_FEEDS: usize = usize::from_ne_bytes([b'\n'; size_of::<usize>()]);
    let (words, rest) = bytes.as_chunks::<{ size_of::<usize>() }>();
    let mut passed = 0usize;
    for word in words {
        // Each line feed is a zero byte in `zeros`. Subtracting one from each byte sets the high bit of the
        // lowest zero byte, and of no byte below it.
        let zeros = usize::from_le_bytes(*word) ^ LINE_FEEDS;
        let found = zeros.wrapping_sub(ONES) & !zeros & HIGH;
        if found != 0 {
            // The sums stay within the slice's length, so they do not wrap.
            return Some(passed.wrapping_add(found.trailing_zeros() as usize / 8));
        }
        passed = passed.wrapping_add(size_of::<usize>());
    }
    let offset = rest.iter().position(|byte| *byte == b'\n')?;
    Some(passed.wrapping_add(offset))
}

/// Returns whether `text` contains a line feed.
#[expect(clippy::manual_contains)] // `contains` takes 100 bytes of code, too much for a small machine
pub(crate) fn has_line_feed(text: &[u8]) -> bool {
    if cfg!(target_pointer_width = "64") {
        text.contains(&b'\n')
    } else {
        text.iter().any(|byte| *byte == b'\n')
    }
}

/// Returns `line` without the spaces, carriage returns and line feeds around it.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))] // size
pub(crate) fn trim(mut line: &[u8]) -> &[u8] {
    while let [b' ' | b'\r' | b'\n', rest @ ..] = line {
        line = rest;
    }
    while let [rest @ .., b' ' | b'\r' | b'\n'] = line {
        line = rest;
    }
    line
}

/// Returns `line` without its line feed and the carriage return before it.
pub(crate) fn strip_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\n'] | text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::line_feed;

    #[test]
    fn a_line_feed_is_found_at_every_offset() {
        // These bytes differ from a line feed by one bit, or could be mistaken for one after a borrow.
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
