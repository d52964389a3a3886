//! Loading certificates and private keys.

use super::pem::{certificates, check_key, own_certificates, private_key};
use crate::resolve::explain;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// A certificate chain and its private key, by which one end identifies itself.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Parses PEM text. The end's own certificate must be the first in `chain`. The key must be an
    /// unencrypted PKCS #8, SEC 1 or PKCS #1 key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if there is no certificate or no key, if the key is encrypted or
    /// does not belong to the certificate, or if the first certificate is an authority's or not of
    /// version 3. An expired certificate is not an error here; the peer rejects it.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> io::Result<Self> {
        Self::new(own_certificates(chain)?, private_key(key)?)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> io::Result<Self> {
        check_key(&chain, &key, &provider())?;
        Ok(Self { chain, key })
    }

    /// Reads the chain and the key from two files, or both from one file.
    ///
    /// # Errors
    /// The errors of [`from_pem`](Self::from_pem) and of reading, with the file's name.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Self> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let certificates = own_certificates(&read(chain)?);
        let certificates = certificates.map_err(|error| in_file(chain, &error))?;
        let secret = private_key(&read(key)?).map_err(|error| in_file(key, &error))?;
        Self::new(certificates, secret).map_err(|error| in_file(key, &error))
    }
}

/// The certificates of the authorities that one end trusts.
#[derive(Debug, Clone)]
pub struct RootCerts(pub(super) Arc<RootCertStore>);

impl RootCerts {
    /// Parses certificates in PEM.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if there is no certificate, or one is malformed.
    pub fn from_pem(text: &[u8]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(text)? {
            roots.add(certificate).map_err(|_| {
                io::Error::new(ErrorKind::InvalidData, "a certificate is malformed")
            })?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// Reads certificates in PEM from a file.
    ///
    /// # Errors
    /// The errors of [`from_pem`](Self::from_pem) and of reading, with the file's name.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        Self::from_pem(&read(path)?).map_err(|error| in_file(path, &error))
    }

    /// Loads the authorities that this machine trusts. If the environment variable `SSL_CERT_FILE`
    /// or `SSL_CERT_DIR` is set, loads those found there instead.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if no usable certificate is found.
    pub fn system() -> io::Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Skips certificates that are too old to be parsed; the others are still usable.
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let what = "this machine trusts no certificate authority";
            return Err(io::Error::new(ErrorKind::NotFound, what));
        }
        Ok(Self(Arc::new(roots)))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| in_file(path, &error))
}

fn in_file(path: &Path, error: &io::Error) -> io::Error {
    explain(format_args!("{}", path.display()), error)
}

/// Returns the cryptography provider. It is passed explicitly, because only the program may install
/// one for the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
