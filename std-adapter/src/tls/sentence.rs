//! What went wrong with TLS, as a sentence that says who must act.

use bellwire::Printable;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
use std::io::{self, ErrorKind};

/// What a client hears, in clear, that does not begin TLS: an error line, which it understands if it
/// is a client without TLS, or a person with netcat.
pub(crate) const NOT_TLS: &[u8] = b"!refused this port speaks TLS only; connect with TLS\n";

/// Whether a client that begins with this byte speaks TLS: it is the type of a record that carries
/// a handshake.
pub(crate) fn begins_tls(first: [u8; 1]) -> bool {
    first == [22]
}

/// The error of a handshake with a client that does not.
pub(crate) fn not_tls() -> io::Error {
    let why = "the client does not speak TLS, which this port demands";
    handshake_error(ErrorKind::InvalidData, why)
}

/// The error of a handshake that failed.
pub(crate) fn handshake_failed(error: &Error) -> io::Error {
    let why = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the other end does not speak TLS; connect to it without".to_owned()
        }
        error => sentence(error),
    };
    handshake_error(ErrorKind::InvalidData, &why)
}

/// The error of a TLS connection that broke after its handshake; of the client's first read also
/// what the server thinks of its certificate.
pub(crate) fn failed(error: &Error) -> io::Error {
    let what = format!("the TLS connection failed: {}", sentence(error));
    io::Error::new(ErrorKind::InvalidData, what)
}

/// The error of a stream that ends without TLS's end: somebody may have cut it.
pub(crate) fn cut() -> io::Error {
    let what = "the TLS connection was cut, as it ended without close_notify";
    io::Error::new(ErrorKind::UnexpectedEof, what)
}

/// The error of a handshake that the other end left.
pub(crate) fn gone() -> io::Error {
    let why = "the other end closed the connection";
    handshake_error(ErrorKind::UnexpectedEof, why)
}

/// The error of a handshake where the other end left without a word, as one does that only looks
/// whether the port is open.
pub(crate) fn unused() -> io::Error {
    let why = "the other end closed the connection before it sent a byte";
    handshake_error(ErrorKind::ConnectionAborted, why)
}

/// The error of a handshake that took too long.
pub(crate) fn too_slow() -> io::Error {
    handshake_error(ErrorKind::TimedOut, "it was not complete in time")
}

/// The error of a handshake whose bytes the server has no room to keep.
#[cfg(feature = "tokio")]
pub(crate) fn no_room() -> io::Error {
    let why = "the server has no room for more of its bytes";
    handshake_error(ErrorKind::QuotaExceeded, why)
}

/// The error of a handshake that this server's end has ended.
pub(crate) fn stopping() -> io::Error {
    handshake_error(ErrorKind::Interrupted, "the server is stopping")
}

fn handshake_error(kind: ErrorKind, why: &str) -> io::Error {
    io::Error::new(kind, format!("the TLS handshake failed: {why}"))
}

fn sentence(error: &Error) -> String {
    use AlertDescription as Alert;
    use CertificateError as Bad;
    match error {
        Error::NoCertificatesPresented => {
            "the other end shows no certificate, which is demanded here".into()
        }
        // The latter where an authority has the name of one that is trusted.
        Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "no authority that is trusted here has signed the other end's certificate".into()
        }
        Error::InvalidCertificate(Bad::NotValidForNameContext { expected, .. }) => format!(
            "the other end's certificate is not for {:?}",
            expected.to_str()
        ),
        Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "the other end's certificate has expired".into()
        }
        Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            "the other end's certificate is not valid yet".into()
        }
        Error::InvalidCertificate(Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. }) => {
            "the other end's certificate is for another purpose".into()
        }
        Error::InvalidCertificate(Bad::BadEncoding) => {
            "the other end's certificate is malformed".into()
        }
        Error::InvalidCertificate(Bad::Other(other)) => match other.0.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "the other end shows an authority's certificate as its own".into()
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "the other end's certificate is not of version 3".into()
            }
            _ => printable(error),
        },
        Error::AlertReceived(Alert::CertificateRequired) => {
            "the other end demands a certificate".into()
        }
        Error::AlertReceived(
            Alert::UnknownCA
            | Alert::DecryptError
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate,
        ) => "the other end does not take this end's certificate".into(),
        Error::AlertReceived(Alert::CertificateExpired) => {
            "the other end finds this end's certificate expired, or not valid yet".into()
        }
        Error::AlertReceived(Alert::ProtocolVersion) | Error::PeerIncompatible(_) => {
            format!("the two ends have no version or method in common ({error})")
        }
        error => printable(error),
    }
}

/// The library's own words, which may quote the other end.
fn printable(error: &Error) -> String {
    Printable::new(&error.to_string()).to_string()
}
