//! The error line, which a server sends in place of a reply.

use crate::Buffer;
use crate::error::{ErrorKind, RequestError};

/// The most bytes of an error line, with its line feed.
pub(crate) const LONGEST: usize = 160;

/// Writes `!code NAME: sentence`, cut between characters to the free space.
///
/// If not even the `!` fits, nothing is written, because a line without it would be a reply.
pub(crate) fn write(error: &RequestError, out: &mut Buffer<'_>) {
    let space = out.space();
    let Some(room) = space.len().min(LONGEST).checked_sub(1) else {
        return;
    };
    let mut line = Line::new(space.get_mut(..room).unwrap_or(&mut []));
    line.add("!");
    line.add(error.kind.code().as_str());
    if let Some(command) = error.command {
        line.add(" ");
        line.add(command);
    }
    let between = if error.command.is_some() { ": " } else { " " };
    if cfg!(feature = "sentences") {
        line.add(between);
        error.sentence().write_to(&mut |part| line.add(part));
    } else if matches!(error.kind, ErrorKind::Refused) && !error.detail.is_empty() {
        // A handler's reason is always sent.
        line.add(between);
        line.add(&error.detail);
    }
    let size = line.size;
    if size == 0 {
        return;
    }
    if let Some(slot) = space.get_mut(size) {
        *slot = b'\n';
        out.fill(size.saturating_add(1));
    }
}

/// A line that is written in parts.
pub(crate) struct Line<'a> {
    /// The written text and the free space after it.
    text: &'a mut [u8],
    size: usize,
}

impl<'a> Line<'a> {
    /// Creates an empty line over `text`.
    pub(crate) fn new(text: &'a mut [u8]) -> Self {
        Self { text, size: 0 }
    }

    /// Returns the bytes written.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Adds `part`, cut to the free space. After a cut, later parts are discarded.
    #[inline(never)] // size
    pub(crate) fn add(&mut self, part: &str) {
        let free = self.text.get_mut(self.size..).unwrap_or(&mut []);
        let size = part.floor_char_boundary(free.len());
        for (slot, byte) in free.iter_mut().zip(part.bytes().take(size)) {
            *slot = if byte == b'\n' { b' ' } else { byte };
        }
        self.size = self.size.saturating_add(size);
        if size < part.len() {
            self.text = &mut [];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, write};
    use crate::Buffer;
    use crate::error::{ErrorKind, RequestError};

    #[track_caller]
    fn writes(
        command: Option<&'static str>,
        kind: ErrorKind,
        detail: &str,
        with: &str,
        without: &str,
    ) {
        let mut memory = [0; LONGEST];
        let mut out = Buffer::new(&mut memory);
        let error = RequestError {
            command,
            kind,
            detail: detail.try_into().expect("short enough"),
            fatal: false,
        };
        write(&error, &mut out);
        let sentences = cfg!(feature = "sentences");
        let line = if sentences { with } else { without };
        assert_eq!(core::str::from_utf8(out.filled()), Ok(line));
    }

    #[test]
    fn a_handlers_reason_is_sent_even_without_the_sentences_feature() {
        let refused = "!refused STRING: no\n";
        writes(Some("STRING"), ErrorKind::Refused, "no", refused, refused);
        writes(
            Some("STRING"),
            ErrorKind::Unanswered,
            "",
            "!failed STRING: handler sent no reply\n",
            "!failed STRING\n",
        );
        writes(
            None,
            ErrorKind::UnknownCommand,
            "STRONG",
            "!unknown-command no command is named \"STRONG\"\n",
            "!unknown-command\n",
        );
    }
}
