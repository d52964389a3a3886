//! Lines: where one ends, and what of it counts.

/// The index of the first line feed, looked for behind the `scanned` bytes that are known to hold
/// none. What has been looked at is added to `scanned`, so no byte is looked at twice.
pub(crate) fn find_end(input: &[u8], scanned: &mut usize) -> Option<usize> {
    let fresh = input.get(*scanned..).unwrap_or(&[]);
    if let Some(offset) = fresh.iter().position(|byte| *byte == b'\n') {
        let end = scanned.saturating_add(offset);
        *scanned = end;
        return Some(end);
    }
    *scanned = input.len();
    None
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
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
