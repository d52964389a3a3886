//! Certificates, and where they come from.

use super::pem::{certificates, check_key, own_certificates, private_key};
use super::provider;
use crate::resolve::explain;
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// What one end shows of itself: a certificate, those that lead from it to an authority, and
/// the private key.
#[derive(Debug)]
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From text in PEM: `chain` with the end's own certificate first, and a key as PKCS #8, SEC 1
    /// or PKCS #1 have it, not encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] if there is no certificate or no key, if the key is encrypted or not
    /// the certificate's, and if the first certificate is an authority's or not of version 3. That a
    /// certificate has expired is no error before the other end finds it.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> io::Result<Self> {
        Self::new(own_certificates(chain)?, private_key(key)?)
    }

    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> io::Result<Self> {
        check_key(&chain, &key, &provider())?;
        Ok(Self { chain, key })
    }

    /// From two files, which may be one.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), with the file's name; and those of reading.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Self> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let certificates = own_certificates(&read(chain)?);
        let certificates = certificates.map_err(|error| in_file(chain, &error))?;
        let secret = private_key(&read(key)?).map_err(|error| in_file(key, &error))?;
        Self::new(certificates, secret).map_err(|error| in_file(key, &error))
    }
}

/// Whose signature makes a certificate one to trust.
#[derive(Debug, Clone)]
pub struct RootCerts(pub(super) Arc<RootCertStore>);

impl RootCerts {
    /// From their certificates, in PEM.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where there is none, or one that cannot be used.
    pub fn from_pem(text: &[u8]) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(text)? {
            roots.add(certificate).map_err(|_| {
                io::Error::new(ErrorKind::InvalidData, "a certificate is malformed")
            })?;
        }
        Ok(Self(Arc::new(roots)))
    }

    /// From a file of them.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem), with the file's name; and those of reading.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        Self::from_pem(&read(path)?).map_err(|error| in_file(path, &error))
    }

    /// Those that this machine trusts, or, where the environment variable `SSL_CERT_FILE` or
    /// `SSL_CERT_DIR` is set, those that are found there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] where there is none.
    pub fn system() -> io::Result<Self> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // A system may hold some that are too old to be read, which bars none of the others.
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
