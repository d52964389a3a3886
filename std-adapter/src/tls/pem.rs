//! Certificates and private keys in PEM, and why some cannot be used.

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use std::io::{self, ErrorKind};
use webpki::{EndEntityCert, KeyUsage};

/// The certificates in this text, of which there is at least one.
pub(super) fn certificates(text: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(absent("certificate", text)),
        Err(error) => Err(unreadable("certificate", text, &error)),
    }
}

/// The certificates in this text, the first of which is an end's own.
pub(super) fn own_certificates(text: &[u8]) -> io::Result<Vec<CertificateDer<'static>>> {
    let chain = certificates(text)?;
    let own = chain.first().map(EndEntityCert::try_from);
    let own = own.ok_or_else(|| absent("certificate", text))?;
    // Without authorities this always fails, but only after it has looked at the certificate itself.
    let verified = own.and_then(|own| {
        let (time, usage) = (UnixTime::now(), KeyUsage::server_auth());
        own.verify_for_usage(&[], &[], &[], time, usage, None, None)
            .map(drop)
    });
    match verified {
        Err(webpki::Error::UnsupportedCertVersion) => Err(invalid(
            "its certificate is not of version 3, which TLS needs",
        )),
        Err(webpki::Error::CaUsedAsEndEntity) => Err(invalid(
            "its first certificate is an authority's, and must be this end's own",
        )),
        Err(webpki::Error::BadDer | webpki::Error::TrailingData(_)) => {
            Err(invalid("its certificate is malformed"))
        }
        // A certificate may be renewed, or the clock set, before anybody sees it.
        _ => Ok(chain),
    }
}

/// The private key in this text.
pub(super) fn private_key(text: &[u8]) -> io::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        Error::NoItemsFound | Error::Base64Decode(_) if is_encrypted(text) => invalid(
            "its private key is encrypted; decrypt it first, for instance with openssl pkey",
        ),
        Error::NoItemsFound => absent("private key", text),
        error => unreadable("private key", text, &error),
    })
}

/// Whether the key can be used, and is the certificate's.
pub(super) fn check_key(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> io::Result<()> {
    match CertifiedKey::from_der(chain.to_vec(), key.clone_key(), provider) {
        Ok(_) => Ok(()),
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(invalid(
            "the private key does not belong to the certificate",
        )),
        Err(_) => Err(invalid(
            "its private key is malformed, or of a kind that TLS does not use",
        )),
    }
}

/// As OpenSSL writes it in PKCS #8, or with the header of RFC 1421.
fn is_encrypted(text: &[u8]) -> bool {
    let has = |mark: &str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
    has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED")
}

fn absent(what: &str, text: &[u8]) -> io::Error {
    if text.trim_ascii().is_empty() {
        return invalid("it is empty");
    }
    // DER begins with this byte, and is no text.
    let hint = if text.starts_with(&[0x30]) && str::from_utf8(text).is_err() {
        "; it seems to be DER, which openssl converts"
    } else {
        ""
    };
    invalid(&format!("it holds no {what} in PEM{hint}"))
}

fn unreadable(what: &str, text: &[u8], error: &Error) -> io::Error {
    match error {
        Error::MissingSectionEnd { .. } => invalid("it is cut: a section has no line that ends it"),
        Error::IllegalSectionStart { .. } => invalid("a line that begins a section is malformed"),
        Error::Base64Decode(_) => invalid(&format!("the base64 of its {what} is malformed")),
        Error::NoItemsFound => absent(what, text),
        error => invalid(&format!("its {what} cannot be read: {error}")),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
