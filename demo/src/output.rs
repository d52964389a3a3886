//! Standard output, whose reader may go before the program ends.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Nothing more can be printed.
#[derive(Debug)]
pub struct Unprinted(io::Error);

impl Unprinted {
    /// Whether the reader has gone, as `head` goes after ten lines. Then the program ends as well,
    /// without a word and with success.
    pub fn is_closed(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Unprinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

impl Error for Unprinted {}

/// Prints `text` to standard output.
///
/// # Errors
/// When it cannot be written; unlike `print!`, which panics.
pub fn print(text: impl fmt::Display) -> Result<(), Unprinted> {
    let mut out = io::stdout().lock();
    let written = write!(out, "{text}").and_then(|()| out.flush());
    written.map_err(Unprinted)
}

/// Prints `text` and a line feed to standard output.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl fmt::Display) -> Result<(), Unprinted> {
    print(format_args!("{text}\n"))
}

/// The error of a command that reads only files and writes only standard output, as [`Unprinted`] if
/// it is one of writing.
pub fn of_standard_output(error: Box<dyn Error>) -> Box<dyn Error> {
    match error.downcast::<io::Error>() {
        Ok(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::StorageFull) => {
            Box::new(Unprinted(*error))
        }
        Ok(error) => error,
        Err(error) => error,
    }
}
