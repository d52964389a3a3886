//! Connections that end before they bring anything, as those of load balancers do that only look
//! whether a port is open. They are no reason for a warning.

use std::io::{self, ErrorKind};

/// Whether this is the error of a connection that ended before its conversation began.
pub(crate) fn is_unused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionAborted
}

/// Whether the peer ended the connection without a clean end: TCP reset it, or TLS was cut. Between
/// two requests nothing is lost by it.
pub(crate) fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::{is_cut, is_unused};
    use std::io::ErrorKind;

    #[test]
    fn a_cut_and_an_unused_connection_are_told_from_other_errors() {
        for (kind, cut, unused) in [
            (ErrorKind::UnexpectedEof, true, false),
            (ErrorKind::ConnectionReset, true, false),
            (ErrorKind::ConnectionAborted, false, true),
            (ErrorKind::InvalidData, false, false),
            (ErrorKind::TimedOut, false, false),
        ] {
            let error = kind.into();
            assert_eq!((is_cut(&error), is_unused(&error)), (cut, unused), "{kind}");
        }
    }
}
