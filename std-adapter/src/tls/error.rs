//! TLS errors as sentences that say who must act.

use bellwire::Printable;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::io::{self, ErrorKind};

/// The error line, in plain text, for a client that does not begin TLS. Clients without TLS and
/// people with netcat can read it.
pub(crate) const NOT_TLS: &[u8] = b"!refused this port speaks TLS only; connect with TLS\n";

/// Returns whether a client that begins with this byte speaks TLS: 22 is the type of a handshake
/// record.
pub(crate) fn begins_tls(first: [u8; 1]) -> bool {
    first == [22]
}

/// Returns the error of a handshake with a client that does not speak TLS.
pub(crate) fn not_tls() -> io::Error {
    let why = "the client does not speak TLS, which this port requires";
    handshake_error(ErrorKind::InvalidData, why)
}

/// Returns the error of a failed handshake.
pub(crate) fn handshake_failed(error: &Error) -> io::Error {
    let why = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the peer does not speak TLS; connect without TLS".to_owned()
        }
        error => describe(error),
    };
    handshake_error(ErrorKind::InvalidData, &why)
}

/// Returns the error of a TLS connection that failed after its handshake. In TLS 1.3, a client also
/// learns only in its first read that the server rejects its certificate.
pub(crate) fn failed(error: &Error) -> io::Error {
    let what = format!("the TLS connection failed: {}", describe(error));
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Returns the error of a stream that ends without `close_notify`. An attacker may have truncated
/// it.
pub(crate) fn cut() -> io::Error {
    let what = "the TLS connection was cut: it ended without close_notify";
    io::Error::new(ErrorKind::UnexpectedEof, what)
}

/// Returns the error of a handshake during which the peer closed the connection.
pub(crate) fn gone() -> io::Error {
    let why = "the peer closed the connection";
    handshake_error(ErrorKind::UnexpectedEof, why)
}

/// Returns the error of a handshake whose peer sent no byte, such as a probe for an open port.
pub(crate) fn unused() -> io::Error {
    let why = "the peer closed the connection before it sent a byte";
    handshake_error(ErrorKind::ConnectionAborted, why)
}

/// Returns the error of a handshake that took too long.
pub(crate) fn too_slow() -> io::Error {
    handshake_error(ErrorKind::TimedOut, "it took too long")
}

/// Returns the error of a handshake for whose bytes the server has no room.
#[cfg(feature = "tokio")]
pub(crate) fn no_room() -> io::Error {
    let why = "the server has no room for more of its bytes";
    handshake_error(ErrorKind::QuotaExceeded, why)
}

/// Returns the error of a handshake that was interrupted by a stop of the server.
pub(crate) fn stopping() -> io::Error {
    handshake_error(ErrorKind::Interrupted, "the server is stopping")
}

fn handshake_error(kind: ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, format!("the TLS handshake failed: {why}"))
}

fn describe(error: &Error) -> String {
    use AlertDescription as Alert;
    use CertificateError as Bad;
    match error {
        Error::NoCertificatesPresented => {
            "the peer sent no certificate, but one is required".into()
        }
        // `BadSignature` if an unknown authority has the name of a trusted one.
        Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "the peer's certificate is not signed by a trusted authority".into()
        }
        Error::InvalidCertificate(Bad::NotValidForNameContext { expected, .. }) => {
            format!("the peer's certificate is not for {:?}", expected.to_str())
        }
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the peer's certificate has expired".into()
        }
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the peer's certificate is not valid yet".into()
        }
        Error::InvalidCertificate(Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. }) => {
            "the peer's certificate is for another purpose".into()
        }
        Error::InvalidCertificate(Bad::BadEncoding) => "the peer's certificate is malformed".into(),
        Error::InvalidCertificate(Bad::Other(other)) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the peer uses an authority's certificate as its own".into()
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "the peer's certificate is not of version 3".into()
            }
            _ => printable(error),
        },
        Error::AlertReceived(Alert::CertificateRequired) => {
            "the peer requires a certificate".into()
        }
        Error::AlertReceived(
            Alert::UnknownCA
            | Alert::DecryptError
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate,
        ) => "the peer rejected this end's certificate".into(),
        Error::AlertReceived(Alert::CertificateExpired) => {
            "the peer rejected this end's certificate as expired or not valid yet".into()
        }
        Error::AlertReceived(Alert::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("the two ends have no TLS version or algorithm in common ({error})")
        }
        error => printable(error),
    }
}

/// Returns the text of rustls, escaped because it may quote the peer.
fn printable(error: &Error) -> String {
    Printable::new(&error.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::handshake_failed;
    use rustls::{CertificateError, Error, OtherError};
    use std::sync::Arc;

    #[test]
    fn certificates_that_no_end_may_have_are_explained() {
        for (error, why) in [
            (
                webpki::Error::CaUsedAsEndEntity,
                "the peer uses an authority's certificate as its own",
            ),
            (
                webpki::Error::UnsupportedCertVersion,
                "the peer's certificate is not of version 3",
            ),
        ] {
            let error = CertificateError::Other(OtherError(Arc::new(error)));
            let error = handshake_failed(&Error::InvalidCertificate(error));
            assert_eq!(
                error.to_string(),
                format!("the TLS handshake failed: {why}")
            );
        }
    }
}
