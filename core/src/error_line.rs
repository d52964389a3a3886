//! The line that a server sends in place of a reply.

use crate::Buffer;
use crate::error::{ErrorKind, RequestError};

/// The most bytes of an error line.
pub(crate) const LONGEST: usize = 160;

/// Writes `!code NAME: sentence`, cut between characters to the room there is. Nothing is written
/// where not even the `!` fits, as a line without it is a reply.
pub(crate) fn write(rejection: &RequestError, out: &mut Buffer<'_>) {
    let space = out.space();
    let Some(room) = space.len().min(LONGEST).checked_sub(1) else {
        return;
    };
    let mut line = Line {
        text: space.get_mut(..room).unwrap_or(&mut []),
        size: 0,
    };
    line.add("!");
    line.add(rejection.kind.code().as_str());
    if let Some(command) = rejection.command {
        line.add(" ");
        line.add(command);
    }
    let between = if rejection.command.is_some() {
        ": "
    } else {
        " "
    };
    if cfg!(feature = "sentences") {
        line.add(between);
        rejection.sentence().write_to(&mut |part| line.add(part));
    } else if matches!(rejection.kind, ErrorKind::Refused) && !rejection.detail.is_empty() {
        // A handler's own words are always sent.
        line.add(between);
        line.add(&rejection.detail);
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

struct Line<'a> {
    /// What is written, and where more goes.
    text: &'a mut [u8],
    size: usize,
}

impl Line<'_> {
    /// Adds what fits of `part`. Once something did not fit, nothing more does.
    #[inline(never)] // for the sake of small machines, as it has many callers
    fn add(&mut self, part: &str) {
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
    fn reads(
        command: Option<&'static str>,
        fault: ErrorKind,
        detail: &str,
        with: &str,
        without: &str,
    ) {
        let mut memory = [0; LONGEST];
        let mut out = Buffer::new(&mut memory);
        let rejection = RequestError {
            command,
            kind: fault,
            detail: detail.try_into().expect("short enough"),
            fatal: false,
        };
        write(&rejection, &mut out);
        let sentences = cfg!(feature = "sentences");
        let line = if sentences { with } else { without };
        assert_eq!(core::str::from_utf8(out.filled()), Ok(line));
    }

    #[test]
    fn sentences_are_a_feature_but_a_handlers_reason_is_always_sent() {
        let refused = "!refused STRING: no\n";
        reads(Some("STRING"), ErrorKind::Refused, "no", refused, refused);
        reads(
            Some("STRING"),
            ErrorKind::Unanswered,
            "",
            "!failed STRING: handler sent no reply\n",
            "!failed STRING\n",
        );
        reads(
            None,
            ErrorKind::UnknownCommand,
            "STRONG",
            "!unknown-command no command is named \"STRONG\"\n",
            "!unknown-command\n",
        );
    }
}
