//! Connections that end without a request. Load balancers open such connections to check that a port
//! is open, so they cause no warning.

use std::io::{self, ErrorKind};

/// Returns whether a connection ended before it was used: before the first byte of TLS, or within its
/// PROXY protocol header.
pub(crate) fn is_unused(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionAborted
}

/// Returns whether the peer ended the connection uncleanly: by a TCP reset, or without TLS's
/// `close_notify`. Between two requests this loses nothing.
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
    fn cut_and_unused_connections_are_distinguished_from_other_errors() {
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
