//! The error of the link's streams.

use super::Ended;
use core::fmt;
use embedded_io::ErrorKind;

/// An error of a stream over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error<E> {
    /// The conversation is over. This persists until the stream is restarted.
    Ended(Ended),
    /// The line cannot be used.
    Transport(E),
}

impl<E: fmt::Debug> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended(ended) => ended.fmt(f),
            Self::Transport(error) => write!(f, "serial line failed: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Error<E> {}

impl<E: embedded_io::Error> embedded_io::Error for Error<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Ended(Ended::Closed) => ErrorKind::BrokenPipe,
            Self::Ended(Ended::Reset) => ErrorKind::ConnectionReset,
            Self::Ended(Ended::Dead) => ErrorKind::TimedOut,
            Self::Transport(error) => error.kind(),
        }
    }
}

/// Returns whether an error damages bytes only.
pub(super) fn is_noise(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidData | ErrorKind::OutOfMemory | ErrorKind::Interrupted
    )
}
