//! Standard output, whose reader may go away before the program ends.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Write};

/// The error of writing to standard output.
#[derive(Debug)]
pub struct Unprinted(io::Error);

impl Unprinted {
    /// Returns whether the reader has gone, as `head` does after ten lines. The program then ends
    /// silently, with success.
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
/// If writing fails. `print!` would panic instead.
pub fn print(text: impl fmt::Display) -> Result<(), Unprinted> {
    let mut out = io::stdout().lock();
    let written = write!(out, "{text}").and_then(|()| out.flush());
    written.map_err(Unprinted)
}

/// Prints `text` and a line feed to standard output.
///
/// # Errors
/// See [`print()`].
pub fn line(text: impl fmt::Display) -> Result<(), Unprinted> {
    print(format_args!("{text}\n"))
}

/// Converts an I/O error to [`Unprinted`]. For commands whose only failing writes are to standard output.
pub fn of_standard_output(error: Box<dyn Error>) -> Box<dyn Error> {
    match error.downcast::<io::Error>() {
        Ok(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::StorageFull) => {
            Box::new(Unprinted(*error))
        }
        Ok(error) => error,
        Err(error) => error,
    }
}
