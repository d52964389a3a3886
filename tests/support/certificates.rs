//! Certificates for one test.

use bellwire_std::tls::{Acceptor, Connector, Identity, RootCerts};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// The host name, besides 127.0.0.1, of the test servers' certificates.
pub const HOST: &str = "localhost";

/// An authority, which signs certificates.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Debug)]
pub struct Signed {
    /// The certificate.
    pub chain: String,
    /// The key.
    pub key: String,
}

impl Authority {
    /// Creates an authority with a unique name.
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        Self::named(&format!(
            "Authority {}",
            MADE.fetch_add(1, Ordering::Relaxed)
        ))
    }

    /// Creates an authority named `name`.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Returns the authority's certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns the authority's certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// Signs a certificate for `names`.
    pub fn sign(&self, names: &[&str]) -> Signed {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        self.sign_as(&CertificateParams::new(names).unwrap())
    }

    /// Signs a certificate with `params`.
    pub fn sign_as(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Returns the authority as a root to trust.
    pub fn authorities(&self) -> RootCerts {
        RootCerts::from_pem(self.pem().as_bytes()).unwrap()
    }

    /// Returns an acceptor with a certificate for [`HOST`] and 127.0.0.1. With `clients`, it requires
    /// client certificates of that authority.
    pub fn acceptor(&self, clients: Option<&Self>) -> Acceptor {
        let clients = clients.map(Self::authorities);
        let identity = self.sign(&[HOST, "127.0.0.1"]).identity();
        Acceptor::new(identity, clients.as_ref()).unwrap()
    }

    /// Returns a connector that trusts the authority and presents `identity`.
    pub fn connector(&self, identity: Option<Signed>) -> Connector {
        let identity = identity.map(|signed| signed.identity());
        Connector::new(&self.authorities(), identity).unwrap()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Signed {
    /// Returns the certificate and key as an identity.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// A folder of PEM files for other programs, until dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Writes `ca.pem`, and for each name `NAME.pem` with the certificate followed by its key.
    pub fn new(test: &str, authority: &Authority, signed: &[(&str, &Signed)]) -> Self {
        let path = env::temp_dir().join(format!("bellwire-{test}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        fs::write(folder.file("ca.pem"), authority.pem()).unwrap();
        for (name, signed) in signed {
            let both = format!("{}{}", signed.chain, signed.key);
            fs::write(folder.file(&format!("{name}.pem")), both).unwrap();
        }
        folder
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> String {
        let path: &Path = &self.0.join(name);
        path.to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
